"""The sentences beside and below the amount of a period on the Usage page."""

from __future__ import annotations

from datetime import date, timedelta

from PySide6.QtCore import QCoreApplication

from netwatch_tray import units
from netwatch_tray.history.usage import Days, Outlook, Period
from netwatch_tray.settings import Counts
from netwatch_tray.units import DOWN, UP, Units
from netwatch_tray.window.pages.usage.figures import Figures
from netwatch_tray.window.pages.usage.words import period_name, short_network, span_name, unknown_days
from netwatch_tray.window.widgets.formatting import day_name, long_date

translate = QCoreApplication.translate


def of_what(
    found: Figures, period: Period, cap: int | None, shown_in: Units, counts: Counts, network: str | None = None
) -> tuple[str, str]:
    """Return the text beside the amount of a period, in a long version (`of 400 GB   ↓ 295 GB  ↑ 43.2 GB`) and a short
    one without both directions.

    `cap`: bytes of the data plan; None: no cap. `network`: name of the only network that is shown; None: all.
    """
    if cap is not None:
        words = translate("Usage", "of {cap}").format(cap=units.size(cap, shown_in))
    elif period == "week":
        words = translate("Usage", "this week") if found.is_current else period_name(found.span, period)
    else:
        name = period_name(found.span, period) if period == "year" else span_name(found.span)
        words = translate("Usage", "in {month}").format(month=name)
    if counts == "metered" and period == "billing":
        words = translate("Usage", "{words} on metered networks").format(words=words)
    elif counts == "internet" and period == "billing":
        words = translate("Usage", "{words}, Internet only").format(words=words)
    if network is not None:
        words = translate("Usage", "{words} on {network}").format(words=words, network=short_network(network))
    if found.unmeasured:
        since = _moment(found.span, found.unmeasured)
        words = translate("Usage", "{words} since {moment}").format(words=words, moment=since)
    return f"{words}   {DOWN} {units.size(found.rx, shown_in)}  {UP} {units.size(found.tx, shown_in)}", words


def of_plan(found: Figures, view: Outlook, shown_in: Units) -> str:
    """Return a sentence about the data plan: what is left, the projection to the end of the period, unknown days."""
    words = []
    last = long_date(view.cycle.last)
    if view.cap is not None:
        left = view.cap - view.used
        if left <= 0:
            words.append(translate("Usage", "{over} over the cap.").format(over=units.size(-left, shown_in)))
        elif view.allowance is not None and found.is_current:
            text = translate("Usage", "{left} left. {allowance} a day keeps you under the cap until {last}.")
            allowance = units.size(view.allowance, shown_in)
            words.append(text.format(left=units.size(left, shown_in), allowance=allowance, last=last))
        else:
            words.append(translate("Usage", "{left} were left.").format(left=units.size(left, shown_in)))
    if view.projection is not None:
        projection = units.size(view.projection, shown_in)
        words.append(translate("Usage", "At this pace ≈ {amount} by {last}.").format(amount=projection, last=last))
    return " ".join([*words, *_missing(found)])


def of_days(found: Figures, shown_in: Units) -> str:
    """Return sentences about the busiest day, the average of a day, and the days about which nothing is known."""
    words = []
    if found.busiest is not None:
        amount = units.size(found.days[found.busiest].both, shown_in)
        text = translate("Usage", "Busiest day: {day}, {amount}.")
        words.append(text.format(day=day_name(found.busiest), amount=amount))
        average = (found.rx + found.tx) / len(found.days)
        text = translate("Usage", "An average day has {amount}.")
        words.append(text.format(amount=units.size(average, shown_in)))
    return " ".join([*words, *_missing(found)])


def so_far(view: Outlook, shown_in: Units) -> str:
    """Return the text that replaces the folded chart of the sum so far: `338 GB of 400 GB, ≈ 398 GB by 30 November`."""
    words = str(units.size(view.used, shown_in))
    if view.cap is not None:
        words = translate("Usage", "{used} of {cap}").format(used=words, cap=units.size(view.cap, shown_in))
    if view.projection is not None:
        text = translate("Usage", "{words}, ≈ {amount} by {last}")
        amount = units.size(view.projection, shown_in)
        words = text.format(words=words, amount=amount, last=long_date(view.cycle.last))
    return words


def _missing(found: Figures) -> list[str]:
    words = [unknown] if (unknown := unknown_days(found.unknown)) else []
    if not found.is_complete:
        text = translate("Usage", "Some bytes are missing: the counters were reset while nothing was measured.")
        words.append(text)
    return words


def _moment(span: Days, passed: float) -> str:
    """Format the time `passed` days (with fractions) after the begin of `span`: `22 November 12:40`; midnight without
    the clock time."""
    whole = int(passed)
    minute = round((passed - whole) * 1440)
    day: date = span.first + timedelta(days=whole)
    return f"{long_date(day)} {minute // 60:02}:{minute % 60:02}" if minute else long_date(day)
