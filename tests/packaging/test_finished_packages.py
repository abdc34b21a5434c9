"""What people install, really built, installed, used and removed: `./dev package check`. Takes minutes, needs root and
the network, so it is no part of `./dev test`."""

from __future__ import annotations

import configparser
import contextlib
import hashlib
import json
import plistlib
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import code_signature
import macos_bundle
import pytest
import shared_libraries
from bare_debian import SUITES, BareDebian
from desktop import Session
from licences import owners
from make import digest, version
from networks import FAR, PACED_SENDER, RECEIVER, Wire
from PIL import Image
from test_package_sources import APPLES_KEYS

pytestmark = [pytest.mark.package, pytest.mark.skipif(sys.platform != "linux", reason="builds for Linux")]

ROOT = Path(__file__).resolve().parents[2]
DIST = ROOT / "dist"
FOLDER = DIST / "netwatch-tray"
SPEED = 5_000_000
PORT = 5201
DOWNLOAD_LINE = (0x14, 0x63, 0xBD)
MEGABYTE = 1_000_000
X11_SOCKETS = "/tmp/.X11-unix"  # noqa: S108  where X servers have them


def run(*command: str | Path, timeout: float = 120, **options: Any) -> str:
    """Run a command. Return what it printed; fail if it does not succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return str(done.stdout)


def build(*what: str) -> None:
    run(ROOT / "dev", "package", *what, timeout=1800)


@pytest.fixture(scope="module")
def built() -> Path:
    """Return the directory of all packages for Linux, made from one frozen folder."""
    for old in [*DIST.glob("*.deb"), *DIST.glob("*.rpm")]:
        old.unlink()
    build("deb", "rpm", "appdir")
    return DIST


@pytest.fixture(scope="module")
def deb(built: Path) -> Path:
    (package,) = built.glob("netwatch-tray_*.deb")
    return package


@pytest.fixture(scope="module")
def rpm(built: Path) -> Path:
    (package,) = built.glob("netwatch-tray-*.rpm")
    return package


# The frozen folder and its Debian package


def test_sizes_are_within_their_limits(deb: Path) -> None:
    folder = sum(file.lstat().st_size for file in FOLDER.rglob("*") if not file.is_dir())
    assert folder <= 150 * MEGABYTE
    assert deb.stat().st_size <= 45 * MEGABYTE


@pytest.mark.usefixtures("deb")
def test_built_folder_contains_no_path_of_the_build_machine() -> None:
    files = [file for file in FOLDER.rglob("*") if file.is_file() and not file.is_symlink()]
    assert [file for file in files if str(ROOT).encode() in file.read_bytes()] == []
    for file in shared_libraries.elf_files(FOLDER):
        assert re.findall(r"R(?:UN)?PATH +(?!\$ORIGIN)\S+", run("objdump", "-p", file)) == [], file


@pytest.mark.usefixtures("deb")
def test_every_component_has_its_licence() -> None:
    licences = FOLDER / "_internal" / "licences"
    sbom = json.loads((licences / "sbom.cdx.json").read_text("utf-8"))
    assert sbom["bomFormat"] == "CycloneDX"
    names = {component["name"] for component in sbom["components"]}
    assert {"CPython", "psutil", "pyside6-essentials", "pystray", "shiboken6", "libssl3"} <= names
    folders = {f"{each['name']}-{each['version'].replace(':', '_')}" for each in sbom["components"]}
    assert folders == {place.name for place in licences.iterdir() if place.is_dir()}
    assert [name for name in folders if not any(text.stat().st_size for text in (licences / name).iterdir())] == []
    assert "MIT License" in (licences / "LICENSE").read_text("utf-8")


@pytest.mark.usefixtures("deb")
def test_every_carried_library_belongs_to_a_component() -> None:
    """What was taken from the system is listed with its Debian package."""
    sbom = json.loads((FOLDER / "_internal" / "licences" / "sbom.cdx.json").read_text("utf-8"))
    listed = {component["name"] for component in sbom["components"] if component["purl"].startswith("pkg:deb/")}
    for file in (FOLDER / "_internal").glob("lib*.so*"):
        if file.is_symlink() or file.name.startswith("libpython"):
            continue
        owner = owners(run("env", "LC_ALL=C", "dpkg", "-S", f"*/{file.name}"))[0]
        assert owner in listed, file.name


def test_the_package_is_clean_by_lintian(deb: Path) -> None:
    done = subprocess.run(
        ["lintian", "--allow-root", "--tag-display-limit", "0", "--fail-on", "error,warning", deb],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, ""), done.stdout


def test_desktop_and_metainfo_in_the_package_are_valid(deb: Path, tmp_path: Path) -> None:
    run("dpkg-deb", "-x", deb, tmp_path)
    assert run("desktop-file-validate", tmp_path / "usr/share/applications/netwatch-tray.desktop") == ""
    run("appstreamcli", "validate-tree", "--no-net", "--pedantic", tmp_path)


def test_two_builds_are_identical(deb: Path, rpm: Path) -> None:
    def digests() -> list[str]:
        return [digest(FOLDER), *(hashlib.sha256(package.read_bytes()).hexdigest() for package in (deb, rpm))]

    first = digests()
    shutil.rmtree(ROOT / "build" / "package")
    build("deb", "rpm")
    assert digests() == first


def test_the_rpm_is_whole_and_requires_no_package_by_name(rpm: Path) -> None:
    assert "OK" in run("rpm", "-K", "--nosignature", rpm)
    assert run("rpm", "-qp", "--qf", "%{NAME} %{VERSION}", rpm) == f"netwatch-tray {version()}"
    required = set(run("rpm", "-qp", "--requires", rpm).splitlines())
    assert {"libEGL.so.1()(64bit)", "libxkbcommon.so.0()(64bit)"} <= required
    assert [each for each in required if not re.match(r"/bin/sh$|lib[\w.+-]+\(.*\)\(64bit\)$|rpmlib\(", each)] == []
    listed = {Path(name) for name in run("rpm", "-qpl", rpm).splitlines()}
    assert Path("/usr/bin/netwatch-tray") in listed
    # Directories of others are not in it: removing it must not remove them.
    assert not {Path("/usr"), Path("/usr/bin"), Path("/usr/share"), Path("/usr/share/applications")} & listed


def test_arch_repacks_the_deb(deb: Path, tmp_path: Path) -> None:
    """The function of packaging/arch/PKGBUILD that makepkg calls."""
    (tmp_path / "source").mkdir()
    (tmp_path / "package").mkdir()
    shutil.copy(deb, tmp_path / "source")
    recipe = ROOT / "packaging" / "arch" / "PKGBUILD"
    code = f'source "{recipe}"; srcdir="{tmp_path}/source" pkgdir="{tmp_path}/package"; package'
    run("bash", "-euc", code)
    installed = tmp_path / "package" / "usr"
    assert "netwatch-tray " in run(installed / "bin" / "netwatch-tray", "--version")
    assert (installed / "share/zsh/site-functions/_netwatch-tray").is_file()
    assert (installed / "share/licenses/netwatch-tray-bin/copyright").is_file()


# A bare Debian


@pytest.fixture(scope="module", params=SUITES)
def debian(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> BareDebian:
    bare = BareDebian(tmp_path_factory.mktemp("bare") / request.param, request.param)
    assert not list((bare.root / "usr" / "bin").glob("python*"))
    bare.apt("update")
    return bare


def test_package_can_be_installed_used_and_removed(
    deb: Path, debian: BareDebian, network: Wire, tmp_path: Path
) -> None:
    """As a person does it who has neither Python nor Qt. Display, panel and bus are outside, so that nothing they need
    is there by chance."""
    inside = f"/root/{deb.name}"
    shutil.copyfile(deb, f"{debian.root}{inside}")
    before = debian.files()
    debian.apt("install", "--no-install-recommends", inside, "ca-certificates")
    assert not list((debian.root / "usr" / "bin").glob("python*"))
    assert not list(debian.root.glob("etc/xdg/autostart/*"))  # nothing starts at login unasked
    assert f"netwatch-tray {version()}" in debian.run("netwatch-tray", "--version")

    with_nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "HOME=/home/nobody")
    debian.run("install", "-d", "-o", "65534", "-m", "700", "/home/nobody")
    told = debian.run(*with_nobody, "netwatch-tray", "selftest", "--installed", timeout=120)
    assert "WRONG" not in told
    debian.run(*with_nobody, "netwatch-tray", "selftest", timeout=120)
    assert "rtnetlink" in debian.run(*with_nobody, "netwatch-tray", "doctor")

    entry = configparser.ConfigParser(interpolation=None)
    entry.read(debian.root / "usr/share/applications/netwatch-tray.desktop", "utf-8")
    words = shlex.split(entry["Desktop Entry"]["Exec"])
    with Session(netns=network.near) as desktop:
        desktop.start_host("xfce")
        desktop.spawn("agent", debian.enter(*words, shared=(desktop.directory, X11_SOCKETS)))
        desktop.wait_for(desktop.items, 20, "the icon registers")
        place = desktop.wait_for(desktop.find_icon, 10, "the icon is seen on the screen")
        with transfer(network):
            desktop.wait_for(lambda: tells(desktop.tooltip(), SPEED), 15, f"the tooltip tells {SPEED} B/s")
            desktop.click(*place)
            desktop.wait_for(lambda: desktop.windows("NetWatch"), 20, "the click opens the window")
            desktop.wait_for(lambda: desktop.find_colour(DOWNLOAD_LINE, 50), 15, "the chart shows the download")
            desktop.screenshot(tmp_path / "bare.png")
        desktop.pick("Quit NetWatch")
        assert desktop.wait_exit("agent") == 0
        assert "Traceback" not in desktop.log("agent")
        places = [Path(desktop.environment[name]) for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")]
        kept = {file.relative_to(at).parts[0] for at in places for file in at.rglob("netwatch*")}
        assert kept == {"netwatch-tray"}  # docs/install.md says so

    debian.apt("remove", "netwatch-tray")
    left = {file for file in debian.files() - before if "netwatch" in file}
    assert {file for file in left if not file.startswith(("/home/nobody/", "/tmp/runtime-65534/"))} == set()  # noqa: S108  the user's
    gone = {file for file in before - debian.files() if not file.startswith(("/var/", "/tmp/"))}  # noqa: S108  apt's
    assert gone == set()


def test_the_rpm_runs_where_its_requirements_are_met(deb: Path, rpm: Path, debian: BareDebian) -> None:
    """Unpacked by rpm into Debian, whose libraries have the same names as those of its own distributions."""
    depends = run("dpkg-deb", "-f", deb, "Depends").strip()
    debian.apt("satisfy", "--no-install-recommends", f"{depends}, ca-certificates")
    run("rpm", "--root", debian.root, "--initdb")
    before = debian.files()
    run("rpm", "--root", debian.root, "-i", "--nodeps", rpm)
    run("rpm", "--root", debian.root, "-V", "--nodeps", "netwatch-tray")
    assert "WRONG" not in debian.run("netwatch-tray", "selftest", "--installed", timeout=120)
    run("rpm", "--root", debian.root, "-e", "netwatch-tray")
    after = debian.files()
    assert {file for file in after - before if file.startswith("/usr/") and "netwatch" in file} == set()
    assert {file for file in before - after if file.startswith("/usr/")} == set()


@contextlib.contextmanager
def transfer(network: Wire) -> Iterator[None]:
    """Transfer data at SPEED to this machine."""
    sender = network.python(network.far, PACED_SENDER, FAR, str(PORT), str(SPEED), "120")
    receiver = None
    try:
        assert sender.stdout is not None
        assert sender.stdout.readline() == "ready\n"
        receiver = network.python(network.near, RECEIVER, FAR, str(PORT))
        yield
    finally:
        for process in filter(None, (sender, receiver)):
            process.kill()
            process.communicate()


def tells(tooltip: str, speed: float) -> bool:
    """Return whether a tooltip shows this download rate, in bytes/s."""
    found = re.search(r"↓ ([\d.]+) MB/s", tooltip)
    return found is not None and abs(float(found[1]) * MEGABYTE / speed - 1) < 0.05


# What AppImage and Flatpak are made of. Neither appimagetool nor Flatpak's runtime is to be had in Debian's archive.


@pytest.fixture(scope="module")
def appdir(built: Path) -> Path:
    return built / "NetWatch-Tray.AppDir"


@pytest.fixture(scope="module")
def mounted(appdir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Mount the directory as an AppImage sees itself: a read-only squashfs."""
    directory = tmp_path_factory.mktemp("appimage")
    run("mksquashfs", appdir, directory / "image", "-quiet", "-no-progress", "-comp", "gzip", timeout=300)
    place = directory / "mounted"
    place.mkdir()
    run("mount", "-o", "loop,ro", directory / "image", place)
    try:
        yield place
    finally:
        run("umount", place)


