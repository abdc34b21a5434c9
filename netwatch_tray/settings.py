"""What the person chose, in one TOML file; every key is optional, and a fault is told with its key and what is allowed.

While the file has a fault nothing is saved over it and nothing leaves this machine; all else of it holds (`read`).
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import inspect

from netwatch_tray.errors import SettingsError
from netwatch_tray.units import Units


class TrayIcon(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the tray or the menu bar shows."""

    way: Literal["auto", "statusnotifier", "xembed", "none"] = "auto"
    """How the icon reaches the screen on Linux; `auto` takes what is there, `none` shows no icon anywhere."""
    interface: str = ""
    """The interface whose rates are shown; empty: the total."""
    text: bool = True
    """The rates as text beside the icon, where the bar has room for it."""


UploadLevel = Literal["rates", "system", "apps", "connections"]
"""How much is sent, from least to most; see cloud.privacy."""


class Upload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Snapshots to a NetWatch server; the key is kept elsewhere."""

    on: bool = False
    endpoint: str = "https://netwatch-api-production.up.railway.app"
    """Address of the server, with or without `/api/v1/ingest`."""
    interval: Annotated[int, msgspec.Meta(ge=10, le=3600)] = 15
    """Seconds between snapshots."""
    level: UploadLevel = "rates"
    hide_addresses: bool = False
    """Addresses become `private`, `public` or `loopback`."""
    hide_names: bool = False
    """Names of the host, users, apps and mount points become random words."""
    all_interfaces: bool = False
    """Also interfaces that are down or make no part of the total. The servers add up all they get."""


class History(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept of the past, on this machine alone."""

    on: bool = True
    size_mb: Annotated[int, msgspec.Meta(ge=20, le=100_000)] = 200
    """Of the file, in 10⁶ bytes; beyond it the oldest hours are given up, never the days."""


class DataPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the provider allows in a billing month."""

    cap_gb: Annotated[float, msgspec.Meta(gt=0, le=1_000_000)] | None = None
    """In 10⁹ bytes, both directions together; without it nobody is alerted."""
    billing_day: Annotated[int, msgspec.Meta(ge=1, le=31)] = 1
    """The day of the month it begins on; in shorter months their last."""

    @property
    def cap_bytes(self) -> int | None:
        return None if self.cap_gb is None else round(self.cap_gb * 1e9)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings with their defaults."""

    units: Units = Units()
    total: dict[str, bool] = {}
    """Interfaces by name that are counted in the total (true) or left out (false), whatever the topology says."""
    tray: TrayIcon = TrayIcon()
    upload: Upload = Upload()
    history: History = History()
    plan: DataPlan = DataPlan()
    health: bool = False
    """Gateway and DNS server are probed by `snapshot` and `serve-metrics`, also while nothing is uploaded."""


def load(file: Path) -> Settings:
    """Reads the settings; a file that is not there means the defaults.

    Raises SettingsError that names the file, each key at fault and what is allowed.
    """
    settings, error = read(file)
    if error:
        raise error
    return settings


def read(file: Path) -> tuple[Settings, SettingsError | None]:
    """The settings as far as they can be used, and what `load` raises. What cannot be used is as if it were not there.

    With any fault nothing is sent or probed: nobody knows what else was meant.
    """
    values: dict[str, Any] = {}
    try:
        values = tomllib.loads(file.read_bytes().decode())
        return msgspec.convert(values, Settings), None
    except FileNotFoundError:
        return Settings(), None
    except OSError as error:
        fault = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        fault = "cannot be read: they are not text in UTF-8"
    except tomllib.TOMLDecodeError as error:
        fault = f"cannot be read: {error}"
    except msgspec.ValidationError:
        faults = _take_out_faults(values, inspect.type_info(Settings))
        fault = f"cannot be used as they are: {'; '.join(faults)}"
    return silent(msgspec.convert(values, Settings)), SettingsError(f"The settings in {file} {fault}.")


