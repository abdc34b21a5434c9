"""What packages are made from: entries for desktops, icons, manual, completions, and the rules of what goes in."""

from __future__ import annotations

import argparse
import configparser
import json
import os
import plistlib
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import command_line
import debian
import installed_tree
import licences
import macos_bundle
import make
import needs
import plugins
import pytest
import rpm
import shared_libraries
from PIL import Image

from netwatch_tray import autostart
from netwatch_tray.cli.parser import build

ROOT = Path(__file__).resolve().parents[2]
LINUX = ROOT / "assets" / "linux"
DESKTOP = LINUX / "netwatch-tray.desktop"
METAINFO = LINUX / "io.netwatch.tray.metainfo.xml"


def run(*command: str | Path, **options: Any) -> str:
    """Run a command. Return both its outputs; fail if it does not succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout + done.stderr)


def requires(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not shutil.which(program), reason=f"{program} is not installed")


# Desktop entry and metainfo


def desktop_entry() -> configparser.ConfigParser:
    entry = configparser.ConfigParser(interpolation=None)
    entry.optionxform = str  # type: ignore[assignment,method-assign]  # keys have upper and lower case here
    entry.read_string(DESKTOP.read_text("utf-8"))
    return entry


def test_desktop_files_start_existing_subcommands() -> None:
    entry = desktop_entry()
    sections = [
        "Desktop Entry",
        *(f"Desktop Action {name}" for name in entry["Desktop Entry"]["Actions"].split(";")[:-1]),
    ]
    assert sections == entry.sections()
    for section in sections:
        program, *words = entry[section]["Exec"].split()
        assert program == "netwatch-tray"
        build().parse_args(words)


def test_window_icon_and_autostart_find_the_desktop_entry() -> None:
    # The window names its desktop file, the autostart entry its icon: all by the same word.
    application = (ROOT / "netwatch_tray" / "window" / "shell" / "application.py").read_text("utf-8")
    assert f'setDesktopFileName("{DESKTOP.stem}")' in application
    assert f"Icon={desktop_entry()['Desktop Entry']['Icon']}\n" in autostart._desktop_entry(("x",))


@requires("desktop-file-validate")
def test_the_desktop_entry_is_valid() -> None:
    assert run("desktop-file-validate", DESKTOP) == ""


def test_metainfo_names_installed_files() -> None:
    component = ET.parse(METAINFO).getroot()
    assert component.findtext("id") == macos_bundle.IDENTIFIER == installed_tree.APPLICATION == autostart._LABEL
    assert component.findtext("launchable") == DESKTOP.name
    assert component.findtext("icon") == desktop_entry()["Desktop Entry"]["Icon"]


@requires("appstreamcli")
def test_metainfo_is_valid(tmp_path: Path) -> None:
    filled = tmp_path / METAINFO.name
    filled.write_text(METAINFO.read_text("utf-8").replace("@VERSION@", "1.2.3").replace("@DATE@", "2026-01-31"))
    run("appstreamcli", "validate", "--no-net", "--pedantic", filled)


# Icons


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs.qt()
    place = tmp_path_factory.mktemp("assets") / "drawn"
    run(sys.executable, ROOT / "tools" / "assets.py", place)
    return place


@pytest.mark.parametrize("size", [16, 22, 24, 32, 48, 64, 128, 256, 512])
def test_each_size_shows_both_arrows(drawn: Path, size: int) -> None:
    with Image.open(drawn / "hicolor" / f"{size}x{size}" / "apps" / "netwatch-tray.png") as picture:
        assert picture.size == (size, size)
        colours = [picture.getpixel((int(size * x), size // 2)) for x in (0.345, 0.655)]
    assert colours == [(0x5E, 0xAA, 0xF6, 255), (0xF0, 0x9A, 0x5C, 255)]


def test_at_16_pixels_edges_are_sharp(drawn: Path) -> None:
    with Image.open(drawn / "hicolor" / "16x16" / "apps" / "netwatch-tray.png") as picture:
        row = [picture.convert("RGB").getpixel((x, 4)) for x in range(3, 8)]
    background, *stem, right, _ = row
    assert stem == [(0x5E, 0xAA, 0xF6)] * 2
    assert background == right  # no half-covered pixel beside the stem


def test_the_symbolic_icon_takes_the_colour_of_its_place(drawn: Path) -> None:
    svg = (drawn / "hicolor" / "symbolic" / "apps" / "netwatch-tray-symbolic.svg").read_text("utf-8")
    root = ET.fromstring(svg)
    assert root.get("viewBox") == "0 0 16 16"
    assert all(path.get("fill") == "currentColor" for path in root.iter("{http://www.w3.org/2000/svg}path"))


def test_the_tray_icons_are_installed_with_the_program(drawn: Path) -> None:
    theme = ROOT / "assets" / "tray" / "hicolor"
    icons = [file.relative_to(theme) for file in theme.rglob("*.svg")]
    assert len(icons) > 100
    # What has a dash before `-symbolic` is looked up without what follows it: as the program's icon.
    assert not [icon.name for icon in icons if "-" in icon.stem.removesuffix("-symbolic")]
    assert all((drawn / "hicolor" / icon).read_bytes() == (theme / icon).read_bytes() for icon in icons)


def test_the_icns_has_every_size(drawn: Path) -> None:
    with Image.open(drawn / "NetWatch.icns") as icon:
        widths = {width * scale for width, _, scale in icon.info["sizes"]}
    assert {32, 64, 256, 512, 1024} <= widths


# Manual and completions


@pytest.fixture
def sample() -> command_line.Subcommand:
    parser = argparse.ArgumentParser(prog="netwatch-tray", description="Does it.")
    subcommands = parser.add_subparsers()
    watch = subcommands.add_parser("watch", help="it's -- what: 'now'")
    watch.add_argument("--count", type=int, metavar="N", help="after N (default: %(default)s)", default=3)
    watch.add_argument("--form", choices=("text", "json"), help="for whom")
    watch.add_argument("how", choices=("fast", "slow"))
    upload = subcommands.add_parser("upload", help="to a server").add_subparsers()
    upload.add_parser("setup", help="asks")
    subcommands.add_parser("internal")
    return command_line.describe(parser)


def test_internal_subcommands_are_left_out(sample: command_line.Subcommand) -> None:
    assert [subcommand.name for subcommand in sample.subcommands] == ["watch", "upload"]
    assert sample.subcommands[0].options[1].help == "after N (default: 3)"


@requires("groff")
@pytest.mark.parametrize("of", ["sample", "program"])
def test_the_manual_is_well_formed_and_whole(of: str, sample: command_line.Subcommand) -> None:
    program = sample if of == "sample" else command_line.describe(build())
    page = command_line.man_page(program, "1.2.3", "2026-01-31")
    shown = run("groff", "-man", "-Tutf8", "-ww", "-P-cbou", input=page)
    assert "warning" not in shown
    for path, subcommand in command_line._paths(program):
        assert " ".join(path) in shown
        assert all(flag in shown for option in subcommand.options for flag in option.flags)


def complete(script: Path, *words: str) -> set[str]:
    """Return the completions that bash offers for the last of these words."""
    line = " ".join(f"'{word}'" for word in ("netwatch-tray", *words))
    code = f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words)}; _netwatch_tray; echo ${{COMPREPLY[@]}}"
    return set(run("bash", "-c", code).split())


def test_bash_completes_subcommands_and_their_options(sample: command_line.Subcommand, tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(command_line.bash(sample))
    assert {"watch", "upload", "--help"} <= complete(script, "")
    assert complete(script, "watch", "--c") == {"--count"}
    assert complete(script, "watch", "s") == {"slow"}
    assert complete(script, "upload", "se") == {"setup"}
    assert complete(script, "watch", "--form", "t") == {"text"}
    assert complete(script, "watch", "--count", "") == set()
    assert complete(script, "watch", "--count", "3", "--f") == {"--form"}


@requires("fish")
def test_fish_completes_subcommands_and_their_options(sample: command_line.Subcommand, tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(command_line.fish(sample))

    def offered(line: str) -> set[str]:
        told = run("fish", "--no-config", "-c", f"source {script}; complete -C '{line}'", env={"HOME": str(tmp_path)})
        return {each.partition("\t")[0] for each in told.splitlines()}

    assert offered("netwatch-tray ") == {"watch", "upload"}
    assert offered("netwatch-tray watch --") >= {"--count"}
    assert offered("netwatch-tray watch s") == {"slow"}
    assert offered("netwatch-tray watch --form ") == {"text", "json"}
    assert offered("netwatch-tray upload ") == {"setup"}


@requires("zsh")
def test_zsh_completes_subcommands_and_their_options(sample: command_line.Subcommand, tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(command_line.zsh(sample))

    def offered(*words: str) -> set[str]:
        line = " ".join(f"'{word}'" for word in ("netwatch-tray", *words))
        describe = "_describe() { print -rl -- ${(P)2} }"  # zsh would show what we print
        code = f"{describe}; f() {{ local words=({line}) CURRENT={len(words) + 1}; source {script} }}; f"
        return {each.partition(":")[0] for each in run("zsh", "-fc", code).splitlines()}

    assert offered("") >= {"watch", "upload", "--help"}
    assert offered("watch", "") == {"fast", "slow", "--count", "--form", "--help", "-h"}
    assert offered("watch", "--form", "") == {"text", "json"}
    assert offered("watch", "--count", "3", "") == offered("watch", "")
    assert offered("upload", "") == {"setup", "--help", "-h"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_are_valid_scripts(shell: str, tmp_path: Path) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "completion"
    script.write_text(getattr(command_line, shell)(command_line.describe(build())))
    run(shell, "-n", script)


def test_texts_with_quotes_stay_texts(sample: command_line.Subcommand) -> None:
    assert """'it'\\''s -- what: '\\''now'\\'''""" in command_line.fish(sample)
    assert r"'watch:it'\''s -- what\: '\''now'\'''" in command_line.zsh(sample)


# What goes into the wheel


@requires("git")
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="only git tells which files there are")
def test_the_wheel_has_the_whole_package_and_its_assets(tmp_path: Path) -> None:
    run(sys.executable, "-m", "hatchling", "build", "-d", tmp_path, "-t", "sdist", "-t", "wheel", cwd=ROOT)
    (wheel,) = tmp_path.glob("*.whl")
    (source,) = tmp_path.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as opened:
        packed = {name for name in opened.namelist() if not name.partition("/")[0].endswith(".dist-info")}
        commands = opened.read(next(name for name in opened.namelist() if name.endswith("/entry_points.txt")))
    listed = run("git", "ls-files", "netwatch_tray", "assets", cwd=ROOT).splitlines()
    assert packed == {name.replace("assets/", "netwatch_tray/assets/", 1) for name in listed}
    assert b"netwatch-tray = netwatch_tray.cli:main" in commands
    with tarfile.open(source) as archive:
        assert {name.partition("/")[2] for name in archive.getnames()} >= {*listed, "LICENSE", "README.md"}


# What goes into the frozen program


@pytest.mark.parametrize(
    ("file", "is_kept"),
    [
        ("PySide6/Qt/plugins/platforms/libqxcb.so", True),
        ("PySide6/Qt/plugins/platforms/libqcocoa.dylib", True),
        ("PySide6/Qt/plugins/wayland-shell-integration/libxdg-shell.so", True),
        ("PySide6/Qt/plugins/platforms/libqeglfs.so", False),
        ("PySide6/Qt/plugins/platformthemes/libqgtk3.so", False),
        ("PySide6/Qt/plugins/tls/libqopensslbackend.so", False),
        ("PySide6/Qt/translations/qtbase_de.qm", False),
        ("PySide6/Qt/lib/libQt6Core.so.6", True),
        ("netwatch_tray/assets/icons/pause.svg", True),
    ],
)
def test_plugins_of_qt_are_kept_only_if_they_are_used(file: str, is_kept: bool) -> None:
    assert plugins.keep(file) is is_kept


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Return a directory in which `root.so` needs `libnear.so`, and that needs `libfar.so`; nothing needs
    `libalone.so`."""
    needs.programs("cc")

    def link(name: str, *needed: str) -> None:
        (tmp_path / "empty.c").write_text(f"int {name.replace('.', '_')};")
        libraries = [f"-l:{other}" for other in needed]
        run("cc", "-shared", "-o", name, "empty.c", "-Wl,--no-as-needed", "-L.", *libraries, cwd=tmp_path)

    link("libfar.so")
    link("libalone.so")
    link("libnear.so", "libfar.so")
    link("root.so", "libnear.so")
    return tmp_path


@pytest.mark.skipif(sys.platform != "linux", reason="makes ELF files")
def test_only_libraries_that_something_links_to_are_carried(library: Path) -> None:
    entries = [(file.name, str(file), "BINARY") for file in sorted(library.glob("lib*.so"))]
    entries.append(("root.so", str(library / "root.so"), "EXTENSION"))
    kept = shared_libraries.still_needed(entries)
    assert [name for name, _, _ in kept] == ["libfar.so", "libnear.so", "root.so"]
    dangling = [("a", "libalone.so", "SYMLINK"), ("b", "libfar.so", "SYMLINK"), ("c", "/c", "DATA")]
    assert [name for name, _, _ in shared_libraries.without_dangling(dangling, kept)] == ["b", "c"]


@pytest.mark.skipif(sys.platform != "linux", reason="makes ELF files")
def test_an_rpm_requires_sonames_and_the_version_of_the_c_library(library: Path) -> None:
    libc, *others = rpm.requires(library)
    assert re.fullmatch(r"libc\.so\.6\(GLIBC_2\.\d+\)\(64bit\)", libc)
    assert set(others) <= {"libc.so.6()(64bit)"}


def test_packages_install_only_below_usr(drawn: Path, tmp_path: Path) -> None:
    """dpkg removes directories that become empty, and no package owns /opt."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "netwatch-tray").touch(0o755)
    shells = dict.fromkeys(("bash", "fish", "zsh"), "complete")
    contents = installed_tree.Contents(folder, drawn / "hicolor", "d", "m", "manual", shells, "1.2.3", 1_700_000_000)
    root = tmp_path / "root"
    installed_tree.put(contents, root, zsh="site-functions")
    installed_tree.finish(root, contents.epoch)
    assert [place.name for place in root.iterdir()] == ["usr"]
    assert (root / "usr/bin/netwatch-tray").resolve() == root / "usr/lib/netwatch-tray/netwatch-tray"
    assert {path.lstat().st_mtime for path in root.rglob("*")} == {contents.epoch}
    program, entry = root / "usr/lib/netwatch-tray/netwatch-tray", root / "usr/share/applications/netwatch-tray.desktop"
    assert [f"{file.stat().st_mode & 0o777:o}" for file in (program, entry)] == ["755", "644"]


@pytest.mark.skipif(sys.platform != "linux", reason="makes ELF files")
def test_package_depends_on_libraries_that_it_does_not_contain(library: Path) -> None:
    libc, *others = debian.depends(library)
    assert re.fullmatch(r"libc6 \(>= 2\.\d+\)", libc)
    assert others == []
    (library / "libfar.so").unlink()
    with pytest.raises(shared_libraries.PackageError, match=r"libfar\.so.*shared_libraries\.py"):
        debian.depends(library)


# macOS


APPLES_KEYS = {
    **dict.fromkeys(
        "CFBundleDisplayName CFBundleName CFBundleShortVersionString CFBundleVersion LSApplicationCategoryType "
        "LSMinimumSystemVersion NSLocalNetworkUsageDescription NSPrincipalClass CFBundleDevelopmentRegion "
        "CFBundleExecutable CFBundleIconFile CFBundleIdentifier CFBundleInfoDictionaryVersion "
        "CFBundlePackageType".split(),
        str,
    ),
    **dict.fromkeys(
        "LSUIElement LSAppNapIsDisabled NSHighResolutionCapable NSSupportsAutomaticGraphicsSwitching".split(), bool
    ),
    "LSArchitecturePriority": list,
}
"""Keys of Info.plist and their types (developer.apple.com, Bundle Resources, Information Property List)."""


def test_info_plist_declares_a_menu_bar_program() -> None:
    plist = plistlib.loads(plistlib.dumps(macos_bundle.properties("1.2.3")))
    assert plist["LSUIElement"] is True
    assert plist["LSAppNapIsDisabled"] is True
    assert plist["NSHighResolutionCapable"] is True
    assert plist["CFBundleShortVersionString"] == "1.2.3"
    assert [key for key in plist if key.endswith("UsageDescription")] == ["NSLocalNetworkUsageDescription"]
    assert {key: type(value) for key, value in plist.items()} == {key: APPLES_KEYS[key] for key in plist}


def test_requirements_keep_their_hashes() -> None:
    lock = "# head\na==1 \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\nab==2 ; x \\\n    --hash=sha256:3\nb==3\n"
    assert macos_bundle.requirements(lock, ["a", "b"]) == "a==1 \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\nb==3\n"


def test_entitlements_are_a_valid_plist() -> None:
    entitlements = plistlib.loads((ROOT / "packaging" / "macos" / "entitlements.plist").read_bytes())
    assert all(entitlements.values())


# Recipes of other systems


RECIPES = {
    "arch": (ROOT / "packaging/arch/PKGBUILD", r"^pkgver=(.+)$"),
    "nix": (ROOT / "packaging/nix/package.nix", r'^  version = "(.+)";$'),
    "homebrew": (ROOT / "packaging/homebrew/netwatch-tray.rb", r'^  version "(.+)"$'),
}


@pytest.mark.parametrize("of", RECIPES)
def test_recipes_have_the_version_of_the_program(of: str) -> None:
    file, pattern = RECIPES[of]
    assert re.findall(pattern, file.read_text("utf-8"), re.MULTILINE) == [make.version()]


@pytest.mark.parametrize("name", ["PKGBUILD", "netwatch-tray.install"])
def test_recipes_for_arch_are_bash(name: str) -> None:
    run("bash", "-n", ROOT / "packaging" / "arch" / name)


@requires("nix-instantiate")
def test_the_recipe_for_nix_parses(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "NIX_STORE_DIR": str(tmp_path), "NIX_STATE_DIR": str(tmp_path)}
    run("nix-instantiate", "--parse", RECIPES["nix"][0], env={**os.environ, **environment})


def test_the_recipe_for_nix_has_the_dependencies_of_the_program() -> None:
    text = RECIPES["nix"][0].read_text("utf-8")
    listed = re.search(r"dependencies = with python3Packages; \[(.*?)\];", text, re.DOTALL)
    assert listed is not None
    wanted = {re.split(r"[<>=;]", line)[0].lower() for line in make._project_requirements().splitlines()
              if "darwin" not in line}  # fmt: skip
    assert set(listed[1].split()) == {name.removesuffix("-essentials") for name in wanted}


@requires("ruby")
def test_syntax_of_the_cask_is_valid_ruby() -> None:
    run("ruby", "-c", RECIPES["homebrew"][0])


def test_cask_quits_the_program_and_names_its_files() -> None:
    text = RECIPES["homebrew"][0].read_text("utf-8")
    assert f'quit: "{macos_bundle.IDENTIFIER}"' in text
    assert f"~/Library/LaunchAgents/{autostart._LABEL}.plist" in text
    assert 'app "NetWatch Tray.app"' in text


# Scripts and the workflow

SCRIPTS = [
    ROOT / "dev",
    ROOT / ".ci/run",
    *sorted((ROOT / "packaging").rglob("*.sh")),
    ROOT / "packaging/appimage/AppRun",
    ROOT / "packaging/debian/prerm",
    ROOT / "packaging/rpm/preun",
]
WORKFLOW = ROOT / ".github" / "workflows" / "build.yml"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shell_scripts_parse(script: Path) -> None:
    assert script.stat().st_mode & 0o111
    run("sh", "-n", script)


@requires("shellcheck")
def test_shell_scripts_are_clean() -> None:
    run("shellcheck", *SCRIPTS)


@requires("actionlint")
def test_the_workflow_is_valid() -> None:
    """Needs actionlint: `go install github.com/rhysd/actionlint/cmd/actionlint@latest`."""
    run("actionlint", WORKFLOW)


def test_workflow_calls_existing_commands() -> None:
    text = WORKFLOW.read_text("utf-8")
    built = [part for line in re.findall(r"\./dev package ([\w ]+)", text) for part in line.split()]
    assert set(built) <= make.PARTS.keys()
    assert "folder" in built
    assert "deb" in built
    scripts = re.findall(r"\b((?:packaging|tools)/[\w./-]+)", text)
    assert scripts
    assert [script for script in scripts if not (ROOT / script).is_file()] == []
    for words in re.findall(r"netwatch-tray\"? ((?:selftest|doctor)[ \w-]*)$", text, re.MULTILINE):
        build().parse_args(words.split())
    assert not re.search(r"uses: [^@\s]+(?:@(?:main|master))?$", text, re.MULTILINE)


def test_the_flatpak_asks_for_no_more_than_it_needs() -> None:
    """Permitted are a display, the network, the tray and notifications: no files, and no devices but the
    graphics card."""
    manifest = json.loads((ROOT / "packaging/flatpak/io.netwatch.tray.json").read_text("utf-8"))
    assert manifest["id"] == macos_bundle.IDENTIFIER
    for permission in manifest["finish-args"]:
        assert permission.startswith(("--share=", "--socket=", "--talk-name=", "--device=dri"))


@pytest.mark.parametrize(
    ("found", "packages"),
    [
        ("libz1:amd64: /usr/lib/x86_64-linux-gnu/libz.so.1\n", ["libz1"]),
        ("fontconfig, libfontconfig1:amd64, libfontconfig1:i386: /usr/share/doc\n",
         ["fontconfig", "libfontconfig1", "libfontconfig1"]),
        ("diversion by libc6 from: /lib64/ld.so.2\ndiversion by libc6 to: /lib64/ld.so.2.usr-is-merged\n", []),
        ("diversion by dash from: /usr/bin/sh\nlibc6:amd64: /usr/lib64/ld.so.2\n", ["libc6"]),
        ("local diversion from: /usr/lib/libGL.so.1\nlocal diversion to: /usr/lib/libGL.so.1.distrib\n", []),
        ("libodd: /usr/lib/a: b.so\n", ["libodd"]),
        ("", []),
    ],
)  # fmt: skip
def test_owners_of_a_file_are_packages_and_no_diversions(found: str, packages: list[str]) -> None:
    assert licences.owners(found) == packages