def test_appdir_is_complete(appdir: Path) -> None:
    (entry,) = appdir.glob("*.desktop")
    assert run("desktop-file-validate", entry) == ""
    assert (appdir / ".DirIcon").resolve() == appdir / "netwatch-tray.png"
    run("appstreamcli", "validate-tree", "--no-net", "--pedantic", appdir)


def test_an_appimage_measures_without_any_library_of_a_desktop(mounted: Path, debian: BareDebian) -> None:
    """On a server; the window needs libraries of the system, and names the first that is missing."""
    subprocess.run(debian.enter("apt-get", "-q", "-y", "autoremove"), check=True, capture_output=True, timeout=300)

    def start(*words: str) -> subprocess.CompletedProcess[str]:
        command = debian.enter(f"{mounted}/AppRun", *words, shared=(mounted,))
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert start("--version").stdout == f"netwatch-tray {version()}\n"
    assert len(start("watch", "--count", "2").stdout.splitlines()) == 2
    assert start("selftest").returncode == 0
    window = start("window")
    assert window.returncode == 1
    assert "Traceback" not in window.stderr


def test_an_appimage_runs_and_starts_itself_by_its_file(mounted: Path, tmp_path: Path) -> None:
    image = tmp_path / "NetWatch Tray.AppImage"
    image.symlink_to(mounted / "AppRun")  # stands for the file that mounts itself
    home = tmp_path / "home"
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "APPDIR": str(mounted), "APPIMAGE": str(image)}
    assert "WRONG" not in run(mounted / "AppRun", "selftest", "--installed", env=environment)
    run(mounted / "AppRun", "autostart", "on", env=environment)
    entry = configparser.ConfigParser(interpolation=None)
    entry.read(home / ".config/autostart/netwatch-tray.desktop", "utf-8")
    assert shlex.split(entry["Desktop Entry"]["Exec"]) == [str(image), "agent"]


