from __future__ import annotations

import itertools
import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import tomlkit
from hypothesis import given, strategies as st

from netwatch_tray import settings, settings_text, settings_writer
from netwatch_tray.errors import SettingsError
from netwatch_tray.settings import Settings
from netwatch_tray.units import Units


def save(file: Path, chosen: Settings) -> None:
    settings_writer.change(file, lambda _before: chosen)


def test_no_file_means_the_defaults(tmp_path: Path) -> None:
    assert settings.load(tmp_path / "none.toml") == Settings()


def test_written_settings_are_read_back(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[units]\nbits = true\n")
    assert settings.load(file).units == Units(bits=True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("unit = 1", "unit is not a setting (did you mean units?)."),
        ("whatever = 1", "whatever is not a setting."),
        ("[units]\nbit = true", "units.bit is not a setting (did you mean units.bits?)."),
        ("[units]\nbits = 3", "units.bits must be true or false."),
        ("units = 3", "units must be a table."),
        ("[units]\nprefix = 'T'", 'units.prefix must be one of "G", "M", "auto", "k".'),
        ("[total]\n'wg 0' = 'no'", 'total."wg 0" must be true or false.'),
        ("[tray]\ninterface = 1", "tray.interface must be text in quotes."),
        ("[history]\nsize_mb = 1", "history.size_mb must be a whole number from 20 to 100000."),
        ("[plan]\ncap_gb = nan", "plan.cap_gb must be a number above 0, up to 1000000."),
        ("health = 1\n[upload]\non = {}", "health must be true or false; upload.on must be true or false."),
        ("a = 1\nb = ?", "Invalid value (at line 2, column 5)."),
        ('a = "\xff', "not text in UTF-8."),
    ],
)
def test_faults_are_reported_with_file_and_key(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError) as caught:
        settings.load(file)
    assert str(file) in str(caught.value)
    assert str(caught.value).endswith(told)


def test_fault_keeps_usable_settings_but_sends_and_probes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    whole = "health = true\n[units]\nbits = true\n[total]\nwg0 = false\n[upload]\non = true\nlevel = 'apps'\n"
    file.write_text(whole)
    found, error = settings.read(file)
    assert error is None
    assert found.health
    assert found.upload.on
    file.write_text(f"{whole}interval = 1\n[units.more]\n[history]\non = false\nsize_mb = 'much'\n")
    file.write_text(file.read_text().replace("wg0 = false", "wg0 = false\nwg1 = 3"))
    usable, error = settings.read(file)
    assert str(error).count(" must be ") == 3
    assert "units.more is not a setting" in str(error)
    assert usable == Settings(
        units=Units(bits=True),
        total={"wg0": False},
        upload=settings.Upload(level="apps"),
        history=settings.History(on=False),
    )


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_raising(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzzed.toml"
    file.write_bytes(content)
    assert isinstance(settings.read(file)[0], Settings)


_keys = st.sampled_from(["units", "bits", "total", "plan", "cap_gb", "upload", "interval", "health", "x y"])
_values = st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(_keys, st.recursive(_values, lambda inner: st.dictionaries(_keys, inner) | st.lists(inner))))
def test_any_values_are_read_without_raising(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, object]
) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzzed.toml"
    file.write_bytes(tomlkit.dumps(values).encode())
    found, error = settings.read(file)
    assert isinstance(found, Settings)
    assert not (error and (found.upload.on or found.otlp.on or found.health))