def silent(settings: Settings) -> Settings:
    """The same, but that nothing is sent or probed."""
    upload = msgspec.structs.replace(settings.upload, on=False)
    return msgspec.structs.replace(settings, upload=upload, health=False)


def save(file: Path, settings: Settings) -> None:
    """Writes the settings in place of those before; a crash leaves the one or the other.

    Raises SettingsError that names the file; also when it has a fault now, which somebody is about to mend.
    """
    load(file)
    _write(file, settings)


def _write(file: Path, settings: Settings) -> None:
    text = "\n".join(_table((), msgspec.to_builtins(settings)))
    new = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file = file.resolve()  # a link, as people keep their settings elsewhere, stays one
        new = file.with_name(new.name)
        with new.open("w", encoding="utf-8") as written:
            written.write(text + "\n")
            written.flush()
            os.fsync(written.fileno())
        new.replace(file)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise SettingsError(f"The settings cannot be saved in {file}: {error.strerror}.") from error


def change(file: Path, before: Settings, after: Settings) -> None:
    """Saves what the person changed, over what the file holds now: somebody may have edited the rest meanwhile.

    Raises like `load` and `save`.
    """
    chosen = {name: getattr(after, name) for name in after.__struct_fields__}
    changed = {name: value for name, value in chosen.items() if value != getattr(before, name)}
    _write(file, msgspec.structs.replace(load(file), **changed))


def _take_out_faults(values: dict[str, Any], table: inspect.Type, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Removes each value that cannot be used and says what is allowed in its place."""
    for key, value in list(values.items()):
        here, kind = (*path, key), _kind(table, key)
        name = ".".join(map(_key, here))
        if kind is not None and isinstance(value, dict) and isinstance(kind, inspect.StructType | inspect.DictType):
            yield from _take_out_faults(value, kind, here)
        elif not _is_usable(here, value):
            del values[key]
            yield f"{name} is no setting" if kind is None else f"{name} must be {_allowed(kind)}"


def _kind(table: inspect.Type, key: str) -> inspect.Type | None:
    """Of the key's value; None: there is no such key."""
    if isinstance(table, inspect.DictType):
        return table.value_type
    fields = table.fields if isinstance(table, inspect.StructType) else ()
    return next((field.type for field in fields if field.name == key), None)


def _is_usable(path: tuple[str, ...], value: Any) -> bool:
    for key in reversed(path):
        value = {key: value}
    try:
        msgspec.convert(value, Settings)
    except msgspec.ValidationError:
        return False
    return True


def _allowed(kind: inspect.Type) -> str:
    """In words."""
    match kind:
        case inspect.BoolType():
            return "true or false"
        case inspect.LiteralType(values=words):
            return f"one of {', '.join(map(_value, words))}"
        case inspect.IntType(ge=least, le=most):
            return f"a whole number from {least} to {most}"
        case inspect.UnionType(types=(inspect.FloatType(gt=least, le=most), *_)):
            return f"a number above {least}, up to {most}"
        case inspect.StrType():
            return "text in quotes"
    return "a table"


def _table(path: tuple[str, ...], values: Mapping[str, Any]) -> Iterator[str]:
    """The lines of a TOML table: its values, then its tables. What is `None` is left out: TOML cannot say it."""
    if path:
        yield f"[{'.'.join(map(_key, path))}]"
    for key, value in values.items():
        if value is not None and not isinstance(value, Mapping):
            yield f"{_key(key)} = {_value(value)}"
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _table((*path, key), value)


def _key(text: str) -> str:
    return text if text.isascii() and text.replace("_", "a").replace("-", "a").isalnum() else _string(text)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return _string(value) if isinstance(value, str) else msgspec.json.encode(value).decode()


def _string(text: str) -> str:
    """A basic string: JSON's escapes are TOML's, but for DEL."""
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")