def test_environment_of_another_appimage_is_ignored(mounted: Path, tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "APPDIR": "/elsewhere", "APPIMAGE": "/a/terminal"}
    run(mounted / "AppRun", "autostart", "on", env=environment)
    assert "/a/terminal" not in (tmp_path / ".config/autostart/netwatch-tray.desktop").read_text("utf-8")


def test_flatpak_installs_every_file_at_its_path(appdir: Path, tmp_path: Path) -> None:
    """The manifest's commands, run as flatpak-builder runs them."""
    file = ROOT / "packaging" / "flatpak" / f"{macos_bundle.IDENTIFIER}.json"
    manifest = json.loads(file.read_text("utf-8"))
    (module,) = manifest["modules"]
    (source,) = module["sources"]
    assert (file.parent / source["path"]).resolve() == appdir
    for command in module["build-commands"]:
        run("sh", "-c", command, cwd=appdir, env={"FLATPAK_DEST": str(tmp_path), "PATH": "/usr/bin:/bin"})
    assert "netwatch-tray " in run(tmp_path / "bin" / manifest["command"], "--version")
    assert (tmp_path / "share" / "applications" / manifest["rename-desktop-file"]).is_file()
    assert list((tmp_path / "share" / "icons").rglob(f"{manifest['rename-icon']}.png"))
    assert (tmp_path / "share" / "metainfo" / f"{manifest['id']}.metainfo.xml").is_file()


