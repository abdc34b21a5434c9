"""Every page in every state, at each scale and in both directions: nothing is clipped, covered or hard to read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from painted import Record, problems
from PIL import Image, ImageChops, ImageStat
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication, QWidget

from netwatch_tray.window.widgets.buttons import FlatButton
from netwatch_tray.window.widgets.text import Text
from netwatch_tray.window.widgets.theme import Theme

_HERE = Path(__file__).resolve().parent
_SCRIPT = _HERE / "render_matrix.py"
_GOLDEN = _HERE / "golden"


def _render(*arguments: str | Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, _SCRIPT, *arguments], capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("how", ["--scale 1.5", "--scale 2", "--mirrored", "--language de"])
def test_nothing_is_clipped_covered_or_hard_to_read(how: str) -> None:
    assert _render(*how.split()) == []


def test_pages_look_like_their_golden_pictures(tmp_path: Path) -> None:
    """The pictures are drawn at 100 %. The fonts are those of Debian's fonts-dejavu-core; shades of single glyphs may
    differ."""
    assert _render("--golden", tmp_path) == []
    golden = {file.name for file in _GOLDEN.iterdir()}
    assert golden == {file.name for file in tmp_path.iterdir()}
    other = [name for name in sorted(golden) if _differ(_GOLDEN / name, tmp_path / name)]
    redraw = f"python {_SCRIPT.relative_to(_HERE.parent.parent)} --golden {_GOLDEN.relative_to(_HERE.parent.parent)}"
    assert not other, f"Look at these; if they are right: {redraw}"


def _differ(one: Path, other: Path) -> bool:
    with Image.open(one) as first, Image.open(other) as second:
        if first.size != second.size:
            return True
        difference = ImageChops.difference(first.convert("L"), second.convert("L"))
    changed = sum(difference.histogram()[48:]) / (difference.width * difference.height)
    return ImageStat.Stat(difference).mean[0] > 1.5 or changed > 0.004


def test_a_row_that_moved_by_four_pixels_is_a_difference(tmp_path: Path) -> None:
    name = "connections-typical-light-normal.png"
    with Image.open(_GOLDEN / name) as picture:
        whole = picture.convert("RGB")
    row = whole.crop((0, 100, whole.width, 113))
    whole.paste(row, (0, 104))
    whole.save(tmp_path / name)
    assert _differ(_GOLDEN / name, tmp_path / name)
    assert not _differ(_GOLDEN / name, _GOLDEN / name)


class _Sloppy(QWidget):
    """A widget with every fault that the checks look for."""

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802  the name Qt calls
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("white"))
        painter.drawText(QPoint(10, 20), "one text")
        painter.drawText(QPoint(14, 22), "another text")
        painter.drawText(QRect(160, 60, 80, 20), Qt.AlignmentFlag.AlignLeft, "a text that runs out of its window")
        painter.drawText(QPoint(10, 110), "12.4 M…")
        painter.setPen(QColor("#aaaaaa"))
        painter.drawText(QPoint(10, 150), "pale")


def test_checks_of_a_rendering_find_each_kind_of_fault(application: QApplication) -> None:
    theme = Theme(application, Qt.ColorScheme.Light)
    window = _Sloppy()
    window.resize(200, 260)
    button, label = FlatButton(theme, "A button"), Text(theme, theme.fonts.base)
    label.show_text("A sentence that needs more room")
    button.setParent(window)
    label.setParent(window)
    button.setGeometry(10, 170, 30, 28)
    label.setGeometry(20, 180, 60, 10)
    stray = QWidget(window)
    stray.setGeometry(150, 230, 80, 20)
    window.show()
    application.processEvents()
    record = Record(window)
    with record.watched():
        image = window.grab().toImage()
    found = "\n".join(problems(window, record, image, may_elide=False))
    for sentence in (
        "“one text” and “another text” overlap",
        "“a text that runs out of its window” runs out of",
        "the number “12.4 M…”",
        "“pale” has a contrast of 2.32: #aaaaaa on #ffffff",
        "FlatButton<_Sloppy is smaller than it can be",
        "“A sentence that needs more room” is cut",
        "“A sentence that needs more room” has no height",
        "FlatButton<_Sloppy and Text overlap",
        "QWidget<_Sloppy leaves its parent",
    ):
        assert sentence in found
    theme.deleteLater()
