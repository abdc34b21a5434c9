"""The texts of an amount chart (`amount_chart`): its header, slots, gaps, and its description for screen readers."""

from __future__ import annotations

from datetime import datetime, timedelta

from PySide6.QtCore import QCoreApplication

from netwatch_tray import units
from netwatch_tray.units import Units
from netwatch_tray.window.chart import labels
from netwatch_tray.window.chart.amounts import (
    DAY_S,
    HOUR_S,
    NOMINAL_S,
    Amounts,
    ShownGap,
    Slot,
    Summary,
    Width,
    quiet_times,
    summary,
)
from netwatch_tray.window.chart.series import GapSpan
from netwatch_tray.window.widgets.formatting import day_name, duration, exact_duration, long_date, short_date

translate = QCoreApplication.translate

_MOST_CAUSES = 2
"""Most reasons of gaps that are named in the status line."""


def average_amount(amounts: Amounts) -> float | None:
    """Return the average download of a slot in bytes: the rate over all known time × the length of a slot. None if
    nothing was downloaded, or less than one slot is known: a minute says nothing about a week."""
    found, slot_s = summary(amounts), NOMINAL_S[amounts.width]
    return found.rx / found.known_s * slot_s if found.rx and found.known_s >= slot_s else None


def average_text(amounts: Amounts, average: float, shown_in: Units) -> str:
    """Return the label of the line at the average: `average 31.9 GB a day`. `average`: bytes."""
    texts: dict[Width, str] = {
        "hour": translate("Chart", "average {amount} an hour"),
        "quarter": translate("Chart", "average {amount} in 6 h"),
        "day": translate("Chart", "average {amount} a day"),
        "week": translate("Chart", "average {amount} a week"),
    }
    return texts[amounts.width].format(amount=units.size(average, shown_in))


def lane_texts(amounts: Amounts, *, has_quiet: bool) -> tuple[str, list[str]]:
    """Return the heading of the lane of rates, and a text for each of its signs: `line: average of 5 min`. `has_quiet`:
    whether pale bands are explained, too."""
    peaks: dict[Width, str] = {
        "hour": translate("Chart", "dash: peak of the hour"),
        "quarter": translate("Chart", "dash: peak of 6 h"),
        "day": translate("Chart", "dash: peak of the day"),
        "week": translate("Chart", "dash: peak of the week"),
    }
    words = [
        translate("Chart", "line: average of {length}").format(length=duration(amounts.step)),
        peaks[amounts.width],
        translate("Chart", "▴: peak above this scale"),
    ]
    if has_quiet:
        words.append(translate("Chart", "pale: not measured"))
    return translate("Chart", "Rate"), words


def slot_mark(slot: Slot, width: Width) -> str:
    """Return the label of a slot on the time axis; empty for a slot without a label."""
    begin = datetime.fromtimestamp(slot.start).astimezone()
    if width == "hour":
        return f"{begin:%H:%M}"
    if width == "quarter" and begin.hour >= 3:
        return ""
    return short_date(begin.date())


def last_mark(amounts: Amounts) -> str:
    """Return the label at the right end of the time axis."""
    last = amounts.slots[-1]
    if amounts.is_current:
        return translate("Chart", "today") if amounts.width == "day" else translate("Chart", "now")
    return slot_mark(last, "day") if amounts.width != "hour" else labels.clock(last.end, seconds=False)


def slot_name(slot: Slot, width: Width) -> str:
    """Return the name of a slot: `Saturday, 21 November`, `21 November, 18:00–19:00` or `16 Nov – 22 Nov`."""
    begin, end = datetime.fromtimestamp(slot.start).astimezone(), datetime.fromtimestamp(slot.end).astimezone()
    if width == "day":
        return day_name(begin.date())
    if width == "week":
        return f"{short_date(begin.date())} – {short_date(end.date() - timedelta(days=1))}"
    return f"{long_date(begin.date())}, {begin:%H:%M}–{_until(end)}"


def _until(end: datetime) -> str:
    return "24:00" if (end.hour, end.minute) == (0, 0) else f"{end:%H:%M}"


def measured_text(slot: Slot, amounts: Amounts) -> str:
    """Return how much of a slot was measured: `00:00–24:00, measured 17 h 52 min`."""
    if not slot.is_known:
        return _gap_in(slot, amounts) or translate("Chart", "nothing measured")
    if not slot.measured_s:
        return translate("Chart", "measured by another program")
    end = min(slot.end, amounts.end)
    words = []
    if amounts.width == "day":
        words.append(f"00:00–{_until(datetime.fromtimestamp(end).astimezone())}")
    if slot.measured_s >= end - slot.start - 60:
        words.append(translate("Chart", "measured completely"))
    else:
        words.append(translate("Chart", "measured {time}").format(time=exact_duration(slot.measured_s)))
    return ", ".join(words)


def _gap_in(slot: Slot, amounts: Amounts) -> str:
    gap = next((gap for gap in amounts.gaps if gap.start < slot.end and gap.end > slot.start), None)
    return labels.gap_reason(gap) if gap else ""


