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
