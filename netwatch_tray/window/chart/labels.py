"""The texts of a chart of rates: times, gaps, rates, and its description for screen readers."""

from __future__ import annotations

from datetime import date, datetime

from PySide6.QtCore import QCoreApplication

from netwatch_tray import units, wording
from netwatch_tray.text import qt_tool_tip
from netwatch_tray.units import Units
from netwatch_tray.window.chart.marks import Joined
from netwatch_tray.window.chart.series import GapSpan, Series
from netwatch_tray.window.widgets.formatting import short_date

RELATIVE_UP_TO_S = 60
"""Most seconds of a chart whose time axis shows seconds before now instead of clock times."""
SECONDS_UP_TO_S = 3600
"""Most seconds of a chart whose clock times include seconds."""
_DAYS_FROM_S = 86400
"""Length of a chart in seconds above which times include the date."""
_SHORT_GAP_S = 120
_MOST_MARKS = 6
"""Most events that the tooltip of a mark lists."""

translate = QCoreApplication.translate


def clock(at: float, *, seconds: bool) -> str:
    """Return the local time of a moment (Unix time): `14:24` or `14:24:05`."""
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S" if seconds else "%H:%M")


def moment(at: float, span: float) -> str:
    """Format a Unix time for a chart that shows `span` seconds: `14:24:05` or `14 Nov 14:24`."""
    if span <= _DAYS_FROM_S:
        return clock(at, seconds=True)
    return f"{short_date(_day(at))} {clock(at, seconds=False)}"


def axis_moment(at: float, span: float) -> str:
    """Format a Unix time as label on the time axis of a chart that shows `span` seconds: `14:24:05`, `14:24` or `14
    Nov`."""
    if span > _DAYS_FROM_S:
        return short_date(_day(at))
    return clock(at, seconds=at % 60 != 0 and span <= SECONDS_UP_TO_S)


def crosshair_moment(at: float, span: float) -> str:
    """Format a Unix time for the crosshair's box in a chart that shows `span` seconds: `14:24:05` or `14 Nov 14:24`."""
    time = clock(at, seconds=span <= SECONDS_UP_TO_S)
    return f"{short_date(_day(at))} {time}" if span >= _DAYS_FROM_S else time


def gap_reason(gap: GapSpan) -> str:
    """Return why there are no rates in a gap, as a short text."""
    return wording.gap(gap.reason) if gap.reason else translate("Chart", "no data")


def gap_text(gap: GapSpan, series: Series) -> str:
    """Return why there are no rates in a gap, with its start and end as far as they are within the chart."""
    reason = gap_reason(gap)
    nothing_before, span = gap.start == series.start, series.span
    if gap.end >= series.end and nothing_before:
        return reason
    start, end = moment(gap.start, span), moment(gap.end, span)
    if nothing_before and gap.reason is None and series.begin is not None and gap.start < series.begin:
        return translate("Chart", "nothing recorded before {time}").format(time=end)
    if nothing_before:
        return translate("Chart", "{reason} until {time}").format(reason=reason, time=end)
    if gap.end >= series.end:
        return translate("Chart", "{reason} since {time}").format(reason=reason, time=start)
    if span <= _DAYS_FROM_S:
        seconds = span <= RELATIVE_UP_TO_S or gap.end - gap.start < _SHORT_GAP_S
        start, end = clock(gap.start, seconds=seconds), clock(gap.end, seconds=seconds)
    return f"{reason} {start}–{end}"


def marks_text(joined: Joined, span: float) -> str:
    """Return the tooltip of a mark: its events, one a line, the latest first. `span`: seconds that the chart shows."""
    latest = joined.marks[: -_MOST_MARKS - 1 : -1]
    lines = [f"{moment(mark.at, span)}  {mark.text}" for mark in latest]
    if more := len(joined.marks) - len(latest):
        lines.append(translate("Chart", "{count} more").format(count=more))
    return qt_tool_tip("\n".join(lines))


def spoken_rates(rx: float | None, tx: float | None, shown_in: Units) -> str:
    """Return both rates (bytes/s) for a screen reader: `download 1.2 MB/s, upload 3 kB/s`."""
    down = translate("Chart", "download {rate}").format(rate=units.rate(rx, shown_in))
    return f"{down}, {translate('Chart', 'upload {rate}').format(rate=units.rate(tx, shown_in))}"


def peak_text(rate: float, shown_in: Units) -> str:
    """Return the label of the highest rate (bytes/s) in the chart."""
    return translate("Chart", "peak {rate}").format(rate=units.rate(rate, shown_in))


def accessible_name(title: str | None, shown: str) -> str:
    """Return the chart's name for screen readers. `title`: name of the interface, None for the total. `shown`: name of
    the time range."""
    what = (
        translate("Chart", "Total rate") if title is None else translate("Chart", "Rate of {name}").format(name=title)
    )
    return f"{what}, {shown}"


def accessible_description(rx: float | None, tx: float | None, series: Series, shown_in: Units) -> str:
    """Describe the chart to screen readers: the newest rates (`rx`, `tx` in bytes/s), the peak and the gaps."""
    parts = [spoken_rates(rx, tx, shown_in)]
    if peak := series.peak():
        text = translate("Chart", "peak {rate} at {time}")
        parts.append(text.format(rate=units.rate(peak.rx_peak, shown_in), time=clock(peak.at, seconds=True)))
    parts += [gap_text(gap, series) for gap in series.gaps]
    return ", ".join(parts)


def _day(at: float) -> date:
    return datetime.fromtimestamp(at).astimezone().date()