# Wheel and source archive


@pytest.fixture(scope="module")
def archives() -> tuple[Path, Path]:
    """Return wheel and source archive."""
    build("wheel")
    (wheel,) = DIST.glob("netwatch_tray-*.whl")
    (source,) = DIST.glob("netwatch_tray-*.tar.gz")
    return wheel, source


def interpreter(minor: str) -> str | None:
    """Return the Python of this version that is installed, by pyenv or from the PATH.

    On the PATH pyenv has a name for each of its versions, also for those that it was told not to start.
    """
    pyenv = sorted((Path.home() / ".pyenv" / "versions").glob(f"{minor}.*/bin/python"))
    return next(map(str, reversed(pyenv)), None) or shutil.which(f"python{minor}")


@pytest.mark.parametrize("which", [0, 1], ids=["wheel", "source"])
@pytest.mark.parametrize("minor", ["3.11", "3.12", "3.13"])
def test_pip_installs_the_whole_program(archives: tuple[Path, Path], which: int, minor: str, tmp_path: Path) -> None:
    """With the dependencies that pip chooses today, in an environment that has nothing of ours."""
    python = interpreter(minor)
    if python is None:
        pytest.skip(f"Python {minor} is not installed")
    run(python, "-m", "venv", tmp_path / "venv")
    run(tmp_path / "venv" / "bin" / "pip", "install", "-q", archives[which], timeout=300)
    program = tmp_path / "venv" / "bin" / "netwatch-tray"
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    for words in (("doctor",), ("selftest",), ("selftest", "--installed")):
        told = run(program, *words, env=environment, cwd=tmp_path)
        assert "WRONG" not in told
        assert str(ROOT) not in told


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-package.lock"])
@pytest.mark.parametrize("minor", ["3.11", "3.12", "3.13"])
def test_every_pinned_package_has_a_wheel_for_arm64(lock: str, minor: str, tmp_path: Path) -> None:
    """Of Linux with glibc 2.39, which PySide6 requires there: Debian 13, Ubuntu 24.04, Fedora 40."""
    options = ["--quiet", "--dry-run", "--only-binary", ":all:", "--target", str(tmp_path / "nowhere")]
    chosen = ["--python-platform", "aarch64-manylinux_2_39", "--python-version", minor]
    run(ROOT / ".venv" / "bin" / "uv", "pip", "install", *options, *chosen, "-r", ROOT / lock, timeout=300)


