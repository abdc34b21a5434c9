"""A chart's data as a table, for screen readers: a row for each point or slot, and for each gap with its reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from PySide6.QtCore import QCoreApplication, Qt

from netwatch_tray import units
from netwatch_tray.units import DOWN, UP, Units
from netwatch_tray.window.chart import amount_labels, labels
from netwatch_tray.window.chart.amounts import Amounts, Slot
from netwatch_tray.window.chart.series import GapSpan, KnownPoint, Series
from netwatch_tray.window.table.column import Column
from netwatch_tray.window.table.model import SortedModel
from netwatch_tray.window.table.rate_cell import draw_rate, draw_size
from netwatch_tray.window.table.view import TableView
from netwatch_tray.window.widgets.theme import Theme

translate = QCoreApplication.translate


class Tabulated(NamedTuple):
    """The data that a chart shows now."""

    name: str
    moments: Sequence[KnownPoint | Slot | GapSpan]
    source: Series | Amounts


class _Line(NamedTuple):
    """A row: a point or slot of the chart, or a gap, which has a note (its reason) instead of rates."""

    at: float
    time: str
    known: KnownPoint | Slot | None
    note: str


class ChartTable(TableView[_Line]):
    """The table of a chart, with the newest row first. `follow` reads the chart again."""

    def __init__(self, theme: Theme, shown: Callable[[], Tabulated], shown_in: Callable[[], Units]) -> None:
        self._shown = shown
        model = SortedModel(_columns(shown_in), key=lambda line: line.at)
        super().__init__(theme, model, row_height=theme.height(26), lines=False)
        self.make_sortable("time", Qt.SortOrder.DescendingOrder)

    def follow(self) -> None:
        """Show the data that the chart shows now."""
        name, moments, source = self._shown()
        lines = [_line(each, source) for each in moments]
        present = {line.at for line in lines}
        gone = [line.at for line in self.model().records() if line.at not in present]
        self.setAccessibleName(name)
        with self.anchored():
            self.model().put(lines, gone)


def _line(each: KnownPoint | Slot | GapSpan, source: Series | Amounts) -> _Line:
    if isinstance(source, Series):
        if isinstance(each, GapSpan):
            return _Line(each.start, labels.moment(each.start, source.span), None, labels.gap_text(each, source))
        return _Line(each[0], labels.moment(each[0], source.span), None if isinstance(each, Slot) else each, "")
    if isinstance(each, Slot):
        note = amount_labels.measured_text(each, source)
        return _Line(each.start, amount_labels.slot_name(each, source.width), each, note)
    note = amount_labels.gap_text(source, each) if isinstance(each, GapSpan) else ""
    return _Line(each[0], labels.moment(each[0], source.slots[-1].end - source.slots[0].start), None, note)


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
    rate: Callable[[KnownPoint | Slot], float],
    shown_in: Callable[[], Units],
    drop_order: int | None = None,
) -> Column[_Line]:
    is_amount = not column_id.endswith("peak")
    """Whether the rows are slots with amounts; points only have rates."""

    def known(line: _Line) -> float | None:
        return None if line.known is None else rate(line.known)

    def is_size(line: _Line) -> bool:
        return is_amount and isinstance(line.known, Slot)

    return Column(
        id=column_id,
        title=title,
        text=lambda line: str((units.size if is_size(line) else units.rate)(known(line), shown_in())),
        order=known,
        draw=lambda cell, line: (draw_size if is_size(line) else draw_rate)(
            cell, known(line), shown_in(), strong=False
        ),
        widest="0000 Mbit/s",
        numeric=True,
        stretch=1,
        drop_order=drop_order,
    )
