"""Turns a tick into what the tray shows, as plain strings and the name of a glyph. Nothing is drawn or sent here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal, NamedTuple

import msgspec

from netwatch_tray import units, wording
from netwatch_tray.event import Event
from netwatch_tray.kinds import InterfaceKind
from netwatch_tray.language import mark, translate
from netwatch_tray.model import App, GapReason, InterfaceTick, Role, Tick
from netwatch_tray.settings import Settings
from netwatch_tray.text import printable
from netwatch_tray.units import Quantity, SteadyRate, Units

MOST_EVENT = 48
"""Length in characters of the row of the last event, about that of the other rows."""
MOST_ROWS = 5
"""Most rows with rates at the head of the menu. With the other rows the menu has 14 at most."""

MOST_APPS = 5
"""Number of rows in the submenu of the busiest apps."""

MOST_NAME = 24
"""Most characters of an app's name in the menu."""
APP_WIDTH = 56
"""Length in characters of each row of an app. It is fixed, because the apps change while the menu is open."""

_SLACK = 2
"""Figure spaces added to the longest possible row of amounts, because the letters of units differ in width."""

_SOME, _MORE = 1e3, 100e3
"""Rates (bytes/s) at which the arrow of the icon gets one and two steps longer."""
_BUSY, _BUSY_SHARE = 1e6, 0.1
"""Rate (bytes/s) above which the arrow has its full length: the first number, or the second as a share of the link's
speed if that is less."""


_WITHOUT_RATES = {
    GapReason.PAUSED: (mark("Tray", "NetWatch is paused"), mark("Tray", "No rates are measured until you resume")),
    GapReason.UNREADABLE: (
        mark("Tray", "NetWatch cannot measure"),
        mark("Tray", "The counters could not be read; NetWatch tries again every second"),
    ),
}


class Glyph(NamedTuple):
    """Which shape the icon has."""

    kind: Literal["rates", "paused", "offline", "alert"]
    down: int = 0
    """For the glyph `rates`: length of the download arrow, 0 (head only) to 3."""
    up: int = 0
    digits: tuple[str, str] | None = None
    """For the glyph `rates`: two texts drawn in place of the arrows, download above upload."""


_RATES = tuple(tuple(Glyph("rates", down, up) for up in range(4)) for down in range(4))
_PAUSED, _OFFLINE, _ALERT = Glyph("paused"), Glyph("offline"), Glyph("alert")


class LiveRows(msgspec.Struct, frozen=True):
    """The rows at the head of the menu. Their texts are written only while a menu shows them."""

    lines: tuple[str, ...]
    """All texts if there are no rates, otherwise the one that follows the rates."""
    rates: tuple[Quantity, Quantity] | None = None
    """Download and upload rate in the first row."""
    interfaces: tuple[InterfaceTick, ...] = ()
    """The interfaces that have a row, in order."""
    units: Units = Units()

    @property
    def layout(self) -> object:
        """Return a key of the number of rows and of their lengths, which do not depend on rates."""
        return self.lines, self.interfaces and [each.name for each in self.interfaces]

    def texts(self) -> tuple[str, ...]:
        if self.rates is None:
            return self.lines
        heading = units.joined_padded(*self.rates, self.units)
        below = [
            f"{printable(each.name)}   {units.padded_rates(*each.own_rates, self.units)}" for each in self.interfaces
        ]
        return heading, *self.lines, *below


class View(msgspec.Struct, frozen=True):
    """Everything that the tray shows. If two views are equal, nothing has to be drawn or sent."""

    glyph: Glyph
    tooltip: tuple[str, ...]
    """Lines of the tooltip; the first is the heading."""
    label: str
    """Text beside the icon. It has the same width for all rates."""
    rows: LiveRows
    interfaces: tuple[str, ...]
    """Names of the interfaces that the user can choose, with no characters replaced."""
    is_paused: bool


def waiting() -> View:
    """Return the view that is shown before the first tick."""
    text = translate("Tray", "Waiting for the first rates")
    return View(_RATES[0][0], ("NetWatch", text), "", LiveRows((text,)), (), is_paused=False)


class _Shown(msgspec.Struct, frozen=True):
    """The rates that the icon shows: those of the total, or of the one interface that the user chose."""

    rx_rate: float | None
    tx_rate: float | None
    of: str
    """Whose rates these are, in words."""
    is_online: bool
    speed: int | None
    """Speed of the link, or the sum for several links, in bit/s; None if unknown."""