def test_a_file_with_a_fault_is_not_written_over(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[unitz]\n")
    with pytest.raises(SettingsError, match="unitz is not a setting"):
        save(file, Settings())
    assert file.read_text() == "[unitz]\n"


def test_directory_in_place_of_the_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Is a directory"):
        settings.load(tmp_path)


def test_saved_keys_are_read_back_and_other_keys_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "settings.toml"
    chosen = Settings(
        units=Units(bits=True, prefix="M"),
        total={"eth0": True, "br-1.2 ä": False, 'a"b\\\x7f\n': True},
        tray=settings.TrayIcon(interface="wlan0"),
    )
    save(file, chosen)
    assert settings.load(file) == chosen
    assert sorted(each.name for each in file.parent.iterdir()) == [".settings.toml.lock", "settings.toml"]
    assert "[units]" in file.read_text()


names = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(names, st.booleans()), names)
def test_any_names_survive_saving(
    tmp_path_factory: pytest.TempPathFactory, total: dict[str, bool], interface: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "saved.toml"
    chosen = Settings(total=total, tray=settings.TrayIcon(interface=interface))
    save(file, chosen)
    assert settings.load(file) == chosen


def test_change_keeps_edits_made_in_the_meantime(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    before = Settings()
    file.write_text("[upload]\non = true\n[units]\nbinary = true\n")
    changes = settings.changes(before, Settings(units=Units(bits=True)))
    assert changes == {"units": {"bits": True}}
    settings_writer.change(file, lambda now: settings.changed(now, changes))
    assert settings.load(file) == Settings(units=Units(bits=True, binary=True), upload=settings.Upload(on=True))


_chosen = st.builds(
    Settings,
    units=st.builds(Units, bits=st.booleans(), prefix=st.sampled_from(["auto", "k"])),
    total=st.dictionaries(st.sampled_from(["eth0", "wg 0", "é"]), st.booleans()),
    upload=st.builds(settings.Upload, on=st.booleans(), interval=st.integers(10, 3600)),
    plan=st.builds(settings.DataPlan, cap_gb=st.none() | st.floats(0.5, 1e6)),
)


@given(_chosen, _chosen)
def test_changes_turn_any_settings_into_any_others(before: Settings, after: Settings) -> None:
    assert settings.changed(before, settings.changes(before, after)) == after
    assert settings.changes(after, after) == {}


@given(_chosen, _chosen, _chosen)
def test_merged_changes_equal_successive_changes(first: Settings, second: Settings, third: Settings) -> None:
    waiting: settings.Changes = {}
    settings.merge(waiting, settings.changes(first, second))
    settings.merge(waiting, settings.changes(second, third))
    assert settings.changed(first, waiting) == third


HAND_WRITTEN = """\
# Mine.
health = false   # never

[upload] # see the wiki
level = "apps"
on = true        # until Friday
# interval = 60

[units]
bits = true
"""


def test_comments_and_order_stay(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(HAND_WRITTEN)
    settings_writer.change(file, lambda now: settings.changed(now, {"upload": {"on": False, "interval": 30}}))
    expected = HAND_WRITTEN.replace("on = true  ", "on = false ").splitlines()
    written = file.read_text().splitlines()
    assert [line for line in written if line != "interval = 30"] == [
        line.replace("on = false       #", "on = false        #") for line in expected
    ]


@pytest.mark.parametrize(
    "text",
    [
        "units.bits = true\nupload = { on = true, level = 'apps' } # both in a line\n",
        "[units]\n[upload]\non = true # yes\n[total]\n'wg 0' = false\n# end",
        "# nothing but this",
        "upload.on = true\n\n\nupload.level = 'apps'\n[plan]\ncap_gb = 3 # three",
    ],
)
def test_key_can_be_changed_in_any_toml_notation(tmp_path: Path, text: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    settings_writer.change(
        file, lambda now: settings.changed(now, {"upload": {"on": False}, "plan": {"cap_gb": None}, "health": True})
    )
    found = settings.load(file)
    assert not found.upload.on
    assert found.health
    assert found.plan.cap_gb is None
    assert file.read_text().count("#") == text.count("#") - text.count("# three")


WRITER = """
import sys
from pathlib import Path
from netwatch_tray import settings, settings_text, settings_writer
settings_writer._PATIENCE = 300  # a loaded machine may give the lock to the others for long
for number in range(int(sys.argv[3])):
    changes = {"total": {f"{sys.argv[2]}-{number}": True}}
    settings_writer.change(Path(sys.argv[1]), lambda now: settings.changed(now, changes))
    print(number, flush=True)
"""


def test_no_acknowledged_change_of_four_writers_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(HAND_WRITTEN)
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, file, name, "100"], stdout=subprocess.PIPE, text=True)
        for name in "abcd"
    ]
    acknowledged = [writer.communicate()[0].split() for writer in writers]
    found = settings.load(file)
    expected = {f"{name}-{number}" for name, numbers in zip("abcd", acknowledged, strict=True) for number in numbers}
    assert set(found.total) == expected
    assert [writer.returncode for writer in writers] == [0] * 4
    assert len(expected) == 400
    assert file.read_text().startswith(HAND_WRITTEN)


def test_lock_that_is_never_released_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings_writer, "_PATIENCE", 0.05)
    file = tmp_path / "settings.toml"
    file.write_text(HAND_WRITTEN)
    with (
        settings_writer._lock(tmp_path / ".settings.toml.lock"),
        pytest.raises(SettingsError, match=r"The settings were not changed: another program .*settings\.toml\.lock"),
    ):
        save(file, Settings())
    assert file.read_text() == HAND_WRITTEN


