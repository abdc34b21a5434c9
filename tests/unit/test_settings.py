from __future__ import annotations

import contextlib
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
    [("unit = 1", "unit"), ("[units]\nbits = 3", "$.units.bits"), ("a = 1\nb = ?", "line 2"), ('a = "\xff', "")],
)
def test_what_is_wrong_is_named_with_file_and_key(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError) as caught:
        settings.load(file)
    assert str(file) in str(caught.value)
    assert told in str(caught.value)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzzed.toml"
    file.write_bytes(content)
    with contextlib.suppress(SettingsError):
        assert isinstance(settings.load(file), settings.Settings)


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


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    file, link = tmp_path / "kept" / "mine.toml", tmp_path / "settings.toml"
    file.parent.mkdir()
    file.write_text("[units]\nbinary = true\n")
    link.symlink_to(file)
    settings.save(link, settings.Settings())
    assert link.is_symlink()
    assert settings.load(file) == settings.Settings()


def test_settings_that_cannot_be_saved_are_told(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").mkdir()
    with pytest.raises(SettingsError, match=r"cannot be saved in .*settings\.toml"):
        settings.save(tmp_path / "settings.toml", settings.Settings())
    assert [each.name for each in tmp_path.iterdir()] == ["settings.toml"]
