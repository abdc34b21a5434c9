"""The user's choices, in one TOML file. Every key is optional; a fault is reported with its key and the allowed values.

An administrator's file of the same keys (`paths.managed_settings_file`) overrides the user's; its keys are *managed*.
Anything that goes wrong while reading either fails closed: nothing is sent, and everything else stays usable (`read`).
Writing is `settings_writer`'s, which costs more memory than the agent has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import inspect

from netwatch_tray import paths, settings_text
from netwatch_tray.errors import Message, SettingsError, joined, message
from netwatch_tray.text import closest
from netwatch_tray.units import Units

_MOST_FAULTS = 5
"""Most faults that an error describes; the others are only counted."""


Period = Literal[1, 2, 5]


class TrayIcon(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the icon in the tray or menu bar shows."""

    way: Literal["auto", "statusnotifier", "xembed", "none"] = "auto"
    """Kind of tray that shows the icon on Linux; `auto` uses what is available, `none` shows no icon."""
    interface: str = ""
    """The interface whose rates are shown; empty for the total."""
    text: bool = True
    """Show the rates as text beside the icon, where the panel has room for it."""
    digits: bool = False
    """Show the rates as two lines of digits in the icon, for trays without text beside it: download above, upload
    below."""
    period: Period = 1
    """Seconds between updates of the icon, which then shows mean rates. Measuring continues each second."""


UploadLevel = Literal["rates", "system", "apps", "connections", "events"]
"""How much is sent, from least to most; see cloud.privacy."""


class Upload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Uploading of snapshots to a NetWatch server. The API key is stored in another file."""

    on: bool = False
    endpoint: str = "https://netwatch-api-production.up.railway.app"
    """URL of the server, with or without `/api/v1/ingest`."""
    interval: Annotated[int, msgspec.Meta(ge=10, le=3600)] = 15
    """Seconds between snapshots."""
    level: UploadLevel = "rates"
    hide_addresses: bool = False
    """Send `private`, `public` or `loopback` instead of addresses."""
    hide_names: bool = False
    """Send random words instead of the names of the host, users, apps and mount points."""
    all_interfaces: bool = False
    """Also send interfaces that are down or not part of the total, although servers sum all they receive."""


class Metrics(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The HTTP endpoint from which Prometheus reads metrics."""

    on: bool = False
    address: str = "127.0.0.1"
    """Numeric address to listen on. If it is not a loopback address, everyone who can reach it can read the metrics."""
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 9464
    """Port to listen on; the default is the one that OpenTelemetry proposes for Prometheus exporters."""


OtlpLevel = Literal["rates", "system", "apps", "events"]
"""The subset of UploadLevel for which there are metrics or log records."""


class Otlp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The export of metrics and events to an OpenTelemetry collector. Environment variables may override it; see
    cloud.otlp_target."""

    on: bool = False
    endpoint: str = "http://localhost:4318"
    """URL of the collector, without `/v1/metrics`."""
    interval: Annotated[int, msgspec.Meta(ge=10, le=3600)] = 15
    """Seconds between exports."""
    level: OtlpLevel = "rates"
    hide_addresses: bool = False
    hide_names: bool = False
    all_interfaces: bool = False
    """Also export interfaces that are down or not part of the total."""
    headers_file: str = ""
    """File of `name=value` lines with HTTP headers, for tokens, which must not be in the settings."""
    certificate_file: str = ""
    """PEM file of certificate authorities to trust in place of the system's."""
    client_certificate_file: str = ""
    client_key_file: str = ""