def test_symlink_is_kept(tmp_path: Path) -> None:
    file, link = tmp_path / "kept" / "mine.toml", tmp_path / "settings.toml"
    file.parent.mkdir()
    file.write_text("[units]\nbinary = true\n")
    link.symlink_to(file)
    save(link, Settings())
    assert link.is_symlink()
    assert settings.load(file) == Settings()


def test_file_is_private_with_any_umask(tmp_path: Path) -> None:
    file = tmp_path / "made" / "settings.toml"
    before = os.umask(0)
    try:
        save(file, Settings(health=True))
    finally:
        os.umask(before)
    assert {stat.S_IMODE(each.stat().st_mode) for each in (*file.parent.iterdir(), file)} == {0o600}
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


FULL = """
import resource, sys
from pathlib import Path
from netwatch_tray import errors, settings, settings_writer
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
try:
    settings_writer.change(Path(sys.argv[1]), lambda now: settings.Settings(health=True))
except errors.SettingsError as error:
    print(error)
"""


def test_full_disk_keeps_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(HAND_WRITTEN)
    told = subprocess.run([sys.executable, "-c", FULL, file], capture_output=True, text=True, check=True).stdout
    assert told == f"The settings cannot be saved in {file}: File too large.\n"
    assert file.read_text() == HAND_WRITTEN
    assert sorted(each.name for each in tmp_path.iterdir()) == [".settings.toml.lock", "settings.toml"]


def test_a_directory_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"cannot be saved in .*: File exists"):
        save(tmp_path / "file" / "settings.toml", Settings(health=True))


UNREADABLE = {
    "a number of 5 000 digits": b"[upload]\non = true\ninterval = " + b"9" * 5000,
    "lists in lists": b"[upload]\non = true\n[total]\na = " + b"[" * 100_000,
    "tables in tables": b"[upload]\non = true\n" + b"a." * 30_000 + b"b = 1",
    "not text": b"[upload]\non = true\n# \xff",
    "a long line": b"[upload]\non = true\n# " + b"x" * 4095,
    "too large": b"[upload]\non = true\n#" + b"x\n" * (settings_text.MOST_BYTES // 2),
    "a table and a value": b"[upload]\non = true\n[upload]\nlevel = 'apps'",
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable_file_sends_nothing(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "settings.toml"
    file.write_bytes(content)
    found, error = settings.read(file)
    assert error is not None
    assert str(error).startswith((f"The settings file {file} cannot be read: ", f"Fault in the settings file {file}: "))
    assert str(error).endswith(".")
    assert "\n" not in str(error)
    assert not found.upload.on
    with pytest.raises(SettingsError):
        save(file, Settings(health=True))
    assert file.read_bytes() == content


@pytest.mark.parametrize("kind", ["fifo", "device", "directory", "loop", "parent"])
def test_file_that_is_not_regular_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "settings.toml"
    if kind == "fifo":
        os.mkfifo(file)
    elif kind == "device":
        file.symlink_to("/dev/zero")
    elif kind == "directory":
        file.mkdir()
    elif kind == "loop":
        file.symlink_to(file)
    else:
        (tmp_path / "file").touch()
        file = tmp_path / "file" / "settings.toml"
    opened = len(list(Path("/dev/fd").iterdir()))
    found, error = settings.read(file)
    assert error is not None
    assert found == settings.silent(Settings())
    with pytest.raises(SettingsError):
        save(file, Settings(health=True))
    assert len(list(Path("/dev/fd").iterdir())) == opened, "no descriptor is left open"


@given(st.binary(max_size=40), st.lists(st.binary(max_size=12), max_size=4))
def test_text_between_valid_lines_never_sends_by_mistake(
    tmp_path_factory: pytest.TempPathFactory, start: bytes, parts: list[bytes]
) -> None:
    """Settings that cannot be read as a whole are never read in part."""
    file = tmp_path_factory.getbasetemp() / "fuzzed.toml"
    lines = itertools.chain.from_iterable(zip(parts, [b"\n[upload]\n", b"\non = true\n", b"\n", b"\n"], strict=False))
    file.write_bytes(start + b"".join(lines))
    found, error = settings.read(file)
    assert not (error and (found.upload.on or found.otlp.on or found.health))
    if found.upload.on:
        assert tomllib.loads(file.read_text())["upload"]["on"] is True


def test_many_faults_are_counted_rather_than_listed(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("".join(f"a{number} = 1\n" for number in range(1000)))
    _found, error = settings.read(file)
    assert str(error).endswith("a4 is not a setting; and 995 more.")