def test_pipx_installs_extends_and_removes_the_program(archives: tuple[Path, Path], tmp_path: Path) -> None:
    """The commands of docs/install.md and docs/upload.md."""
    assert archives
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    run(tmp_path / "venv" / "bin" / "pip", "install", "-q", "pipx", timeout=300)
    home = tmp_path / "home"
    environment = {
        **{name: str(home) for name in ("HOME", "PIPX_HOME")},
        "PIPX_BIN_DIR": str(home / "bin"),
        "PATH": f"{home / 'bin'}:{tmp_path / 'venv' / 'bin'}:/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
    }

    def type_in(command: str) -> str:
        return run("sh", "-c", command, cwd=ROOT, env=environment, timeout=300)

    type_in("pipx install dist/netwatch_tray-*.whl")
    assert "WRONG" not in type_in("netwatch-tray selftest --installed")
    type_in("pipx inject netwatch-tray keyring")
    type_in("pipx inject netwatch-tray opentelemetry-sdk opentelemetry-exporter-otlp-proto-http")
    python = home / "venvs" / "netwatch-tray" / "bin" / "python"
    run(python, "-c", "import keyring, opentelemetry.exporter.otlp.proto.http, opentelemetry.sdk", cwd=tmp_path)
    run(python, "-m", "pip", "check", cwd=tmp_path)
    type_in("pipx uninstall netwatch-tray")
    assert not list((home / "bin").iterdir())