class History(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is recorded on this machine, and for how long it is kept."""

    on: bool = True
    size_mb: Annotated[int, msgspec.Meta(ge=20, le=100_000)] = 200
    """Largest size of the file in 10⁶ bytes. Beyond it the oldest hours are deleted, but never the days."""
    hosts_days: Annotated[int, msgspec.Meta(ge=0, le=3660)] = 0
    """Days for which hosts of apps, and names of hosts, are kept on the disk. With 0 they are kept in memory for a day,
    and forgotten when the agent exits."""
    network_names: bool = False
    """Store the names that NetworkManager has for networks, and show them with the usage of each network."""


Counts = Literal["all", "metered", "internet"]
"""What counts for a data plan: all traffic; that in networks which NetworkManager reports as metered; or the total
without what is known to have stayed in the local network."""


class DataPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The data volume that the provider allows in each period: a billing month, or a number of days."""

    cap_gb: Annotated[float, msgspec.Meta(gt=0, le=1_000_000)] | None = None
    """Volume of the plan in 10⁹ bytes, received and sent together. Without it there are no alerts."""
    billing_day: Annotated[int, msgspec.Meta(ge=1, le=31)] = 1
    """Day of the month on which a period begins; in shorter months the last day."""
    days: Annotated[int, msgspec.Meta(ge=0, le=366)] = 0
    """Length of a period in days, as of a prepaid plan; 0 for months. Has no effect without `begin`."""
    begin: date | None = None
    """First day of one of the periods of `days` days."""
    counts: Counts = "all"
    """Which traffic the plan counts."""

    @property
    def cap_bytes(self) -> int | None:
        return None if self.cap_gb is None else round(self.cap_gb * 1e9)


TimeOfDay = Annotated[str, msgspec.Meta(pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$")]
"""Local time such as `22:00`; empty for none."""


class Events(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events are detected, and which of them notify the user."""

    on: bool = True
    notify: Literal["alerts", "notices", "none"] = "alerts"
    """Which events notify. `notices` includes alerts."""
    quiet_from: TimeOfDay = ""
    quiet_until: TimeOfDay = ""
    """No event notifies between `quiet_from` and this time, also across midnight. Unless both are set, there are no
    quiet hours."""
    muted: dict[str, bool] = {}
    """Mutes by their `event.Mute.code`; false is the same as no entry."""
    upload_times: Annotated[int, msgspec.Meta(ge=2, le=1000)] = 4
    """An app that sends more than this many times what it usually sends in a day causes an alert …"""
    upload_least_mb: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 100
    """… if it is also more than this, in 10⁶ bytes."""
    rate_mb: Annotated[float, msgspec.Meta(gt=0, le=100_000)] | None = None
    """An upload rate above this (10⁶ bytes/s) for `rate_minutes` causes an alert; none if not set."""
    rate_minutes: Annotated[int, msgspec.Meta(ge=1, le=1440)] = 10


ColourScheme = Literal["system", "light", "dark"]


class Window(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The appearance of the window."""

    theme: ColourScheme = "system"
    """Colour scheme; `system` is that of the desktop."""
    mini: bool = False
    """Open the mini window when the program starts."""
    same_scale: bool = False
    """Use one scale for download and upload in charts of rates, so that equal heights are equal rates."""


class Usage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The counter on the Usage page, which starts when the user resets it."""

    counter_since: datetime | None = None
    """Local time at which the user reset the counter last; None if never."""


Language = Literal["auto", "en", "de"]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings with their defaults."""

    language: Language = "auto"
    """`auto`: the system's language if there is a translation, else English."""
    units: Units = Units()
    total: dict[str, bool] = {}
    """By name of an interface: whether it counts in the total (true) or not (false), regardless of the topology."""
    tray: TrayIcon = TrayIcon()
    window: Window = Window()
    upload: Upload = Upload()
    metrics: Metrics = Metrics()
    otlp: Otlp = Otlp()
    history: History = History()
    plan: DataPlan = DataPlan()
    usage: Usage = Usage()
    events: Events = Events()
    countries: bool = True
    """Show the countries of remote addresses, if there is a database of them on this computer."""
    health: bool = False
    """Probe gateway and DNS server, for events, `snapshot` and metrics, even while nothing is uploaded."""


def load(file: Path) -> Settings:
    """Return the settings; the defaults if there is no file.

    Raise SettingsError, which names the file, each invalid key and the allowed values.
    """
    settings, error = read(file)
    if error:
        raise error
    return settings


def read(file: Path) -> tuple[Settings, SettingsError | None]:
    """Return the valid settings, with defaults for invalid keys, and the error that `load` would raise or None.

    After any error nothing is sent or probed, because it is unknown what the user or the administrator wanted.
    """
    values, error = _read(file)
    managed, managed_error = _read(paths.managed_settings_file(), is_managed=True)
    chosen = merge(values, managed)
    settings = msgspec.convert(chosen, Settings) if chosen else Settings()  # most have no file, and this takes 2 ms
    error = managed_error or error
    return silent(settings) if error else settings, error


def managed() -> frozenset[str]:
    """Return the valid keys in the administrator's file, such as `upload.level`. Users cannot change them."""
    values, _error = _read(paths.managed_settings_file(), is_managed=True)
    return frozenset(_leaves(values))


def refuse_managed(by: Changes) -> None:
    """Raise SettingsError if the changes contain a key that only the administrator can change."""
    if found := sorted(managed().intersection(_leaves(by))):
        raise SettingsError(
            "Set by your administrator in {file}: {keys}. You cannot change this.",
            file=paths.managed_settings_file(),
            keys=", ".join(found),
        )


def _leaves(values: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*path, key))
        else:
            yield dotted(*path, key)


def dotted(*path: str) -> str:
    """Return the path of a key in TOML notation: `total."br.lan"`."""
    return ".".join(map(_key, path))


def _read(file: Path, *, is_managed: bool = False) -> tuple[dict[str, Any], SettingsError | None]:
    """Return the valid values of a file, and an error about the invalid ones or None."""
    try:
        text = settings_text.read(file, is_managed=is_managed)
    except SettingsError as error:
        return {}, error
    values, fault = _usable_values(text)
    if fault is None:
        return values, None
    return values, SettingsError("Fault in the settings file {file}: {fault}.", file=file, fault=fault)


def parse(text: str) -> tuple[Settings, Message | None]:
    """Return the valid settings in the text of a user's file, and what is wrong with the rest or None."""
    values, fault = _usable_values(text)
    settings = msgspec.convert(values, Settings)
    return silent(settings) if fault else settings, fault


def _usable_values(text: str) -> tuple[dict[str, Any], Message | None]:
    """Return the valid values in a text, and a description of what is wrong with the others or None."""
    if not text:
        return {}, None
    import tomllib  # noqa: PLC0415  2 ms, for files alone

    try:
        values = tomllib.loads(text)
        fault = _reduce(values)
    except tomllib.TOMLDecodeError as error:
        fault = Message(str(error))
    except RecursionError:
        fault = message("tables or lists are nested too deeply")
    except Exception as error:  # noqa: BLE001  fails closed: tomllib raises ValueError for 5 000 digits, for example
        fault = Message(str(error) or type(error).__name__)
    else:
        return values, fault
    return {}, fault


def _reduce(values: dict[str, Any]) -> Message | None:
    """Remove invalid values from `values`. Return a description of what is wrong with them, or None."""
    try:
        msgspec.convert(values, Settings)
    except msgspec.ValidationError:
        found = list(_take_out_faults(values, inspect.type_info(Settings)))
        faults = [fault() for fault in found[:_MOST_FAULTS]]
        if more := len(found[_MOST_FAULTS:]):
            faults.append(message("and {count} more", count=more))
        msgspec.convert(values, Settings)
        return joined(faults, "; ")
    return None


def silent(settings: Settings) -> Settings:
    """Return the settings with everything turned off that sends, serves or probes."""
    upload = msgspec.structs.replace(settings.upload, on=False)
    metrics = msgspec.structs.replace(settings.metrics, on=False)
    otlp = msgspec.structs.replace(settings.otlp, on=False)
    return msgspec.structs.replace(settings, upload=upload, metrics=metrics, otlp=otlp, health=False)


Changes = dict[str, Any]
"""A JSON Merge Patch (RFC 7396) of settings: only the keys that change; None removes a key."""


def changes(before: Settings, after: Settings) -> Changes:
    """Return the changes (a merge patch) that turn `before` into `after`."""
    return _changes(msgspec.to_builtins(before), msgspec.to_builtins(after))


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Changes:
    found: Changes = dict.fromkeys(before.keys() - after.keys())
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            if inside := _changes(old, value):
                found[key] = inside
        elif key not in before or value != old:
            found[key] = value
    return found


def changed(settings: Settings, by: Changes) -> Settings:
    """Return the settings with these changes applied. Raise SettingsError if they are invalid."""
    try:
        return msgspec.convert(_without_none(merge(msgspec.to_builtins(settings), by)), Settings)
    except msgspec.ValidationError as error:
        raise SettingsError("These settings cannot be saved: {error}.", error=error) from error


def merge(values: Changes, by: Changes) -> Changes:
    """Apply changes to `values` in place, and return `values`. If these are changes themselves, a None in
    them is kept."""
    for key, value in by.items():
        old = values.get(key)
        values[key] = merge(old, value) if isinstance(value, dict) and isinstance(old, dict) else value
    return values


def _without_none(values: Changes) -> Changes:
    found = {key: _without_none(value) if isinstance(value, dict) else value for key, value in values.items()}
    return {key: value for key, value in found.items() if value is not None}


def _take_out_faults(
    values: dict[str, Any], table: inspect.Type, path: tuple[str, ...] = ()
) -> Iterator[Callable[[], Message]]:
    """Remove each invalid value from `values`. Yield for each a function that describes what is wrong with it."""
    for key, value in list(values.items()):
        here, kind = (*path, key), _kind(table, key)
        name = dotted(*here)
        if kind is not None and isinstance(value, dict) and isinstance(kind, inspect.StructType | inspect.DictType):
            yield from _take_out_faults(value, kind, here)
        elif not _is_usable(here, value):
            del values[key]
            if kind is None:
                yield partial(_unknown, here, table)
            else:
                yield partial(_not_allowed, name, kind)


def _not_allowed(name: str, kind: inspect.Type) -> Message:
    return message("{name} must be {allowed}", name=name, allowed=_allowed(kind))


def _unknown(path: tuple[str, ...], table: inspect.Type) -> Message:
    """Describe a key that its table does not have."""
    *before, key = path
    fields = table.fields if isinstance(table, inspect.StructType) else ()
    name, meant = dotted(*path), closest(key, [field.name for field in fields])
    if meant is None:
        return message("{name} is not a setting", name=name)
    other = dotted(*before, meant)
    return message("{name} is not a setting (did you mean {other}?)", name=name, other=other)


def _kind(table: inspect.Type, key: str) -> inspect.Type | None:
    """Return the type that the value of a key must have in a table; None if the table has no such key."""
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


def _allowed(kind: inspect.Type) -> Message:
    """Return a description of the values that a type allows."""
    match kind:
        case inspect.BoolType():
            return message("true or false")
        case inspect.LiteralType(values=words):
            return message("one of {words}", words=", ".join(_string(str(word)) for word in words))
        case inspect.IntType(ge=least, le=most):
            return message("a whole number from {least} to {most}", least=least, most=most)
        case inspect.UnionType(types=(inspect.FloatType(gt=least, le=most), *_)):
            return message("a number above {least}, up to {most}", least=least, most=most)
        case inspect.StrType(pattern=str()):
            return message('a time such as "22:00"')
        case inspect.UnionType(types=(inspect.DateType(), *_)):
            return message("a date such as 2026-11-30")
        case inspect.UnionType(types=(inspect.DateTimeType(), *_)):
            return message("a time such as 2026-11-30T14:02:00")
        case inspect.StrType():
            return message("text in quotes")
    return message("a table")


def _key(text: str) -> str:
    return text if text.isascii() and text.replace("_", "a").replace("-", "a").isalnum() else _string(text)


def _string(text: str) -> str:
    """Return a text as a TOML basic string. The escapes are those of JSON; DEL is escaped, too."""
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")
