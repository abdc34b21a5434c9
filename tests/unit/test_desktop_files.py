"""Menu entry and icons below a data directory: installed whole, updated, and removed completely."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import needs
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import netwatch_tray
from netwatch_tray import autostart, cli, desktop_files, launch, paths
from netwatch_tray.errors import NetWatchError

ENTRY = "applications/netwatch-tray.desktop"
MANIFEST = "netwatch-tray/desktop.json"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux desktops")


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return an empty data directory of the user. No package is installed."""
    monkeypatch.delenv("FLATPAK_ID", raising=False)
    monkeypatch.delenv(launch.WRAPPER, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "system"))
    return tmp_path / "data"


def tree(place: Path) -> dict[str, bytes]:
    return {str(file.relative_to(place)): file.read_bytes() for file in place.rglob("*") if file.is_file()}


def entry(home: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # keys differ by case
    parser.read(home / ENTRY, "utf-8")
    return parser


def test_install_writes_entry_icon_and_tray_theme(home: Path) -> None:
    found = desktop_files.install()
    assert (found.place, found.is_packaged, found.foreign) == (home, False, ())
    written = tree(home)
    icons = "icons/hicolor"
    assert {ENTRY, MANIFEST, f"{icons}/scalable/apps/netwatch-tray.svg"} < set(written)
    theme = tree(paths.assets() / "tray" / "hicolor")
    assert len(theme) > 100
    assert {name: written[f"{icons}/{name}"] for name in theme} == theme
    assert not [name for name in written if Path(name).name.startswith(".")], "no half-written file is left"
    assert desktop_files.find() == found


def test_installing_again_changes_nothing(home: Path) -> None:
    desktop_files.install()
    before = {file: file.stat().st_mtime_ns for file in home.rglob("*")}
    desktop_files.install()
    assert {file: file.stat().st_mtime_ns for file in home.rglob("*")} == before


def test_remove_deletes_only_the_programs_files(home: Path) -> None:
    other = home / "icons/hicolor/48x48/apps/other.png"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"picture")
    desktop_files.install()
    assert desktop_files.remove()
    assert [file for file in home.rglob("*") if not file.is_dir()] == [other]
    assert not (home / "applications").exists()
    assert not desktop_files.remove()
    assert desktop_files.find().place is None


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        (lambda monkeypatch, _: monkeypatch.setattr(sys, "executable", "/no/such/python3"),
         "/no/such/python3 -m netwatch_tray"),
        (lambda monkeypatch, venv: monkeypatch.setattr(sys, "executable", str(venv / "python3")),
         "{venv}/netwatch-tray"),
        (lambda monkeypatch, _: (monkeypatch.setattr(sys, "frozen", True, raising=False),
                                 monkeypatch.setattr(sys, "executable", "/opt/netwatch-tray/netwatch-tray")),
         "/opt/netwatch-tray/netwatch-tray"),
        (lambda monkeypatch, _: monkeypatch.setenv(launch.WRAPPER, "/home/me/Net Watch.AppImage"),
         '"/home/me/Net Watch.AppImage"'),
    ],
    ids=["checkout", "pipx", "frozen", "AppImage"],
)  # fmt: skip
def test_the_entry_starts_this_installation(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepare: Callable[..., object], expected: str
) -> None:
    venv = tmp_path / "venv"
    venv.mkdir()
    (venv / "netwatch-tray").write_text("#!/bin/sh\n")
    prepare(monkeypatch, venv)
    desktop_files.install()
    sections, program = entry(home), expected.format(venv=venv)
    assert sections["Desktop Entry"]["Exec"] == program
    assert sections["Desktop Entry"]["TryExec"] == launch.command()[0]
    assert sections["Desktop Action window"]["Exec"] == f"{program} window"
    assert sections["Desktop Action quit"]["Exec"] == f"{program} quit"
    assert sections["Desktop Entry"]["Icon"] == "netwatch-tray"
    needs.programs("desktop-file-validate")
    done = subprocess.run(
        ["desktop-file-validate", home / ENTRY], capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_an_upgrade_replaces_files_and_deletes_those_no_longer_wanted(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desktop_files.install()
    old = home / "icons/hicolor/22x22/apps/netwatch-tray-old-symbolic.svg"
    old.write_text("<svg/>")
    manifest = msgspec.json.decode((home / MANIFEST).read_bytes())
    manifest["files"].append(str(old.relative_to(home)))
    (home / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    (home / ENTRY).write_text("of an older version")
    desktop_files.refresh()
    assert old.exists(), "same version, same program: nothing is written at a start"
    monkeypatch.setattr(netwatch_tray, "__version__", "999.0")
    desktop_files.refresh()
    assert not old.exists()
    assert entry(home)["Desktop Entry"]["Name"] == "NetWatch Tray"


def test_refresh_does_nothing_where_nothing_is_installed(home: Path) -> None:
    desktop_files.refresh()
    assert not home.exists()


def test_refresh_replaces_files_only_of_a_removed_program(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other-netwatch"
    other.write_text("")
    monkeypatch.setenv(launch.WRAPPER, str(other))
    desktop_files.install()
    monkeypatch.delenv(launch.WRAPPER)
    desktop_files.refresh()
    assert entry(home)["Desktop Entry"]["Exec"] == str(other)
    other.unlink()
    desktop_files.refresh()
    assert entry(home)["Desktop Entry"]["Exec"] == desktop_files.exec_line(launch.command())


@pytest.mark.parametrize("completed", [0, 1, 5, 50])
def test_an_interrupted_installation_can_be_removed_and_repeated(
    home: Path, monkeypatch: pytest.MonkeyPatch, completed: int
) -> None:
    replace, count = Path.replace, 0

    def fail_later(self: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count > completed + 1:
            raise OSError(28, "No space left on device", str(target))
        return replace(self, target)

    with monkeypatch.context() as disk:
        disk.setattr(Path, "replace", fail_later)
        with pytest.raises(NetWatchError, match="No space left on device"):
            desktop_files.install()
    assert len(tree(home)) == completed + 1, "the manifest comes first, and no partial file is left"
    desktop_files.refresh()
    assert entry(home)["Desktop Entry"]["Name"] == "NetWatch Tray"
    desktop_files.remove()
    assert tree(home) == {}


def test_a_file_of_another_origin_is_left_and_reported(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / ENTRY).parent.mkdir(parents=True)
    (home / ENTRY).write_text("[Desktop Entry]\nName=Mine\n")
    assert cli.main(["desktop", "install"]) == 0
    assert str(home / ENTRY) in capsys.readouterr().err
    assert desktop_files.remove()
    assert tree(home) == {ENTRY: b"[Desktop Entry]\nName=Mine\n"}


def package(system: Path) -> None:
    """Install the files as a Debian package does: fixed sizes as PNG."""
    for name, data in desktop_files._wanted().items():
        file = system / name.replace("16x16/apps/netwatch-tray.svg", "16x16/apps/netwatch-tray.png")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def test_install_writes_nothing_when_package_provides_files(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package(tmp_path / "system")
    assert cli.main(["desktop", "install"]) == 0
    assert f"installed by a package in {tmp_path / 'system'}; nothing needs to be done" in capsys.readouterr().out
    assert not home.exists()
    assert cli.main(["desktop", "remove"]) == 0
    assert "installed by a package" in capsys.readouterr().out


def test_a_package_installed_later_takes_over(home: Path, tmp_path: Path) -> None:
    desktop_files.install()
    package(tmp_path / "system")
    assert desktop_files.install().is_packaged
    assert tree(home) == {}


def test_a_package_without_the_tray_icons_is_not_enough(home: Path, tmp_path: Path) -> None:
    package(tmp_path / "system")
    for icon in (tmp_path / "system/icons/hicolor/22x22/apps").iterdir():
        icon.unlink()
    assert desktop_files.install().place == home


def test_a_directory_that_cannot_be_written_is_named(home: Path) -> None:
    home.write_text("a file in the way")
    with pytest.raises(NetWatchError, match=rf"cannot be installed: {home}.*NetWatch works without them"):
        desktop_files.install()
    assert desktop_files.find().place is None


def test_start_at_login_installs_desktop_files_and_works_without_them(home: Path, expected_logs: list[str]) -> None:
    autostart.turn(on=True)
    assert desktop_files.find().place == home
    autostart.turn(on=False)
    assert desktop_files.find().place == home, "the entry in the menu is still of use"
    desktop_files.remove()
    shutil.rmtree(home, ignore_errors=True)
    home.write_text("a file in the way")
    expected_logs.append("The desktop files cannot be installed")
    autostart.turn(on=True)
    assert autostart.is_on()


def test_subcommand_has_its_documented_exit_codes(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    codes = [cli.main(["desktop", what]) for what in ("status", "install", "status", "remove", "remove", "status")]
    assert codes == [1, 0, 0, 0, 0, 1]
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines[::5]] == ["not installed"] * 2
    assert lines[1] == lines[2] == f"installed in {home}, starts {desktop_files.exec_line(launch.command())}"


@given(st.binary() | st.just(b'{"version":"1","command":[],"files":["/etc/passwd","../x","a/../../y"]}'))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
def test_a_damaged_manifest_deletes_nothing_elsewhere(home: Path, data: bytes) -> None:
    (home / MANIFEST).parent.mkdir(parents=True, exist_ok=True)
    (home / MANIFEST).write_bytes(data)
    outside = home.parent / "y"
    outside.write_text("")
    desktop_files.remove()
    assert outside.exists()
    assert Path("/etc/passwd").exists()


def test_the_icon_is_named_by_its_file_until_a_theme_has_it(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not home.exists()
    uri = desktop_files.icon_reference()
    assert uri == (paths.assets() / "netwatch-tray.svg").as_uri()
    assert Path(uri.removeprefix("file://")).is_file()
    desktop_files.install()
    assert desktop_files.icon_reference() == "netwatch-tray"
    desktop_files.remove()
    packaged = tmp_path / "system/icons/hicolor/48x48/apps/netwatch-tray.png"
    packaged.parent.mkdir(parents=True)
    packaged.write_bytes(b"")
    assert desktop_files.icon_reference() == "netwatch-tray"
    monkeypatch.setenv("FLATPAK_ID", "io.netwatch.tray")
    assert desktop_files.icon_reference() == "io.netwatch.tray"


@pytest.mark.parametrize("size", [16, 22, 24, 32, 48, 64, 128, 256])
def test_a_desktop_finds_the_icon_in_every_size(home: Path, size: int) -> None:
    needs.qt()
    desktop_files.install()
    code = (
        "import sys; from PySide6.QtGui import QGuiApplication, QIcon; app = QGuiApplication([]);"
        f"QIcon.setThemeSearchPaths([{str(home / 'icons')!r}, '/usr/share/icons']); QIcon.setThemeName('hicolor');"
        f"icon = QIcon.fromTheme('netwatch-tray'); pixmap = icon.pixmap({size}, {size}).toImage();"
        f"print(pixmap.width(), pixmap.pixelColor(int({size} * 0.345), {size} // 2).name())"
    )
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, env=environment
    )
    assert done.stdout.split() == [str(size), "#5eaaf6"]
