"""Texts of the Events page: days, spans, and what a screen reader reads of a line."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from PySide6.QtCore import QCoreApplication, QDate, QLocale

from netwatch_tray import event_words
from netwatch_tray.event import (
    Event,
    EventKind,
    GatewaySilent,
    NewListener,
    NotMeasured,
    Offline,
    PortScan,
    Severity,
    TotalMoved,
)
from netwatch_tray.model import GapReason
from netwatch_tray.units import Units
from netwatch_tray.window.pages.events.kinds import Group, words_of
from netwatch_tray.window.pages.events.rows import Day, Row, local_day
from netwatch_tray.window.pages.events.source import RANGES_DAYS, EventSource, Span
from netwatch_tray.window.widgets.formatting import long_date, short_date

COMPARED_AFTER_DAYS = 7
"""Days that an app must be in the history before its uploads are compared with what it usually sends."""

translate = QCoreApplication.translate


def day_in_words(day: date) -> str:
    """Return the heading of a day: `Today, Thursday 26 November`."""
    today = local_day(time.time())
    shown = QLocale().toString(QDate(day.year, day.month, day.day), translate("Time", "dddd d MMMM"))
    match (today - day).days:
        case 0:
            return translate("Events", "Today, {day}").format(day=shown)
        case 1:
            return translate("Events", "Yesterday, {day}").format(day=shown)
    return shown


def grouped(count: int) -> str:
    """Format a number with narrow no-break spaces between thousands."""
    return f"{count:,}".replace(",", "\u202f")


def events_in_words(count: int) -> str:
    one, many = translate("Events", "1 event"), translate("Events", "{count} events")
    return one if count == 1 else many.format(count=grouped(count))


def day_note(day: Day) -> str:
    """Return the note beside the heading of a day: `5 events, 3 new`."""
    parts = [events_in_words(day.events)]
    if day.unseen:
        parts.append(translate("Events", "{count} new").format(count=day.unseen))
    if day.hidden:
        parts.append(translate("Events", "{count} muted").format(count=day.hidden))
    return ", ".join(parts)


def who(event: Event) -> tuple[str, str]:
    """Return two texts: who or what an event is about (an app, a host …), and a detail, which may be empty."""
    evidence = event.evidence
    if event.app_name:
        if event.host and event.host != event.app_name:
            return event.app_name, translate("Events", "to {host}").format(host=event.host)
        if isinstance(evidence, NewListener):
            return event.app_name, f"{evidence.protocol} {evidence.port}"
        return event.app_name, "" if event.pid is None else f"PID {event.pid}"
    if event.host:
        local = isinstance(evidence, PortScan) and evidence.is_local
        return event.host, translate("Events", "in this network") if local else ""
    if isinstance(evidence, Offline):
        return ", ".join(evidence.interfaces), ""
    if isinstance(evidence, TotalMoved):
        return ", ".join(evidence.after), ""
    if isinstance(evidence, GatewaySilent):
        return evidence.address, translate("Events", "gateway")
    if event.kind is EventKind.PLAN:
        return translate("Events", "Data plan"), ""
    if isinstance(evidence, NotMeasured) and evidence.reason is GapReason.ASLEEP:
        return "", ""  # it was the computer that slept, not NetWatch
    return ("NetWatch", "") if event.kind is EventKind.AGENT else ("", "")


def level_in_words(event: Event) -> str:
    """Return the name of an event's severity, for screen readers: `Alert`."""
    return {
        Severity.ALERT: translate("Events", "Alert"),
        Severity.NOTICE: translate("Events", "Notice"),
    }.get(event.severity, translate("Events", "Record"))


def spoken(line: Row, units: Units) -> str:
    """Describe an event to a screen reader: `Alert, new, 14:21, Syncthing has sent …`."""
    event = line.event
    parts = [level_in_words(event)]
    if line.is_quiet:
        parts.append(translate("Events", "muted"))
    elif line.is_new:
        parts.append(translate("Events", "new"))
    parts.append(f"{datetime.fromtimestamp(event.last).astimezone():%H:%M}")
    parts.append(event_words.sentence(event, units))
    return ", ".join(parts)


def range_in_words(days: int) -> str:
    """Return the name of a time range of this many days."""
    if days == 1:
        return translate("Events", "24 hours")
    return translate("Events", "{count} days").format(count=days)


