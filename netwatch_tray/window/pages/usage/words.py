"""The names of days, months, periods and networks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from PySide6.QtCore import QCoreApplication, QLocale

from netwatch_tray.history.usage import Days, Period
from netwatch_tray.text import printable
from netwatch_tray.window.widgets.formatting import long_date, short_date

translate = QCoreApplication.translate

_MOST_NETWORK_NAME = 32
"""Most characters of the name of a network: names of Wi-Fi networks have at most 32 bytes."""


def month_name(month: int) -> str:
    return QLocale().standaloneMonthName(month)


def weekday_initials(begin: int) -> list[str]:
    """Return the first two letters of each weekday. `begin`: first day of the week, 0 for Monday to 6."""
    names = (QLocale().dayName((begin + place) % 7 + 1, QLocale.FormatType.ShortFormat) for place in range(7))
    return [name[:2] for name in names]


def week_begin() -> int:
    """Return the first day of the week in the user's region: 0 for Monday to 6."""
    return QLocale().firstDayOfWeek().value - 1


def is_calendar_month(span: Days) -> bool:
    after = span.last + timedelta(days=1) if span.last < date.max else span.last
    return span.first.day == 1 and after.day == 1 and span.length <= 31


def span_name(span: Days) -> str:
    """Return a period of a plan without its year: `November`, or `31 Aug – 29 Sep`."""
    if is_calendar_month(span):
        return month_name(span.first.month)
    return f"{short_date(span.first)} – {short_date(span.last)}"


def period_name(span: Days, period: Period) -> str:
    """Return a period with its year: `2026`, `November 2026`, `16 – 22 Nov 2026` or `31 Oct – 29 Nov 2026`."""
    if period == "year":
        return str(span.first.year)
    if is_calendar_month(span):
        return f"{month_name(span.first.month)} {span.last.year}"
    if span.first.year != span.last.year:
        return f"{short_date(span.first)} {span.first.year} – {short_date(span.last)} {span.last.year}"
    return f"{span_name(span)} {span.last.year}"


def unknown_days(spans: Sequence[Days]) -> str:
    """Format spans of days as `4–5 November and 9 November`. If there are many, return their number; if none, an empty
    text."""
    if not spans:
        return ""
    if len(spans) > 2:
        count = sum(span.length for span in spans)
        return translate("Usage", "{count} days are not known.").format(count=count)
    names = [_span_of_days(span) for span in spans]
    if len(names) == 2:
        return translate("Usage", "{first} and {last} are not known.").format(first=names[0], last=names[1])
    if spans[0].length > 1:
        return translate("Usage", "{days} are not known.").format(days=names[0])
    return translate("Usage", "{day} is not known.").format(day=names[0])


def _span_of_days(span: Days) -> str:
    if span.first == span.last:
        return long_date(span.first)
    if span.first.month == span.last.month:
        return f"{span.first.day}–{long_date(span.last)}"
    return f"{long_date(span.first)} – {long_date(span.last)}"


def since_name(moment: datetime, now: datetime) -> str:
    """Format the local time at which the counter was reset: `Tuesday 14:02`; with the date if it is more than six days
    ago."""
    if moment.date() == now.date():
        return f"{moment:%H:%M}"
    if (now.date() - moment.date()).days <= 6:
        return f"{QLocale().dayName(moment.isoweekday())} {moment:%H:%M}"
    if moment.year == now.year:
        return f"{long_date(moment.date())}, {moment:%H:%M}"
    return f"{long_date(moment.date())} {moment.year}, {moment:%H:%M}"


def short_network(name: str) -> str:
    """Return the name of a network without unprintable characters, cut to a length that leaves room for other texts."""
    return printable(name, _MOST_NETWORK_NAME)
