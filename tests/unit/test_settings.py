from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from netwatch_tray import settings
from netwatch_tray.errors import SettingsError
from netwatch_tray.units import Units


def test_no_file_means_the_defaults(tmp_path: Path) -> None:
    assert settings.load(tmp_path / "none.toml") == settings.Settings()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[units]\nbits = true\n")
    assert settings.load(file).units == Units(bits=True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("unit = 1", "unit is no setting."),
        ("[units]\nbit = true", "units.bit is no setting."),
        ("[units]\nbits = 3", "units.bits must be true or false."),
        ("units = 3", "units must be a table."),
        ("[units]\nprefix = 'T'", 'units.prefix must be one of "G", "M", "auto", "k".'),
        ("[total]\n'wg 0' = 'no'", 'total."wg 0" must be true or false.'),
        ("[tray]\ninterface = 1", "tray.interface must be text in quotes."),
        ("[history]\nsize_mb = 1", "history.size_mb must be a whole number from 20 to 100000."),
        ("[plan]\ncap_gb = nan", "plan.cap_gb must be a number above 0, up to 1000000."),
        ("health = 1\n[upload]\non = {}", "health must be true or false; upload.on must be true or false."),
        ("a = 1\nb = ?", "cannot be read: Invalid value (at line 2, column 5)."),
        ('a = "\xff', "not text in UTF-8."),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError) as caught:
        settings.load(file)
    assert str(file) in str(caught.value)
    assert str(caught.value).endswith(told)


def test_what_can_be_used_is_used_but_nothing_is_sent_or_probed(tmp_path: Path) -> None:
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
    assert "units.more is no setting" in str(error)
    assert usable == settings.Settings(
        units=Units(bits=True),
        total={"wg0": False},
        upload=settings.Upload(level="apps"),
        history=settings.History(on=False),
    )


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzzed.toml"
    file.write_bytes(content)
    assert isinstance(settings.read(file)[0], settings.Settings)


_keys = st.sampled_from(["units", "bits", "total", "plan", "cap_gb", "upload", "interval", "health", "x y"])
_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(_keys, st.recursive(_values, lambda inner: st.dictionaries(_keys, inner) | st.lists(inner))))
def test_no_values_raise_anything_else(tmp_path_factory: pytest.TempPathFactory, values: dict[str, object]) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzzed.toml"
    file.write_text("\n".join(settings._table((), values)))
    found, error = settings.read(file)
    assert isinstance(found, settings.Settings)
    assert not (error and (found.upload.on or found.health))


def test_a_file_with_a_fault_is_not_written_over(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[unitz]\n")
    with pytest.raises(SettingsError, match="unitz is no setting"):
        settings.save(file, settings.Settings())
    assert file.read_text() == "[unitz]\n"


def test_a_directory_in_its_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Is a directory"):
        settings.load(tmp_path)


def test_what_is_saved_is_read_again_and_others_stay(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "settings.toml"
    chosen = settings.Settings(
        units=Units(bits=True, prefix="M"),
        total={"eth0": True, "br-1.2 ä": False, 'a"b\\\x7f\n': True},
        tray=settings.TrayIcon(interface="wlan0"),
    )
    settings.save(file, chosen)
    assert settings.load(file) == chosen
    assert [each.name for each in file.parent.iterdir()] == ["settings.toml"], "nothing is left beside it"
    assert "[units]" in file.read_text()


names = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(names, st.booleans()), names)
def test_any_names_survive_saving(
    tmp_path_factory: pytest.TempPathFactory, total: dict[str, bool], interface: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "saved.toml"
    chosen = settings.Settings(total=total, tray=settings.TrayIcon(interface=interface))
    settings.save(file, chosen)
    assert settings.load(file) == chosen


def test_a_change_leaves_what_was_edited_meanwhile(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    before = settings.Settings()
    file.write_text("[upload]\non = true\n[units]\nbinary = true\n")
    settings.change(file, before, settings.Settings(units=Units(bits=True)))
    assert settings.load(file) == settings.Settings(units=Units(bits=True), upload=settings.Upload(on=True))


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    file, link = tmp_path / "kept" / "mine.toml", tmp_path / "settings.toml"
    file.parent.mkdir()
    file.write_text("[units]\nbinary = true\n")
    link.symlink_to(file)
    settings.save(link, settings.Settings())
    assert link.is_symlink()
    assert settings.load(file) == settings.Settings()


def test_settings_that_cannot_be_saved_are_told(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.with_name(f".settings.toml.{os.getpid()}").symlink_to("/dev/full")
    with pytest.raises(SettingsError, match=r"cannot be saved in .*settings\.toml: No space left"):
        settings.save(file, settings.Settings())
    assert list(tmp_path.iterdir()) == []
