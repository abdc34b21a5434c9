"""What the person chose, in one TOML file; every key is optional and unknown keys are refused with their name."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from netwatch_tray.errors import SettingsError
from netwatch_tray.units import Units


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings with their defaults."""

    units: Units = Units()
    total: dict[str, bool] = {}
    """Interfaces by name that are counted in the total (true) or left out (false), whatever the topology says."""


def load(file: Path) -> Settings:
    """Reads the settings; a file that is not there means the defaults.

    Raises SettingsError that names the file, the key and what is allowed.
    """
    try:
        text = file.read_bytes().decode()
        return msgspec.convert(tomllib.loads(text), Settings)
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(f"The settings in {file} cannot be used: {error}.") from error