def peak_moment(at: float, amounts: Amounts) -> str:
    """Return the time of a peak, as exactly as the stored values allow: `20:14`, `20–21 h` or `12 Nov`. `at`: Unix
    time."""
    if amounts.width == "week":
        return short_date(datetime.fromtimestamp(at).astimezone().date())
    if amounts.peak_step < HOUR_S:
        return labels.clock(at, seconds=False)
    begin = datetime.fromtimestamp(at).astimezone()
    return translate("Chart", "{first}–{last} h").format(first=begin.hour, last=begin.hour + 1)


def gap_text(amounts: Amounts, gap: GapSpan) -> str:
    """Return the reason and length of a gap (`asleep 2 d`), or that the history begins later."""
    if gap.reason is None and gap.start <= amounts.slots[0].start:
        begin = datetime.fromtimestamp(gap.end).astimezone()
        return translate("Chart", "nothing recorded before {time}").format(
            time=f"{short_date(begin.date())} {begin:%H:%M}"
        )
    return f"{labels.gap_reason(gap)} {duration(gap.end - gap.start)}"


def span_text(start: float, end: float, width: Width) -> str:
    """Return the dates between two Unix times: `27 October – 26 November`, with clock times if the range is short."""
    begin, last = datetime.fromtimestamp(start).astimezone(), datetime.fromtimestamp(end).astimezone()
    if width == "hour" or (width == "quarter" and end - start < 2 * DAY_S):
        if begin.date() == (last - timedelta(seconds=1)).date():
            return f"{long_date(begin.date())}, {begin:%H:%M}–{_until(last)}"
        return f"{short_date(begin.date())} {begin:%H:%M} – {short_date(last.date())} {last:%H:%M}"
    shown = (last - timedelta(seconds=1)).date()
    if begin.date() == shown:
        return long_date(shown)
    if begin.year != shown.year:
        return f"{short_date(begin.date())} {begin.year} – {short_date(shown)} {shown.year}"
    return f"{long_date(begin.date())} – {long_date(shown)}"


def header_texts(amounts: Amounts) -> tuple[str, str]:
    """Return the dates of the chart, with how much of that time was measured and without."""
    known = exact_duration(summary(amounts).known_s)
    span = span_text(amounts.slots[0].start, min(amounts.slots[-1].end, amounts.end), amounts.width)
    return f"{span}, {translate('Chart', '{time} known').format(time=known)}", span


def direction_texts(found: Summary, shown_in: Units, *, is_up: bool) -> tuple[str, str]:
    """Return two texts for the header about download, or upload with `is_up`: the amount; its average and peak rate."""
    amount, rate, peak = (found.tx, found.tx_rate, found.tx_peak) if is_up else (found.rx, found.rx_rate, found.rx_peak)
    text = translate("Chart", "average {average}, peak {peak}").format(
        average=units.rate(rate, shown_in), peak=units.rate(peak if rate is not None else None, shown_in)
    )
    return str(units.size(amount, shown_in)), text


def quiet_text(amounts: Amounts, gaps: list[ShownGap]) -> str:
    """Return how often and how long nothing was measured, by reason: `asleep 28 times, 6 h on average`. Gaps that are
    hatched are left out; empty if there are no others."""
    words = []
    for reason, count, mean in quiet_times(amounts, gaps)[:_MOST_CAUSES]:
        name = labels.gap_reason(GapSpan(0, 0, reason))
        if count == 1:
            words.append(translate("Chart", "{reason} for {length}").format(reason=name, length=duration(mean)))
        else:
            text = translate("Chart", "{reason} {count} times, {length} on average")
            words.append(text.format(reason=name, count=count, length=duration(mean)))
    return ", ".join(words)


def spoken_slot(slot: Slot, amounts: Amounts, shown_in: Units) -> str:
    """Describe a slot to a screen reader: `21 November, download 31.9 GB, upload 5.40 GB, measured 17 h 52 min`."""
    name = slot_name(slot, amounts.width)
    if not slot.is_known:
        return f"{name}, {measured_text(slot, amounts)}"
    down = translate("Chart", "download {rate}").format(rate=units.size(slot.rx, shown_in))
    up = translate("Chart", "upload {rate}").format(rate=units.size(slot.tx, shown_in))
    return f"{name}, {down}, {up}, {measured_text(slot, amounts)}"


def accessible_description(amounts: Amounts, shown_in: Units) -> str:
    """Describe the visible amounts, averages and peaks to a screen reader."""
    found = summary(amounts)
    down, up = (direction_texts(found, shown_in, is_up=is_up) for is_up in (False, True))
    return ", ".join(
        (
            header_texts(amounts)[0],
            translate("Chart", "download {rate}").format(rate=f"{down[0]}, {down[1]}"),
            translate("Chart", "upload {rate}").format(rate=f"{up[0]}, {up[1]}"),
        )
    )