class Presenter:
    """Makes a view of each tick. It keeps the unit of each rate (such as kB/s) from tick to tick, until the rate
    clearly needs another one."""

    def __init__(self, settings: Settings) -> None:
        self._units = settings.units
        self._chosen = settings.tray.interface
        self._has_text = settings.tray.text
        self._has_digits = settings.tray.digits
        self._down, self._up = SteadyRate(settings.units), SteadyRate(settings.units)
        self._presented: tuple[object, View] = None, waiting()
        """The parts of the previous tick from which its view was made, and that view."""
        self._counted: tuple[tuple[str, ...], str] = (), ""
        """The uplinks of the previous tick, and the text about them."""

    def present(self, tick: Tick) -> View:
        """Return the view of a tick. If nothing visible has changed it is the same object as before."""
        seen = tick.gap, tick.total, tick.interfaces
        if seen != self._presented[0]:
            self._presented = seen, self._view(tick)
        return self._presented[1]

    def _view(self, tick: Tick) -> View:
        shown = self._shown(tick)
        glyph = _glyph(shown, tick.gap)
        # Panels without tooltips, and those that show its heading only, have the same lines in the menu.
        rates = down, up = units.rate(shown.rx_rate, self._units), units.rate(shown.tx_rate, self._units)
        if tick.gap in _WITHOUT_RATES:
            lines = tuple([translate("Tray", text) for text in _WITHOUT_RATES[tick.gap]])
            rows = LiveRows(lines)
        else:
            lines = units.joined(down, up), printable(shown.of)
            rows = LiveRows(lines[1:], rates, self._listed(tick), self._units)
            if gap := tick.gap or (self._gap_of_chosen(tick) if self._chosen else tick.total.gap):
                reason = translate("Tray", "No rates for a moment: {reason}").format(reason=wording.gap(gap))
                lines = *lines, printable(reason)
        return View(
            self._digits(shown) if self._has_digits and glyph.kind == "rates" else glyph,
            lines,
            self._label(shown, tick.gap, rates) if self._has_text else "",
            rows,
            tuple([each.name for each in tick.interfaces if each.role is not Role.LOOPBACK]),
            tick.gap is GapReason.PAUSED,
        )

    def _shown(self, tick: Tick) -> _Shown:
        if self._chosen:
            for each in tick.interfaces:
                if each.name == self._chosen:
                    of = (
                        translate("Tray", "{name} only, as chosen")
                        if each.is_up
                        else translate("Tray", "{name} is not connected")
                    ).format(name=each.name)
                    return _Shown(each.rx_rate, each.tx_rate, of, each.is_up, each.speed)
            of = translate("Tray", "There is no {name} now").format(name=self._chosen)
            return _Shown(None, None, of, is_online=False, speed=None)
        total = tick.total
        speed: int | None = 0
        for each in tick.interfaces:
            if each.is_uplink:
                speed = None if speed is None or each.speed is None else speed + each.speed
        if not total.uplinks or total.uplinks != self._counted[0]:
            self._counted = total.uplinks, _counted(tick)
        return _Shown(total.rx_rate, total.tx_rate, self._counted[1], bool(total.uplinks), speed)

    def _digits(self, shown: _Shown) -> Glyph:
        down, up = (units.short_rate(rate, self._units) for rate in (shown.rx_rate, shown.tx_rate))
        return Glyph("rates", digits=(down, up))

    def _gap_of_chosen(self, tick: Tick) -> GapReason | None:
        """Return why the rates of the chosen interface are unknown; None if they are known."""
        return next((each.gap for each in tick.interfaces if each.name == self._chosen), None)

    def _label(self, shown: _Shown, gap: GapReason | None, rates: tuple[Quantity, Quantity]) -> str:
        if gap is GapReason.UNREADABLE:
            return translate("Tray", "no data")
        if gap is GapReason.PAUSED:
            return translate("Tray", "paused")
        if not shown.is_online:
            return translate("Tray", "offline")
        down, up = self._down.write(shown.rx_rate, rates[0]), self._up.write(shown.tx_rate, rates[1])
        return f"{units.DOWN} {down} {units.UP} {up}"

    def _listed(self, tick: Tick) -> tuple[InterfaceTick, ...]:
        """Return the busiest interfaces that are up, except the one in the heading. They are sorted by index, uplinks
        first, so that their rows stay in place while rates change."""
        told = self._chosen or (tick.total.uplinks[0] if len(tick.total.uplinks) == 1 else "")
        up = [each for each in tick.interfaces if each.is_up and each.name != told and each.role is not Role.LOOPBACK]
        if len(up) > MOST_ROWS - 2:
            up = sorted(up, key=_importance, reverse=True)[: MOST_ROWS - 2]
        if len(up) > 1:
            up.sort(key=lambda each: (not each.is_uplink, each.index))
        return tuple(up)


class Amounts(msgspec.Struct, frozen=True):
    """Bytes of today and of this billing month, received and sent together; None if unknown."""

    today: int | None
    month: int | None
    cap: int | None
    """Bytes that the data plan allows in a month; None without a plan."""
    since: date | None
    """The first day of the billing month; None if unknown."""


