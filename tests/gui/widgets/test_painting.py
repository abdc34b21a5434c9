from __future__ import annotations

from itertools import pairwise

import pytest
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QStyle, QWidget

from netwatch_tray.window.widgets.painting import DENSE_HATCH, WIDE_HATCH, aligned, draw_hatch

_WHITE, _BLACK = QColor("white").rgb(), QColor("black").rgb()


def _hatched(box: QRectF, apart: int, origin: float = 0.0) -> QImage:
    image = QImage(100, 40, QImage.Format.Format_RGB32)
    image.fill(QColor("white"))
    painter = QPainter(image)
    painter.setPen(QColor("black"))
    draw_hatch(painter, box, apart, origin)
    painter.end()
    return image


def _lines(image: QImage, y: int) -> list[int]:
    return [x for x in range(image.width()) if image.pixel(x, y) != _WHITE]


@pytest.mark.parametrize("apart", [WIDE_HATCH, DENSE_HATCH])
def test_a_hatch_fills_its_box_and_nothing_else(apart: int) -> None:
    image = _hatched(QRectF(20, 10, 50, 20), apart)
    inked = {(x, y) for x in range(100) for y in range(40) if image.pixel(x, y) != _WHITE}
    assert {x for x, _y in inked} == set(range(20, 70))
    assert {y for _x, y in inked} == set(range(10, 30))
    for y in range(10, 30):
        lines = _lines(image, y)
        assert {after - before for before, after in pairwise(lines)} == {apart}


def test_hatch_lines_stay_in_place_while_the_box_moves() -> None:
    here, there = (_hatched(QRectF(left, 10, 50, 20), WIDE_HATCH) for left in (20, 23))
    assert [x for x in _lines(here, 20) if x >= 23] == [x for x in _lines(there, 20) if x < 70]


def test_origin_shifts_the_hatch_lines() -> None:
    one, other = (_lines(_hatched(QRectF(20, 10, 50, 20), DENSE_HATCH, origin), 20) for origin in (22.0, 24.0))
    assert [x + 2 for x in one if x + 2 < 70] == [x for x in other if x >= 22]


@pytest.mark.parametrize("direction", [Qt.LayoutDirection.LeftToRight, Qt.LayoutDirection.RightToLeft])
def test_alignment_is_mirrored_as_by_qt(direction: Qt.LayoutDirection) -> None:
    flag = Qt.AlignmentFlag
    across = (flag(0), flag.AlignLeft, flag.AlignRight, flag.AlignHCenter, flag.AlignJustify)
    widget = QWidget()
    widget.setLayoutDirection(direction)
    for side in (*across, flag.AlignLeft | flag.AlignAbsolute, flag.AlignRight | flag.AlignAbsolute):
        for along in (flag(0), flag.AlignTop, flag.AlignVCenter, flag.AlignBottom):
            assert aligned(widget, side | along) == QStyle.visualAlignment(direction, side | along)
    widget.deleteLater()