def test_pipx_installs_and_removes_the_program_on_a_bare_debian(
    archives: tuple[Path, Path], debian: BareDebian
) -> None:
    """With Debian's own Python and pipx, and without any library of a desktop: all but the window works."""
    wheel, _ = archives
    debian.apt("install", "--no-install-recommends", "pipx")
    before = debian.files()
    shutil.copy(wheel, debian.root / "root")
    home = ("env", "HOME=/root", "LC_ALL=C.UTF-8")

    def start(*words: str) -> str:
        command = debian.enter(*home, *words, shared=("/etc/ssl/certs",))
        return run(*command, timeout=500)

    start("pipx", "install", f"/root/{wheel.name}")
    program = "/root/.local/bin/netwatch-tray"
    assert start(program, "--version") == f"netwatch-tray {version()}\n"
    assert len(start(program, "watch", "--count", "2").splitlines()) == 2
    start(program, "selftest")
    assert "rtnetlink" in start(program, "doctor")
    start("pipx", "uninstall", "netwatch-tray")
    left = {file for file in debian.files() - before if "netwatch" in file.lower()}
    assert {file for file in left if not file.startswith("/tmp/runtime-0/")} == {f"/root/{wheel.name}"}  # noqa: S108  the user's


# The bundle for macOS, as far as Linux can check it: notarising and starting it need a Mac.


@pytest.fixture(scope="module")
def bundles() -> dict[str, Path]:
    build("app")
    return {architecture: DIST / "macos" / architecture / "NetWatch Tray.app" for architecture in ("arm64", "x86_64")}


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_bundle_is_complete(bundles: dict[str, Path], architecture: str) -> None:
    contents = bundles[architecture] / "Contents"
    assert {each.name for each in contents.iterdir()} == {"Info.plist", "MacOS", "PkgInfo", "Resources"}
    plist = plistlib.loads((contents / "Info.plist").read_bytes())
    assert {key: type(value) for key, value in plist.items()} == {key: APPLES_KEYS[key] for key in plist}
    assert plist["CFBundleIdentifier"] == macos_bundle.IDENTIFIER
    assert plist["CFBundlePackageType"] == (contents / "PkgInfo").read_text("ascii")[:4]
    assert plist["LSArchitecturePriority"] == [architecture]
    assert plist["CFBundleShortVersionString"] == version()
    with Image.open(contents / "Resources" / plist["CFBundleIconFile"]) as icon:
        assert max(width * scale for width, _, scale in icon.info["sizes"]) == 1024
    (launcher,) = (contents / "MacOS").iterdir()
    assert launcher.name == plist["CFBundleExecutable"]
    assert launcher.stat().st_mode & 0o111 == 0o111
    run("sha256sum", "--check", "--quiet", "--strict", "Resources/SHA256SUMS", cwd=contents)
    listed = {line[66:] for line in (contents / "Resources" / "SHA256SUMS").read_text("utf-8").splitlines()}
    there = {str(file.relative_to(contents)) for file in contents.rglob("*") if file.is_file()}
    assert there - listed == {"Resources/SHA256SUMS"}
    assert (contents / "Resources" / "site-packages" / "netwatch_tray" / "assets" / "icons" / "pause.svg").is_file()
    assert not [file for file in contents.rglob("*") if file.is_symlink() or file.suffix in {".pyc", ".dSYM"}]


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_all_code_in_the_bundle_runs_on_that_mac(bundles: dict[str, Path], architecture: str) -> None:
    """Each file has code for it, needs no newer macOS than Info.plist states, and links to what exists there."""
    contents = bundles[architecture] / "Contents"
    python = ROOT / "build" / "venv" / "bin" / "python"
    found = json.loads(run(python, Path(__file__).with_name("mach_o.py"), contents))
    assert "MacOS/netwatch-tray" in found
    assert sum("QtCore" in file for file in found) >= 2  # the binding and Qt's own
    assert [file for file, parts in found.items() if architecture not in parts] == []
    least = list(map(int, macos_bundle.LEAST_MACOS.split(".")))
    assert {
        file: parts[architecture]["macos"] for file, parts in found.items() if parts[architecture]["macos"] > least
    } == {}
    linked = {name for parts in found.values() for name in parts[architecture]["linked"]}
    assert [name for name in linked if not name.startswith(("/usr/lib/", "/System/Library/", "@"))] == []


