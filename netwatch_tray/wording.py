"""Words for codes and durations in the user's language, the same for tray, window and terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from netwatch_tray.language import mark, translate
from netwatch_tray.model import Connection, GapReason, InterfaceTick, Tick, WhyCode

_MONTHS = (
    mark("Messages", "January"), mark("Messages", "February"), mark("Messages", "March"), mark("Messages", "April"),
    mark("Messages", "May"), mark("Messages", "June"), mark("Messages", "July"), mark("Messages", "August"),
    mark("Messages", "September"), mark("Messages", "October"), mark("Messages", "November"),
    mark("Messages", "December"),
)  # fmt: skip

_GAPS = {
    GapReason.PAUSED: mark("Facts", "paused"),
    GapReason.RESUMED: mark("Facts", "paused until now"),
    GapReason.UNREADABLE: mark("Facts", "counters unreadable"),
    GapReason.NOT_RUNNING: mark("Facts", "not running"),
    GapReason.RESET: mark("Facts", "counters reset"),
    GapReason.JUMPED: mark("Facts", "counters jumped by more than the link can carry"),
    GapReason.ASLEEP: mark("Facts", "asleep"),
    GapReason.INTERRUPTED: mark("Facts", "measuring was interrupted"),
    GapReason.SOURCE_CHANGED: mark("Facts", "another source of counters"),
    GapReason.REMOVED: mark("Facts", "interface removed"),
    GapReason.NOT_WRITTEN: mark("Facts", "history not writable"),
    GapReason.CLOCK_SET_BACK: mark("Facts", "clock set back"),
    GapReason.CLOCK_SET_FORWARD: mark("Facts", "clock set forward"),
    GapReason.UNKNOWN: mark("Facts", "reason unknown"),
}
_COUNTED = {
    WhyCode.DEFAULT_ROUTE: mark("Facts", "counted: carries the default route"),
    WhyCode.UNDERLAY: mark("Facts", "counted: carries {names}, which has the default route"),
    WhyCode.ALL_UP: mark("Facts", "counted: no default route, so all interfaces that are up count"),
    WhyCode.CHOSEN: mark("Facts", "counted: chosen in the settings"),
    WhyCode.UNKNOWN: mark("Facts", "counted"),
}
_NOT_COUNTED = {
    WhyCode.CHOSEN: mark("Facts", "not counted: chosen in the settings"),
    WhyCode.LOOPBACK: mark("Facts", "not counted: traffic of this computer with itself"),
    WhyCode.DOWN: mark("Facts", "not counted: down"),
    WhyCode.NO_DEFAULT_ROUTE: mark("Facts", "not counted: no default route goes through it"),
    WhyCode.INTERNAL: mark("Facts", "not counted: reaches the outside over {names}"),
    WhyCode.COUNTED_BELOW: mark("Facts", "not counted: traffic of {name} already passes {names}"),
    WhyCode.UNKNOWN: mark("Facts", "not counted"),
}
_DURATIONS = (
    (7200, "min", 60, "s", 1),
    (172_800, "h", 3600, "min", 60),
    (float("inf"), mark("Facts", "d"), 86_400, "h", 3600),
)
"""For each unit of durations: the seconds below which it is used, the unit, its seconds, the next smaller unit, and its
seconds. Only the unit of days differs between languages."""
_APPS = frozenset({mark("Facts", "Exited before seen"), mark("Facts", "Being looked for"), mark("Facts", "Other apps")})
"""Names that engine/apps.py gives to unknown programs and to the sum of many apps. They are translated when shown."""
_USER = "user "


def is_app(name: str) -> bool:
    """Return whether this is the name of an app, and not one that NetWatch gives to bytes of unknown programs."""
    return name not in _APPS


def app_name(name: str) -> str:
    """Return an app's name as the user reads it. Names made by NetWatch are translated, names of programs are not."""
    if name in _APPS:
        return translate("Facts", name)
    if name.startswith(_USER):
        return translate("Facts", "user {name}").format(name=name.removeprefix(_USER))
    return name


def owner(connection: Connection) -> str | None:
    """Return a name for the owner of a connection: that of the app if known, else of the process, unit or user. `None`
    if nothing is known."""
    name = connection.app_name or connection.process or connection.unit
    if name is None and connection.user is not None:
        name = f"{_USER}{connection.user}"
    return None if name is None else app_name(name)


def gap(reason: GapReason) -> str:
    """Return the reason of a gap in words, beginning in lower case."""
    return translate("Facts", _GAPS[reason])


def counted(tick: Tick) -> str:
    """Return in words which interfaces make the total, or why its rates are unknown."""
    if reason := tick.gap or tick.total.gap:
        return gap(reason)
    return " + ".join(tick.total.uplinks) or translate("Facts", "no interface is connected")


def why(interface: InterfaceTick) -> str:
    """Return in words whether an interface counts in the total and, after a colon, why; in lower case."""
    sentences = _COUNTED if interface.is_uplink else _NOT_COUNTED
    text = translate("Facts", sentences.get(interface.why.code, sentences[WhyCode.UNKNOWN]))
    return text.format(name=interface.name, names=listed(interface.why.names))


def month_name(number: int, *, is_short: bool = False) -> str:
    """Return the name of a month: `November`, or with `is_short` `Nov`."""
    name = translate("Messages", _MONTHS[number - 1])
    return name[:3] if is_short else name


def day_name(day: date, *, is_short: bool = False) -> str:
    """Return a day without its year: `5 November`, or with `is_short` `5 Nov`."""
    return translate("Messages", "{day} {month}").format(day=day.day, month=month_name(day.month, is_short=is_short))


def listed(names: Sequence[str]) -> str:
    """Join names as in a sentence: `eth0`, `eth0 and eth1`, `eth0, eth1 and eth2`."""
    if len(names) < 2:
        return "".join(names)
    return translate("Facts", "{several} and {last}").format(several=", ".join(names[:-1]), last=names[-1])


def duration(seconds: float) -> str:
    """Return a duration as text: `40 s`, `5 min`, `2 h 10 min`, `3 d`."""
    whole = max(1, round(seconds))
    if whole < 120:
        return f"{whole} s"
    unit, size, part, below = next(each[1:] for each in _DURATIONS if whole < each[0])
    many, rest = divmod(whole, size)
    text = f"{many} {translate('Facts', unit)}"
    return f"{text} {rest // below} {part}" if rest >= below else text