def amounts_row(amounts: Amounts, in_units: Units) -> str:
    """Return a row such as `Today 2.10 GB · November 43.0 of 500 GB`, or `… · since 15 November 43.0 GB`.

    It is padded to the greatest length that it can have, because some panels measure a menu only when it opens, and the
    amounts grow while it is open.
    """
    month, cap = units.size(amounts.month, in_units), units.size(amounts.cap, in_units)
    today, used = str(units.size(amounts.today, in_units)), str(month)
    longest = most = str(units.longest_size(in_units))
    if amounts.cap is not None:
        of_cap = translate("Tray", "{used} of {cap}")
        used = of_cap.format(used=month.value if month.unit == cap.unit else used, cap=cap)
        most = of_cap.format(used=longest, cap=cap)
    width = len(_amounts(longest, most, amounts.since)) + _SLACK
    return _amounts(today, used, amounts.since).ljust(width, units.FIGURE_SPACE)


def _amounts(today: str, used: str, since: date | None) -> str:
    if since is None:
        return translate("Tray", "Today {today} · this month {used}").format(today=today, used=used)
    name = wording.month_name(since.month)
    if since.day == 1:
        return translate("Tray", "Today {today} · {month} {used}").format(today=today, month=name, used=used)
    text = translate("Tray", "Today {today} · since {day} {month} {used}")
    return text.format(today=today, day=since.day, month=name, used=used)


def event_row(event: Event, in_units: Units, today: date) -> str:
    """Return a row such as `14:21 Syncthing sent 4.20 GB in one day`, with the date instead of the time if the event is
    not of today. It is cut or padded to a fixed length, because another event may happen while the menu is open."""
    from netwatch_tray import event_words  # noqa: PLC0415  where there is no event they only take memory

    at = datetime.fromtimestamp(event.last)  # noqa: DTZ006  the user's own time
    when = f"{at:%H:%M}"
    if at.date() != today:
        when = wording.day_name(at.date())
    return printable(f"{when} {event_words.sentence(event, in_units)}", MOST_EVENT).ljust(
        MOST_EVENT, units.FIGURE_SPACE
    )


def app_rows(apps: Sequence[App], in_units: Units) -> tuple[str, ...]:
    """Return rows of the apps with the highest rates, the highest first. Tunnel processes are left out, because what
    they transfer is counted for the apps that use the tunnel."""

    def rate(app: App) -> float:
        return (app.rx_rate or 0.0) + (app.tx_rate or 0.0)

    busiest = sorted((app for app in apps if rate(app) and not app.is_tunnel_process), key=rate, reverse=True)[
        :MOST_APPS
    ]
    names = [printable(wording.app_name(each.name), MOST_NAME) for each in busiest]
    rows = (
        f"{name}   {units.padded_rates(each.rx_rate, each.tx_rate, in_units)}"
        for name, each in zip(names, busiest, strict=True)
    )
    return tuple(row.ljust(APP_WIDTH, units.FIGURE_SPACE) for row in rows)


def _importance(interface: InterfaceTick) -> tuple[bool, float, int]:
    return interface.is_uplink, (interface.rx_rate or 0.0) + (interface.tx_rate or 0.0), -interface.index


def _counted(tick: Tick) -> str:
    """Return in words which interfaces make the total, or why there is no total."""
    match tick.total.uplinks:
        case ():
            return translate("Tray", "Offline: {reason}").format(reason=_why_offline(tick.interfaces))
        case (only,):
            return translate("Tray", "{name} only").format(name=only)
        case several:
            return " + ".join(several)


def _why_offline(interfaces: Sequence[InterfaceTick]) -> str:
    others = [each for each in interfaces if each.role is not Role.LOOPBACK]
    up = [each.name for each in others if each.is_up]
    if not others:
        return translate("Tray", "this computer has no network interface")
    if not up:
        down = [
            each.name
            for each in others
            if each.kind in (InterfaceKind.ETHERNET, InterfaceKind.WIFI, InterfaceKind.CELLULAR)
        ] or [others[0].name]
        text = (
            translate("Tray", "{name} is not connected")
            if len(down) == 1
            else translate("Tray", "{names} are not connected")
        )
        return text.format(name=down[0], names=wording.listed(down[:3]))
    text = (
        translate("Tray", "{name} is up, but left out of the total")
        if len(up) == 1
        else translate("Tray", "{names} are up, but left out of the total")
    )
    return text.format(name=up[0], names=wording.listed(up[:3]))


def _glyph(shown: _Shown, gap: GapReason | None) -> Glyph:
    if gap is GapReason.UNREADABLE:
        return _ALERT
    if gap is GapReason.PAUSED:
        return _PAUSED
    if not shown.is_online:
        return _OFFLINE
    return _RATES[_step(shown.rx_rate, shown.speed)][_step(shown.tx_rate, shown.speed)]


def _step(rate: float | None, speed: int | None) -> int:
    if rate is None:
        return 0
    if rate > _BUSY or (speed and rate > _BUSY_SHARE * speed / 8):
        return 3
    return 0 if rate <= _SOME else 1 if rate <= _MORE else 2