@pytest.mark.skipif(not shutil.which("rcodesign"), reason="rcodesign is not installed (cargo install apple-codesign)")
@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_the_bundle_takes_an_ad_hoc_signature(bundles: dict[str, Path], architecture: str, tmp_path: Path) -> None:
    """Made by rcodesign, verified page by page: its own `verify` refuses every ad-hoc signature."""
    app = tmp_path / "NetWatch Tray.app"
    shutil.copytree(bundles[architecture], app)
    entitlements = ROOT / "packaging" / "macos" / "entitlements.plist"
    run("rcodesign", "sign", "--entitlements-xml-file", entitlements, app, timeout=300)
    contents = app / "Contents"
    code = [file for file in contents.rglob("*") if file.is_file() and code_signature.is_mach_o(file)]
    assert len(code) > 100
    signed = {file: code_signature.verified(file) for file in code}
    launcher = contents / "MacOS" / "netwatch-tray"
    (signature,) = signed[launcher]
    assert (signature.identifier, signature.flags & code_signature.AD_HOC) == (macos_bundle.IDENTIFIER, 2)
    seal = contents / "_CodeSignature" / "CodeResources"
    for slot, file in ((1, contents / "Info.plist"), (3, seal)):
        assert signature.special[slot] == hashlib.sha256(file.read_bytes()).digest()
    assert plistlib.loads(signature.blobs[5][8:]) == plistlib.loads(entitlements.read_bytes())
    sealed = plistlib.loads(seal.read_bytes())["files2"]
    resources = {str(file.relative_to(contents)) for file in (contents / "Resources").rglob("*") if file.is_file()}
    assert resources == sealed.keys() - {"PkgInfo"}
    for name, entry in sealed.items():
        if "hash2" in entry:
            assert hashlib.sha256((contents / name).read_bytes()).digest() == entry["hash2"], name
    content = bytearray(launcher.read_bytes())
    content[0x4000] ^= 1
    launcher.write_bytes(content)
    with pytest.raises(ValueError, match="differs"):
        code_signature.verified(launcher)


def test_the_bundle_has_the_licences_of_what_it_carries(bundles: dict[str, Path]) -> None:
    resources = bundles["arm64"] / "Contents" / "Resources"
    carried = {place.name.partition("-")[0] for place in (resources / "site-packages").glob("*.dist-info")}
    sbom = json.loads((resources / "licences" / "sbom.cdx.json").read_text("utf-8"))
    assert {component["name"].replace("-", "_") for component in sbom["components"]} == carried
    assert "pyobjc_core" in carried
    assert all(any(place.iterdir()) for place in (resources / "licences").iterdir() if place.is_dir())
