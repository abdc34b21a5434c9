from __future__ import annotations

import errno
import os
import plistlib
import shlex
import subprocess
import sys
from pathlib import Path

import needs
import pytest

from netwatch_tray import autostart, cli
from netwatch_tray.errors import NetWatchError

GENERATOR = Path("/usr/lib/systemd/user-generators/systemd-xdg-autostart-generator")


LAUNCHD_KEYS = {"Label", "ProgramArguments", "RunAtLoad", "KeepAlive", "LimitLoadToSessionType", "ProcessType"}
"""Of launchd.plist(5), those that are used."""


@pytest.fixture
def configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def test_turning_on_writes_one_file_and_off_deletes_it(configuration: Path) -> None:
    assert not autostart.is_on()
    autostart.turn(on=True)
    autostart.turn(on=True)
    assert autostart.is_on()
    (file,) = (configuration / "autostart").iterdir()
    assert file == autostart.file()
    autostart.turn(on=False)
    autostart.turn(on=False)
    assert not autostart.is_on()
    assert list((configuration / "autostart").iterdir()) == []


@pytest.mark.usefixtures("configuration")
@pytest.mark.parametrize("line", ["Hidden=true", "X-GNOME-Autostart-enabled=false"])
def test_autostart_disabled_by_another_program_is_off(line: str) -> None:
    autostart.turn(on=True)
    kept = [each for each in autostart.file().read_text().splitlines() if "X-GNOME" not in each]
    autostart.file().write_text("\n".join([*kept, line, ""]))
    assert not autostart.is_on()
    autostart.turn(on=True)
    assert autostart.is_on()


def test_a_relative_directory_is_ignored(configuration: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "somewhere")
    assert autostart.file() == configuration / "home" / ".config" / "autostart" / "netwatch-tray.desktop"


@pytest.mark.usefixtures("configuration")
@pytest.mark.skipif(sys.platform != "linux", reason="Linux desktops")
@pytest.mark.parametrize("place", ["/opt/net watch/bin", '/opt/100%/$"x"/`y`/a\\b'])
def test_desktops_and_systemd_accept_the_autostart_file(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    program = f"{place}/netwatch-tray"
    monkeypatch.setattr(autostart, "command", lambda: (program, "agent"))
    autostart.turn(on=True)
    needs.programs("desktop-file-validate")
    done = subprocess.run(
        ["desktop-file-validate", autostart.file()], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.usefixtures("configuration")
@pytest.mark.skipif(not GENERATOR.exists(), reason="no systemd here")
def test_systemd_makes_a_unit_of_the_autostart_file(tmp_path: Path) -> None:
    autostart.turn(on=True)
    units = [tmp_path / name for name in ("normal", "early", "late")]
    for directory in units:
        directory.mkdir()
    environment = {
        "XDG_CONFIG_HOME": str(tmp_path),
        "XDG_CONFIG_DIRS": str(tmp_path / "none"),
        "HOME": str(tmp_path),
        "XDG_RUNTIME_DIR": str(tmp_path),
        "XDG_CURRENT_DESKTOP": "XFCE",
        "PATH": "/usr/bin:/bin",
    }
    subprocess.run([GENERATOR, *units], env=environment, check=True, timeout=60)
    made = [file.read_text() for directory in units for file in directory.glob("app-netwatch*.service")]
    assert len(made) == 1
    (line,) = (each for each in made[0].splitlines() if each.startswith("ExecStart="))
    words = shlex.split(line.removeprefix("ExecStart=").lstrip(":"))
    assert words == list(autostart.command())


def test_macos_uses_a_launch_agent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setenv("HOME", str(tmp_path))
    autostart.turn(on=True)
    assert autostart.file() == tmp_path / "Library" / "LaunchAgents" / "io.netwatch.tray.plist"
    properties = plistlib.loads(autostart.file().read_bytes())
    assert properties["ProgramArguments"] == list(autostart.command())
    assert properties["RunAtLoad"] is True
    # launchd.plist(5): only after a signal such as SIGSEGV. SuccessfulExit would start a second agent, which ends with
    # code 1, every 10 s.
    assert properties["KeepAlive"] == {"Crashed": True}
    assert properties.keys() <= LAUNCHD_KEYS
    assert autostart.is_on()
    autostart.file().write_bytes(plistlib.dumps({**properties, "Disabled": True}))
    assert not autostart.is_on()
    autostart.turn(on=False)
    assert not autostart.file().exists()


def test_a_file_that_cannot_be_written_is_named(configuration: Path) -> None:
    (configuration / "autostart").write_text("a file in the way")
    with pytest.raises(NetWatchError, match=r"netwatch-tray\.desktop: "):
        autostart.turn(on=True)
    assert not autostart.is_on()


@pytest.mark.usefixtures("configuration")
def test_subcommand_turns_autostart_on_and_off(capsys: pytest.CaptureFixture[str]) -> None:
    codes = [cli.main(["autostart", what]) for what in ("status", "on", "status", "off")]
    assert codes == [1, 0, 0, 0]
    assert capsys.readouterr().out.splitlines() == ["off", *[f"on: {autostart.file()}"] * 2, "off"]


def test_failed_change_leaves_no_other_file(configuration: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", is_full)
    with pytest.raises(NetWatchError, match="No space left"):
        autostart.turn(on=True)
    assert [each for each in configuration.rglob("*") if each.is_file()] == []
