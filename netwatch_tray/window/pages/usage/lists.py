"""The contents of the lists beside the charts: today, earlier periods, apps, networks, and the counter that the user
can reset."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from netwatch_tray.history.usage import Outlook, Period
from netwatch_tray.settings import DataPlan
from netwatch_tray.window.pages.usage.figures import Figures, sum_of
from netwatch_tray.window.pages.usage.pane import Amount
from netwatch_tray.window.pages.usage.words import is_calendar_month, since_name, span_name
from netwatch_tray.window.widgets.formatting import short_date
from netwatch_tray.window.widgets.interface_words import kind_in_words

if TYPE_CHECKING:
    from netwatch_tray.history.results import NetworkUse, Used

translate = QCoreApplication.translate

_MAX_APPS, _MAX_NETWORKS = 5, 4
_MAX_APPS_OF_MONTH = 3
"""Most apps in the list of a plan period, which leaves room for the list about the data plan."""
NameOf = Callable[[str], str]
"""Returns the name to show for an app, by its name in the history."""
Lists = tuple[tuple[str, Sequence[Amount]], ...]


def of_period(
    found: Figures, view: Outlook, period: Period, plan: DataPlan, since: datetime | None, name_of: NameOf
) -> Lists:
    """Return the lists beside the chart of a week or a plan period; the second one has the earlier periods. `since`:
    local time at which the user reset the counter; None: never."""
    now = []
    if found.is_current:
        today = found.days.get(found.today)
        now.append(Amount(translate("Usage", "Used today"), today.both if today else 0))
        if view.allowance is not None:
            name = translate("Usage", "Allowance a day")
            now.append(Amount(name if view.allowance else translate("Usage", "Nothing left"), view.allowance))
    count = len(found.days)
    if count > 1:
        average = translate("Usage", "Average of {count} days").format(count=count)
        now.append(Amount(average, view.used // count))
    if period == "billing" and (busiest := found.busiest) is not None:
        name = translate("Usage", "Busiest: {day}").format(day=short_date(busiest))
        now.append(Amount(name, found.days[busiest].both))
    # The apps of a part of the total are unknown.
    whole = None if period == "billing" and plan.counts != "all" else sum_of(found.days.values())
    title = translate("Usage", "Today") if found.is_current else translate("Usage", "In these days")
    return (
        (title, now),
        (_earlier(period, plan), _listed(found, None if period == "week" else plan.cap_bytes)),
        (
            translate("Usage", "Apps"),
            apps(found.apps, whole, name_of, _MAX_APPS if period == "week" else _MAX_APPS_OF_MONTH),
        ),
        (translate("Usage", "Networks"), networks(found.networks)),
        (translate("Usage", "Counter"), _counter(found, since)),
    )


def _earlier(period: Period, plan: DataPlan) -> str:
    if period == "week":
        return translate("Usage", "Earlier weeks")
    return translate("Usage", "Earlier periods") if plan.days else translate("Usage", "Earlier months")


def of_year(found: Figures, plan: DataPlan, since: datetime | None) -> Lists:
    """Return the lists beside the chart of a year; the second one has the plan periods in that year. `since`: local
    time at which the user reset the counter; None: never."""
    cap = plan.cap_bytes
    used = [each.both for _span, each in found.listed]
    numbers = []
    if cap is not None and used:
        over = sum(amount > cap for amount in used)
        text = translate("Usage", "{over} of {count}").format(over=over, count=len(used))
        numbers.append(Amount(translate("Usage", "Over the cap"), over, text=text))
    if used:
        numbers.append(Amount(translate("Usage", "Average"), sum(used) // len(used)))
    if whole := sum_of(found.days.values()):
        weekends = sum_of(used for day, used in found.days.items() if day.weekday() >= 5)
        share = f"{100 * weekends / whole:.0f} %"
        numbers.append(Amount(translate("Usage", "Saturdays and Sundays"), weekends, text=share))
    return (
        (translate("Usage", "This year") if found.is_current else translate("Usage", "In this year"), numbers),
        (
            translate("Usage", "Periods of the plan") if plan.days else translate("Usage", "Billing months"),
            _listed(found, plan.cap_bytes),
        ),
        (translate("Usage", "Networks"), networks(found.networks)),
        (translate("Usage", "Counter"), _counter(found, since)),
    )


def apps(found: Mapping[str, Used], whole: int | None, name_of: NameOf, most: int = _MAX_APPS) -> list[Amount]:
    """Return the lines of a list of apps: the largest ones, the sum of the others, and the bytes that belong to no app.

    `found`: amounts by name, largest first. `whole`: all bytes of the time; None: unknown, so the last line is missing.
    `most`: number of apps to list. `name_of`: returns the name to show.
    """
    names = list(found)
    greatest = max((each.both for each in found.values()), default=0)
    shown = names if len(names) <= most + 1 else names[:most]
    lines = [Amount(name_of(name), found[name].both, greatest) for name in shown]
    if more := names[len(shown) :]:
        rest = sum_of(found[name] for name in more)
        lines.append(Amount(translate("Usage", "{count} more apps").format(count=len(more)), rest, greatest))
    if whole is not None and lines:
        lines.append(Amount(translate("Usage", "Not of any app"), max(0, whole - sum_of(found.values()))))
    return lines


def networks(found: Sequence[NetworkUse]) -> list[Amount]:
    """Return the lines of a list of networks: the largest ones."""
    return [Amount(_with_metered(each), each.used.both) for each in found[:_MAX_NETWORKS]]


def network_name(network: NetworkUse) -> str:
    """Return the name of a network; if it has none, its kind and number: `Wi-Fi network 2`."""
    if network.name is not None:
        return network.name
    name = kind_in_words(network.kind)
    if network.number > 1:
        name = translate("Usage", "{kind} {number}").format(kind=name, number=network.number)
    return name


def _with_metered(network: NetworkUse) -> str:
    name = network_name(network)
    return translate("Usage", "{network}, metered").format(network=name) if network.is_metered else name


def _listed(found: Figures, cap: int | None) -> list[Amount]:
    most = max([*(used.both for _span, used in found.listed), cap or 0])
    lines = []
    for span, used in found.listed:
        name = span_name(span)
        if is_calendar_month(span) and span.first.year != found.span.last.year:
            name = f"{name} {span.first.year}"
        lines.append(Amount(name, used.both, most, is_strong=span.first <= found.today <= span.last))
    return lines


def _counter(found: Figures, since: datetime | None) -> list[Amount]:
    if since is None or found.counter is None:
        return []
    name = translate("Usage", "Since {moment}").format(moment=since_name(since, found.now))
    return [Amount(name, found.counter.both)]


def period_lists(
    found: Figures, view: Outlook, period: Period, plan: DataPlan, since: datetime | None, name_of: NameOf
) -> Lists:
    """Return the lists beside the chart of any period; see `of_period` and `of_year`."""
    return of_year(found, plan, since) if period == "year" else of_period(found, view, period, plan, since, name_of)
