"""The sentences of the Apps page."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from netwatch_tray import units, wording
from netwatch_tray.feed.protocol import AppsMessage
from netwatch_tray.units import Units
from netwatch_tray.window.pages.apps.history import AppsHistory
from netwatch_tray.window.widgets.formatting import long_date

translate = QCoreApplication.translate


def range_name(index: int) -> str:
    return (
        translate("Apps", "last 5 minutes"),
        translate("Apps", "last hour"),
        translate("Apps", "last 24 hours"),
        translate("Apps", "last 7 days"),
        translate("Apps", "last 30 days"),
        translate("Apps", "last year"),
    )[index]


def title_of(
    message: AppsMessage | None, history: AppsHistory, shown_in: Units, *, is_unread: bool
) -> tuple[list[str], list[str]]:
    """Return the title of the page and the sentence below it, each in several lengths, longest first.

    `is_unread`: whether the interfaces are not read at present.
    """
    if message is None:
        return [translate("Apps", "Apps")], []
    active = [app.name for app in message.apps if (app.rx_rate or app.tx_rate) and wording.is_app(app.name)]
    one, many = translate("Apps", "1 app uses the network now"), translate("Apps", "{count} apps use the network now")
    titles = [one if len(active) == 1 else many.format(count=len(active))]
    if amounts := history.amounts:
        month = set(active).union(filter(wording.is_app, amounts.month.apps))
        titles.insert(0, f"{titles[0]}, {translate('Apps', '{count} this month').format(count=len(month))}")
    if is_unread:
        return titles, [translate("Apps", "The interfaces are not measured now.")]
    if not message.interval_s:
        return titles, [translate("Apps", "Rates come with the second reading.")]
    apps = message.tcp[0] + (message.udp[0] if message.udp else 0)
    numbers = {
        name: units.rate(count / message.interval_s, shown_in)
        for name, count in (("apps", apps), ("other", message.other[0]), ("uplink", message.uplink[0]))
    }
    sentences = (
        translate("Apps", "Download now: apps {apps} + not of any app {other} = interfaces {uplink}"),
        translate("Apps", "Download: apps {apps} of {uplink}"),
    )
    return titles, [each.format(**numbers) for each in sentences]


def about_month(history: AppsHistory) -> str:
    """Return a text about the column of the month: since when bytes are counted, or why there are none."""
    if history.amounts is None:
        waiting = (
            translate("Apps", "Reading the history …")
            if history.is_loading
            else translate("Apps", "There is no history")
        )
        return history.missing or waiting
    first = long_date(history.amounts.days.first)
    return translate("Apps", "Over the counted interfaces; the month began on {first}. Updated each minute.").format(
        first=first
    )


def why_empty(known: int, wanted: str, *, is_away: bool) -> tuple[str, str]:
    """Return title and sentence that replace an empty list. `known`: number of apps without the search. `wanted`: text
    that was searched for. `is_away`: whether no agent is connected."""
    if known:
        detail = translate("Apps", "Apps known: {total}, none has “{words}” in its name.")
        return translate("Apps", "No app matches"), detail.format(total=known, words=wanted)
    if is_away:
        detail = translate("Apps", "The list returns when the agent runs again.")
        return translate("Apps", "Apps are not known"), detail
    return translate("Apps", "Reading who uses the network …"), ""
