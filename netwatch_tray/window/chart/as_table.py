"""Accessible tabular view of a chart: its points as rows, and gaps with their reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtCore import QCoreApplication, Qt

from netwatch_tray import units
from netwatch_tray.units import DOWN, UP, Units
from netwatch_tray.window.chart import labels
from netwatch_tray.window.chart.chart import Chart
from netwatch_tray.window.chart.series import GapSpan, KnownPoint
from netwatch_tray.window.table.column import Column
from netwatch_tray.window.table.model import SortedModel
from netwatch_tray.window.table.rate_cell import draw_rate
from netwatch_tray.window.table.view import TableView
from netwatch_tray.window.widgets.theme import Theme

translate = QCoreApplication.translate


class _Line(NamedTuple):
    """A point of the chart, or a gap with a note instead of rates."""

    at: float
    time: str
    known: KnownPoint | None
    note: str


class ChartTable(TableView[_Line]):
    """The points and gaps of a chart, the newest first; `follow` updates them."""

    def __init__(self, theme: Theme, chart: Chart) -> None:
        self._chart = chart
        model = SortedModel(_columns(lambda: chart.units), key=lambda line: line.at)
        super().__init__(theme, model, row_height=theme.height(26), lines=False)
        self.make_sortable("time", Qt.SortOrder.DescendingOrder)

    def follow(self) -> None:
        """Show what the chart shows at this moment."""
        lines = [self._line(each) for each in self._chart.moments()]
        present = {line.at for line in lines}
        gone = [line.at for line in self.model().records() if line.at not in present]
        self.setAccessibleName(self._chart.accessibleName())
        with self.anchored():
            self.model().put(lines, gone)

    def _line(self, each: KnownPoint | GapSpan) -> _Line:
        series = self._chart.series
        if isinstance(each, GapSpan):
            return _Line(each.start, labels.moment(each.start, series.span), None, labels.gap_text(each, series))
        return _Line(each.at, labels.moment(each.at, series.span), each, "")


def _columns(shown_in: Callable[[], Units]) -> list[Column[_Line]]:
    return [
        Column(
            id="time",
            title=translate("ChartTable", "Time"),
            text=lambda line: line.time,
            order=lambda line: line.at,
            widest="30 Sept 23:59:59",
            stretch=1,
        ),
        _rate_column("rx_rate", f"{DOWN} {translate('ChartTable', 'Download')}", lambda known: known.rx, shown_in),
        _rate_column("tx_rate", f"{UP} {translate('ChartTable', 'Upload')}", lambda known: known.tx, shown_in),
        _rate_column(
            "rx_peak", f"{DOWN} {translate('ChartTable', 'peak')}", lambda known: known.rx_peak, shown_in, drop_order=2
        ),
        _rate_column(
            "tx_peak", f"{UP} {translate('ChartTable', 'peak')}", lambda known: known.tx_peak, shown_in, drop_order=1
        ),
        Column(
            id="gap",
            title=translate("ChartTable", "Gap"),
            text=lambda line: line.note,
            widest="nothing recorded before 30 Sept 23:59",
            least="asleep 23:59:59",
            stretch=2,
        ),
    ]


def _rate_column(
    column_id: str,
    title: str,
    rate: Callable[[KnownPoint], float],
    shown_in: Callable[[], Units],
    drop_order: int | None = None,
) -> Column[_Line]:
    def known(line: _Line) -> float | None:
        return None if line.known is None else rate(line.known)

    return Column(
        id=column_id,
        title=title,
        text=lambda line: str(units.rate(known(line), shown_in())),
        order=known,
        draw=lambda cell, line: draw_rate(cell, known(line), shown_in(), strong=False),
        widest="0000 Mbit/s",
        numeric=True,
        stretch=1,
        drop_order=drop_order,
    )