def span_in_words(span: Span) -> str:
    """Return the local times of a span: `26 Nov 14:02–14:05`."""
    first, last = (datetime.fromtimestamp(at).astimezone() for at in span)
    if first.date() == last.date():
        return f"{short_date(first.date())} {first:%H:%M}–{last:%H:%M}"
    return f"{short_date(first.date())} {first:%H:%M} – {short_date(last.date())} {last:%H:%M}"


def has_words(event: Event, words: Sequence[str], units: Units) -> bool:
    """Return whether the shown texts of an event contain all of these words, which are in lower case."""
    shown = (event_words.sentence(event, units), event_words.detail(event, units), *who(event))
    text = "\n".join(shown).casefold()
    return all(word in text for word in words)


def title_texts(source: EventSource, total: int, *, is_sending: bool) -> tuple[str, str, str]:
    """Return the title of the page (alerts not seen yet), the sentence below it (events in the range), and a text with
    both counts that replaces them in a narrow window.

    `total`: events in the range. `is_sending`: uploading to a server is on; if not, the sentence adds that nothing is
    sent.
    """
    new, count = source.unseen(), events_in_words(total)
    title = {
        0: translate("Events", "No alert since you last looked"),
        1: translate("Events", "1 alert since you last looked"),
    }.get(new, translate("Events", "{count} alerts since you last looked").format(count=grouped(new)))
    if not total and source.begin is not None:
        began = datetime.fromtimestamp(source.begin).astimezone()
        sentence = translate("Events", "Watching since {day}, {time}").format(
            day=long_date(began.date()), time=f"{began:%H:%M}"
        )
    else:
        span = span_in_words(source.span) if source.span else range_in_words(RANGES_DAYS[source.range_index])
        text = translate("Events", "{events} in {span}. They are found on this computer.")
        if not is_sending:
            text = translate("Events", "{events} in {span}. They are found on this computer; nothing is sent.")
        sentence = text.format(events=count, span=span)
    in_short = f"{count}, {translate('Events', '{count} new').format(count=grouped(new))}" if new else count
    return title, sentence, in_short


def why_empty(source: EventSource, group: Group | None, words: str, total: int, *, is_on: bool) -> tuple[str, str, str]:
    """Return title and sentences that replace an empty timeline, and the text of a button that removes the filter;
    empty if there is none.

    `total`: number of events in the range. `is_on`: whether the agent detects events.
    """
    show_all = translate("Events", "Show all kinds")
    if words:
        none = translate("Events", "None of {events} has “{words}”.").format(events=events_in_words(total), words=words)
        return translate("Events", "No event matches"), none, show_all
    span = span_in_words(source.span) if source.span else range_in_words(RANGES_DAYS[source.range_index])
    if group is not None:
        detail = _others(total)
        if latest := source.latest(group):
            last = translate("Events", "The last one was on {day}.").format(day=long_date(local_day(latest.last)))
            detail = " ".join(filter(None, (detail, last)))
        return words_of(group).none.format(span=span), detail, show_all
    if source.missing:
        return source.missing_title, source.missing, ""
    if source.is_loading:
        return "", "", ""
    if source.span:
        return translate("Events", "No event in {span}").format(span=span), "", translate("Events", "Show all events")
    if not is_on:
        off = translate("Events", "“Look for what is unusual” is off in the settings.")
        return translate("Events", "Nothing is looked for"), off, ""
    return translate("Events", "Nothing happened yet"), _what_appears(source.begin), ""


def _others(total: int) -> str:
    if not total:
        return ""
    one, many = (
        translate("Events", "1 event of another kind is there."),
        translate("Events", "{count} events of other kinds are there."),
    )
    return one if total == 1 else many.format(count=total)


def _what_appears(begin: float | None) -> str:
    """Return a sentence about which events will appear in an empty timeline. `begin`: Unix time at which the history
    begins; None: unknown."""
    text = translate("Events", "New apps, new ports, unusual uploads, scans and times offline appear here.")
    if begin is None:
        return text
    ready = local_day(begin) + timedelta(days=COMPARED_AFTER_DAYS)
    if ready <= local_day(time.time()):
        return text
    uploads = translate(
        "Events", "Uploads are compared once an app has {count} days of history; the first is ready on {day}."
    )
    return f"{text} {uploads.format(count=COMPARED_AFTER_DAYS, day=long_date(ready))}"
