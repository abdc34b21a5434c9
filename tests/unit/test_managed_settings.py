"""The administrator's settings override the user's, nobody else changes them, and after any fault nothing is sent."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import tomlkit
from hypothesis import HealthCheck, given, settings as examples, strategies as st
from managed import managed_file

from netwatch_tray import paths, settings, settings_text, settings_writer
from netwatch_tray.agent.settings_keeper import SettingsKeeper
from netwatch_tray.cloud import account
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import SettingsError
from netwatch_tray.settings import Settings, Upload
from netwatch_tray.units import Units

MANAGED = """[upload]
on = true
endpoint = "https://netwatch.example.org"
level = "system"

[total]
"br.lan" = false
"""
KEYS = {"upload.on", "upload.endpoint", "upload.level", 'total."br.lan"'}


@pytest.fixture
def managed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return managed_file(tmp_path, monkeypatch, MANAGED)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the user's settings file, which differs from the administrator's."""
    monkeypatch.setenv(paths.HOME, str(tmp_path / "home"))
    file = paths.settings_file()
    file.parent.mkdir(parents=True)
    file.write_text('# mine\n[upload]\non = false\nlevel = "events"\ninterval = 30\n[units]\nbits = true\n')
    return file


def test_managed_keys_override_the_users_keys(managed: Path, own: Path) -> None:
    assert settings.load(own) == Settings(
        upload=Upload(on=True, endpoint="https://netwatch.example.org", level="system", interval=30),
        total={"br.lan": False},
        units=Units(bits=True),
    )
    assert settings.managed() == KEYS
    managed.unlink()
    assert settings.load(own).upload == Upload(level="events", interval=30)
    assert settings.managed() == set()


def test_managed_keys_cannot_be_changed_but_others_can(managed: Path, own: Path) -> None:
    before = own.read_text()
    for patch in (
        {"upload": {"on": False}},
        {"upload": {"level": "rates", "interval": 60}},
        {"total": {"br.lan": True}},
        {"total": {"br.lan": None}},
    ):
        with pytest.raises(SettingsError, match=r"^Set by your administrator in .*/managed/settings\.toml: "):
            settings_writer.change(own, lambda now, patch=patch: settings.changed(now, patch))
        assert own.read_text() == before
    chosen = {"upload": {"on": True, "interval": 60}, "total": {"eth0": True}, "health": True}
    after = settings_writer.change(own, lambda now: settings.changed(now, chosen))
    assert settings.load(own) == after
    assert (after.upload.interval, after.total, after.health) == (60, {"br.lan": False, "eth0": True}, True)
    text = own.read_text()
    assert "on = false\n" in text
    assert 'level = "events"\n' in text
    assert "br.lan" not in text
    managed.unlink()
    assert settings.load(own).upload.level == "events", "the user's own choice is kept for later"


