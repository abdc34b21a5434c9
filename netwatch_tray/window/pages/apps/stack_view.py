"""The stacked chart of the apps' traffic over a range, linked with the rows of the table."""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QHelpEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from netwatch_tray.text import qt_tool_tip
from netwatch_tray.units import Units
from netwatch_tray.window.chart import labels
from netwatch_tray.window.pages.apps.stack import Layer, Stack
from netwatch_tray.window.pages.apps.stack_layers import DAY_S, StackScene, draw_axis, draw_stack, gap_text, top_of
from netwatch_tray.window.widgets.formatting import duration, short_date
from netwatch_tray.window.widgets.painting import aligned, text_painter
from netwatch_tray.window.widgets.theme import GAP, MARGIN, Theme

_PLOT = 60
_NOTHING = Stack((), (), (), is_amounts=False)


class StackView(QWidget):
    """The widget of the stacked chart. Signal `hovered` carries the name of the app whose layer is under the mouse
    pointer: empty for the layer of other apps, None for no layer."""

    hovered = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._stack: Stack | None = None
        self._range_name = ""
        self._span = (0.0, 1.0)
        """Unix times at the left and right edge of the chart."""
        self._notice = ""
        self._units = Units()
        self._names: dict[str, str] = {}
        self._chosen: tuple[float, float] | None = None
        """Unix times at which the day begins and ends that the user chose; None: no day."""
        self._marked: str | None = None
        self._pointed: str | None = None
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(300, self._head() + self._theme.height(_PLOT) + self._foot())

    @property
    def stack(self) -> Stack | None:
        """Return the stack that is shown, or None."""
        return self._stack

    def show_stack(
        self, stack: Stack | None, span: tuple[float, float], range_name: str, names: dict[str, str], notice: str
    ) -> None:
        """Show a stack, or the text `notice` if it is None. `span`: Unix times at the edges. `range_name`: for the
        heading. `names`: names to show for apps, by their names in the stack."""
        shown = stack, span, range_name, names, notice
        if stack is self._stack and shown[1:] == (self._span, self._range_name, self._names, self._notice):
            return
        self._stack, self._span, self._range_name, self._names, self._notice = shown
        self.setAccessibleName(self.tr("Who used the line, {range}").format(range=range_name))
        self.setAccessibleDescription(self._spoken(stack) if stack else self._notice)
        self.update()

    def set_units(self, shown_in: Units) -> None:
        if shown_in != self._units:
            self._units = shown_in
            self.update()

    def choose(self, span: tuple[float, float] | None) -> None:
        """Highlight the time between two Unix times, that of the chosen day; None: nothing."""
        self._chosen = span
        self.update()

    def mark(self, name: str | None) -> None:
        """Highlight the layer of the app with this name; empty: that of other apps; None: no layer."""
        if name != self._marked:
            self._marked = name
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point(self._layer_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._point(None)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            text = self._tool_tip(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), qt_tool_tip(text), self)
            return True
        return super().event(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = text_painter(self)
        painter.fillRect(self.rect(), self._theme.tokens.surface)
        self._draw_heading(painter)
        scene = self._scene()
        if self._chosen is not None:
            left, right = map(scene.x, self._chosen)
            box = QRectF(left, scene.box.top(), right - left, scene.box.height())
            painter.fillRect(box, self._theme.tokens.select)
        if scene.stack.bins:
            draw_stack(painter, scene)
            return
        painter.setFont(self._theme.fonts.small)
        painter.setPen(self._theme.tokens.ink3)
        painter.drawText(scene.box, Qt.AlignmentFlag.AlignCenter, self._notice)
        draw_axis(painter, scene)

    def _head(self) -> int:
        return self._theme.height(26)

    def _foot(self) -> int:
        return QFontMetrics(self._theme.fonts.small).height() + 6

    def _box(self) -> QRectF:
        return QRectF(MARGIN, self._head(), self.width() - 2 * MARGIN, self.height() - self._head() - self._foot())

    def _scene(self) -> StackScene:
        stack = self._stack or _NOTHING
        return StackScene(
            theme=self._theme,
            units=self._units,
            stack=stack,
            span=self._span,
            box=self._box(),
            marked=self._marked,
            top=top_of(stack),
        )

    def _draw_heading(self, painter: QPainter) -> None:
        tokens, fonts = self._theme.tokens, self._theme.fonts
        row = self.rect().adjusted(MARGIN, 0, -MARGIN, 0)
        row.setHeight(self._head())
        leading = aligned(self, Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
        trailing = aligned(self, Qt.AlignmentFlag.AlignTrailing | Qt.AlignmentFlag.AlignVCenter)
        title = self.tr("Who used the line")
        painter.setFont(fonts.small_strong)
        painter.setPen(tokens.ink)
        painter.drawText(row, leading, title)
        taken = QFontMetrics(fonts.small_strong).horizontalAdvance(title) + GAP
        painter.setFont(fonts.small)
        painter.setPen(tokens.ink3)
        point = self._point_text()
        reserved = QFontMetrics(fonts.small).horizontalAdvance(point) + GAP
        painter.drawText(row, trailing, point)
        is_mirrored = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        row = row.adjusted(reserved, 0, -taken, 0) if is_mirrored else row.adjusted(taken, 0, -reserved, 0)
        hint = self.tr("download and upload, {range}").format(range=self._range_name)
        longer = self.tr("{hint}: point at a moment to see who").format(hint=hint)
        if self._stack is not None and QFontMetrics(fonts.small).horizontalAdvance(longer) <= row.width():
            hint = longer
        painter.drawText(
            row, leading, QFontMetrics(fonts.small).elidedText(hint, Qt.TextElideMode.ElideRight, row.width())
        )

    def _point_text(self) -> str:
        stack = self._stack
        if stack is None or not stack.bins:
            return ""
        whole = stack.bins[-2:][0]  # the last one may be under way
        width = whole.end - whole.start
        if not stack.is_amounts:
            return self.tr("1 point = {length}").format(length=duration(round(width)))
        return self.tr("1 column = 1 week") if width > 2 * DAY_S else self.tr("1 column = 1 day")

    def _place_at(self, x: float) -> int | None:
        stack, box, (start, end) = self._stack, self._box(), self._span
        if stack is None or not stack.bins or not box.left() <= x <= box.right():
            return None
        at = start + (x - box.left()) / box.width() * (end - start)
        place = bisect_right([each.start for each in stack.bins], at) - 1
        return place if place >= 0 and at <= stack.bins[place].end else None

    def _layer_at(self, position: QPointF) -> str | None:
        place, stack, box = self._place_at(position.x()), self._stack, self._box()
        if stack is None or place is None or not box.top() <= position.y() <= box.bottom() + 1:
            return None
        if stack.tops[place] is None:
            return None
        return stack.layer_at(place, (box.bottom() - position.y()) / box.height() * top_of(stack))

    def _point(self, name: str | None) -> None:
        if name != self._pointed:
            self._pointed = name
            self.mark(name)
            self.hovered.emit(name)

    def _tool_tip(self, position: QPointF) -> str:
        place, stack = self._place_at(position.x()), self._stack
        if stack is None or place is None:
            return ""
        each = stack.bins[place]
        if not stack.is_amounts:
            span = f"{labels.clock(each.start, seconds=False)}–{labels.clock(each.end, seconds=False)}"
        else:
            first, last = (datetime.fromtimestamp(at).astimezone().date() for at in (each.start, each.end - 1))
            span = short_date(first) if first == last else f"{short_date(first)} – {short_date(last)}"
        if stack.tops[place] is None:
            gap = next((gap for gap in stack.gaps if gap.start <= each.start < gap.end), None)
            return span if gap is None else f"{span}\n{gap_text(gap, stack)}"
        scene, lines = self._scene(), [span]
        for layer in (Layer("", stack.other), *reversed(stack.layers)):
            value = layer.values[place] or 0.0
            if value:
                lines.append(f"{self._name(layer.name)}  {scene.quantity(value)}")
        return "\n".join(lines)

    def _name(self, name: str) -> str:
        return self._names.get(name, name) if name else self.tr("Others, and not of any app")

    def _spoken(self, stack: Stack) -> str:
        whole = sum(stack.weight(values) for values in (stack.other, *(layer.values for layer in stack.layers)))
        if not whole:
            return self.tr("No traffic.")
        shares = (f"{self._name(each.name)} {100 * stack.weight(each.values) / whole:.0f} %" for each in stack.layers)
        return ", ".join(shares)