def _by_a_link_to_a_fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file.with_name("fifo"))
    file.symlink_to("fifo")


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "writable by its group": (lambda file: file.chmod(0o664), "writable by root alone"),
    "writable by all": (lambda file: file.chmod(0o646), "writable by root alone"),
    "in a directory that all can write to": (lambda file: file.parent.chmod(0o777), "writable by root alone"),
    "a FIFO": (_by_a_link_to_a_fifo, "not a regular file"),
    "a directory": (lambda file: (file.unlink(), file.mkdir()), "Is a directory"),
    "too large": (lambda file: file.write_text(MANAGED + "#\n" * settings_text.MOST_BYTES), "larger than 64 KiB"),
    "not UTF-8": (lambda file: file.write_bytes(b"# \xff\n"), "not text in UTF-8"),
    "not TOML": (lambda file: file.write_text(MANAGED + "["), "Fault in the settings file"),
    "an unknown key": (lambda file: file.write_text(MANAGED + "[upload2]\n"), "upload2 is not a setting"),
    "a value that is not allowed": (lambda file: file.write_text("health = 1\n" + MANAGED), "health must be true"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_fault_sends_nothing_and_locks_the_settings(broken: str, managed: Path, own: Path) -> None:
    own.write_text('health = true\n[units]\nbits = true\n[upload]\non = true\nlevel = "rates"\n')
    text = own.read_text()
    break_it, reason = BROKEN[broken]
    break_it(managed)
    found, error = settings.read(own)
    assert (found.upload.on, found.health, found.units) == (False, False, Units(bits=True))
    assert str(managed) in str(error)
    assert reason in str(error)
    with pytest.raises(SettingsError, match=r"managed/settings\.toml"):
        settings.load(own)
    with pytest.raises(SettingsError, match=r"managed/settings\.toml"):
        settings_writer.change(own, lambda now: settings.changed(now, {"units": {"bits": False}}))
    assert own.read_text() == text


def test_a_file_of_another_user_is_refused(managed: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert managed.exists()
    monkeypatch.setattr(settings_text, "_ROOT", os.getuid() + 1)
    found, error = settings.read(own)
    assert not found.upload.on
    assert "must belong to root" in str(error)


def test_a_link_to_a_file_of_the_administrator_is_followed(managed: Path, own: Path) -> None:
    managed.rename(managed.with_name("store"))
    managed.symlink_to("store")
    assert settings.load(own).upload.level == "system"


@pytest.mark.parametrize(
    "name", [paths.HOME, "HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "NETWATCH_CONFIG", "XDG_STATE_HOME"]
)
def test_no_variable_moves_the_file(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(name, str(tmp_path))
    assert paths.managed_settings_file() == Path("/etc/netwatch-tray/settings.toml")


def test_variables_do_not_override_managed_keys(managed: Path, own: Path) -> None:
    upload = settings.load(own).upload
    environment = {"NETWATCH_ENDPOINT": "https://other.example", "NETWATCH_INTERVAL": "10"}
    assert str(account.server(upload, environment)) == "https://netwatch.example.org/api/v1/ingest"
    assert account.interval(upload, environment) == 10
    managed.write_text("[upload]\ninterval = 300\n")
    upload = settings.load(own).upload
    assert str(account.server(upload, environment)) == "https://other.example/api/v1/ingest"
    assert account.interval(upload, environment) == 300


def test_a_running_agent_follows_the_file(managed: Path, own: Path) -> None:
    applied: list[Settings] = []
    scheduler = Scheduler()
    keeper = SettingsKeeper(scheduler, lambda _before, now: applied.append(now), lambda *_: None)
    try:
        assert keeper.current.upload.on
        keeper.check()
        assert applied == []
        managed.write_text("[upload]\non = false\n")
        keeper.check()
        assert [each.upload.on for each in applied] == [False]
        managed.write_text(MANAGED)
        managed.chmod(0o666)
        keeper.check()
        assert not keeper.current.upload.on
        assert keeper.fault
        assert "writable by root alone" in str(keeper.fault)
        managed.chmod(0o644)
        keeper.check()
        assert keeper.current.upload.on
        assert keeper.fault is None
    finally:
        keeper.close()
        scheduler.close()
    assert own.exists()


VALUES = st.fixed_dictionaries(
    {},
    optional={
        "health": st.booleans(),
        "upload": st.fixed_dictionaries(
            {},
            optional={
                "on": st.booleans(),
                "interval": st.integers(10, 3600),
                "level": st.sampled_from(["rates", "apps"]),
            },
        ),
        "total": st.dictionaries(st.sampled_from(["eth0", "wg0", "br.lan"]), st.booleans()),
    },
)


@examples(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(by_user=VALUES, by_administrator=VALUES, patch=VALUES)
def test_no_change_of_the_user_reaches_a_managed_key(
    by_user: settings.Changes,
    by_administrator: settings.Changes,
    patch: settings.Changes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    managed = managed_file(tmp_path, monkeypatch)
    own = tmp_path / "own.toml"
    managed.write_text(tomlkit.dumps(by_administrator))
    own.write_text(tomlkit.dumps(by_user))
    before = settings.load(own)
    assert settings.changed(before, by_administrator) == before
    wanted = settings.changed(before, patch)
    is_allowed = settings.changed(wanted, by_administrator) == wanted
    try:
        settings_writer.change(own, lambda now: settings.changed(now, patch))
    except SettingsError:
        assert not is_allowed
        assert settings.load(own) == before
    else:
        assert is_allowed
        assert settings.load(own) == wanted
