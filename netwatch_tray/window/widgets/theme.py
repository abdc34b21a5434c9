"""Colours for light and dark, font sizes, spacing, and the palette of Qt's own widgets.

All lengths of the window are in dip (device-independent pixels); at 200 % one dip is two device pixels.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec
from PySide6.QtCore import QObject, QPointF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontInfo, QFontMetricsF, QPainter, QPalette, QStaticText
from PySide6.QtWidgets import QApplication, QLabel

from netwatch_tray.text import printable

# Device-independent pixels.
MARGIN = 16
GAP = 8
ANY_SIZE = (1 << 24) - 1
"""The largest possible size of a widget in Qt (QWIDGETSIZE_MAX, which PySide does not define): no limit."""
ICON_GAP = 7
CONTROL_RADIUS = 6
POPOVER_RADIUS = 8
RING = 2

_USUAL = Qt.TextElideMode.ElideRight
_DRAWN_FOR = 13
"""Font size in pixels for which all heights in the code are given. With a larger font they are scaled."""


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """The colours of a scheme, named by their use. A test ensures a contrast of at least 4.5:1 for text on surface,
    window and selection."""

    surface: QColor
    """Background of content, such as tables and charts."""
    window: QColor
    """Background of strips with controls."""
    raised: QColor
    """Background of menus and popovers."""
    ink: QColor
    ink2: QColor
    ink3: QColor
    down: QColor
    up: QColor
    warn: QColor
    err: QColor
    focus: QColor
    accent: QColor
    """Fill of checked controls."""
    on_accent: QColor
    ctl: QColor
    """Borders of controls."""
    line: QColor
    hover: QColor
    select: QColor
    quiet: QColor
    """Background of gaps that need no attention (pale bands in charts)."""
    heat: tuple[QColor, ...]
    """Colours of days in the heat map, that of the smallest amounts first."""
    warn_bg: QColor
    warn_line: QColor
    err_bg: QColor
    apps: tuple[QColor, ...]
    """Colours of the busiest apps in the stacked chart, by rank; for areas, never for text."""
    fill: float
    """Opacity of the area under a curve."""


LIGHT = Tokens(
    surface=QColor(0xFFFFFF),
    window=QColor(0xF3F4F6),
    raised=QColor(0xFFFFFF),
    ink=QColor(0x15181C),
    ink2=QColor(0x47505A),
    ink3=QColor(0x5F6873),
    down=QColor(0x1463BD),
    up=QColor(0xAC4409),
    warn=QColor(0x7A5200),
    err=QColor(0xB3261E),
    focus=QColor(0x6941C6),
    accent=QColor(0x2B3644),
    on_accent=QColor(0xFFFFFF),
    ctl=QColor(0x828A95),
    line=QColor(0xE1E4E8),
    hover=QColor(0xF1F3F5),
    select=QColor(0xE2E7ED),
    quiet=QColor(0xF3F4F6),
    heat=tuple(map(QColor, (0xDCE8F7, 0xABC9EE, 0x6FA3E0, 0x2F74C9, 0x0C4489))),
    warn_bg=QColor(0xFFF5DA),
    warn_line=QColor(0xE6CB7C),
    err_bg=QColor(0xFDEEEC),
    apps=tuple(map(QColor, (0x1B4F4C, 0x7430B8, 0x2A8F63, 0xC94FB0, 0x7A8520))),
    fill=0.16,
)
DARK = Tokens(
    surface=QColor(0x16181B),
    window=QColor(0x1D2024),
    raised=QColor(0x262A2F),
    ink=QColor(0xECEEF1),
    ink2=QColor(0xB6BDC6),
    ink3=QColor(0x949DA8),
    down=QColor(0x5EAAF6),
    up=QColor(0xF09A5C),
    warn=QColor(0xE8C062),
    err=QColor(0xFF8F86),
    focus=QColor(0xB7A3FF),
    accent=QColor(0xCBD3DC),
    on_accent=QColor(0x16181B),
    ctl=QColor(0x717A86),
    line=QColor(0x2E3338),
    hover=QColor(0x1E2125),
    select=QColor(0x2B3139),
    quiet=QColor(0x1D2024),
    heat=tuple(map(QColor, (0x1D2F45, 0x24486F, 0x2F6AA8, 0x5296DC, 0xA9D0FF))),
    warn_bg=QColor(0x322A15),
    warn_line=QColor(0x5E4E22),
    err_bg=QColor(0x3A1F1D),
    apps=tuple(map(QColor, (0x86DECB, 0x9F5FDE, 0x46924F, 0xD0D548, 0xCC55A8))),
    fill=0.20,
)


class Fonts(NamedTuple):
    """The fonts of the window. No other sizes are used."""

    small: QFont
    small_strong: QFont
    base: QFont
    medium: QFont
    strong: QFont
    title: QFont
    screen_title: QFont
    rate: QFont


class Metrics:
    """Measures and draws texts in one font, and caches the results, because tables draw the same texts again and
    again."""

    _MOST = 4096
    _MOST_LAID_OUT = 1024

    def __init__(self, font: QFont) -> None:
        self._font = font
        self._metrics = QFontMetricsF(font)
        self._laid_out: dict[str, QStaticText | None] = {}
        """Cached layouts by text; None for a text that was drawn only once, so that none was made yet."""
        self._fitted: dict[tuple[str, int] | tuple[str, int, Qt.TextElideMode], tuple[str, float]] = {}
        self._widths: dict[str, float] = {}
        self._widest: dict[tuple[str, ...], int] = {}
        self.height = self._metrics.height()
        self.ascent = self._metrics.ascent()

    def width(self, text: str) -> float:
        """Return the width of a line of text in dip."""
        width = self._widths.get(text)
        if width is None:
            if len(self._widths) >= self._MOST:
                self._widths.clear()
            width = self._widths[text] = self._metrics.horizontalAdvance(text)
        return width

    def widest(self, texts: tuple[str, ...]) -> int:
        """Return the width of the widest of these texts in dip, rounded up."""
        widest = self._widest.get(texts)
        if widest is None:
            widest = self._widest[texts] = math.ceil(max(map(self.width, texts)))
        return widest

    def fit(self, text: str, room: int, elide: Qt.TextElideMode) -> tuple[str, float]:
        """Return a text that fits into `room` dip, shortened with an ellipsis if necessary, and its width in dip.
        Unprintable characters are replaced."""
        asked = (text, room) if elide is _USUAL else (text, room, elide)  # hashing an enum takes longer than the rest
        fitted = self._fitted.get(asked)
        if fitted is None:
            if len(self._fitted) >= self._MOST:
                self._fitted.clear()
            text = printable(text)
            width = self._metrics.horizontalAdvance(text)
            if width > room:
                text = self._metrics.elidedText(text, elide, room)
                width = self._metrics.horizontalAdvance(text)
            fitted = self._fitted[asked] = (text, width)
        return fitted

    def draw(self, painter: QPainter, ratio: float, x: float, base: int, text: str) -> None:
        """Draw a line of text from the x coordinate `x` on, with its baseline at the y coordinate `base`, both in dip.
        The painter must have the font already.

        When a text is drawn a second time, its layout is cached, which halves the time. Not cached are texts that would
        look different then: those that are not ASCII, because another font may move the baseline, and those at a
        fraction of a device pixel (`ratio`: device pixels per dip), because glyphs may be rounded to other pixels.
        """
        if not text.isascii() or ratio % 1 or (x % 1 and ratio != 1):
            painter.drawText(QPointF(x, base), text)  # at a point: laying out a line in a rectangle takes longer
            return
        laid_out = self._laid_out.get(text)
        if laid_out is None:
            if len(self._laid_out) >= self._MOST_LAID_OUT:
                self._laid_out.clear()
            if text not in self._laid_out:
                self._laid_out[text] = None
                painter.drawText(QPointF(x, base), text)
                return
            laid_out = self._laid_out[text] = QStaticText(text)
            laid_out.setTextFormat(Qt.TextFormat.PlainText)
            laid_out.prepare(font=self._font)
        painter.drawStaticText(QPointF(x, base - self.ascent), laid_out)


class Theme(QObject):
    """The current colours (`tokens`) and fonts of the window."""

    changed = Signal()
    """The colours have changed, so `tokens` is another object: everything must be drawn again."""

    def __init__(self, application: QApplication, scheme: Qt.ColorScheme | None = None) -> None:
        """`scheme`: light or dark; None: that of the system, as Qt reports it now."""
        super().__init__(application)
        self._application = application
        ground, ink = application.palette().window().color(), application.palette().windowText().color()
        self._is_native_dark = ground.lightness() < ink.lightness()
        """Whether the system's palette is dark; read before this program replaces the palette."""
        application.setStyle("Fusion")
        self._font_read: QFont | None = None
        self.read_font()
        hints = application.styleHints()
        hints.setShowShortcutsInContextMenus(True)  # so that users find the keys
        self._set_tokens(self.system_scheme() if scheme is None else scheme)

    def read_font(self) -> bool:
        """Read Qt's application font. Return whether it has changed since the last call.

        Widgets measure their texts when they are created, so all must be created again after a change.
        """
        font = self._application.font()
        if font == self._font_read:
            return False
        self._font_read = font
        self.base_px = QFontInfo(font).pixelSize()
        self.fonts = self._fonts()
        self._metrics = {id(font): Metrics(font) for font in self.fonts}
        return True

    def system_scheme(self) -> Qt.ColorScheme:
        """Return the system's scheme (light or dark) as Qt reports it or, if Qt reports none, by the system's
        palette."""
        scheme = self._application.styleHints().colorScheme()
        if scheme == Qt.ColorScheme.Unknown:
            return Qt.ColorScheme.Dark if self._is_native_dark else Qt.ColorScheme.Light
        return scheme

    def apply(self, scheme: Qt.ColorScheme) -> None:
        """Use the colours of this scheme from now on."""
        before = self.tokens
        self._set_tokens(scheme)
        if self.tokens is not before:
            self.changed.emit()

    def height(self, at_base_size: int) -> int:
        """Return a height in dip that is given for the base font size, scaled to the user's font."""
        return max(at_base_size, round(at_base_size * self.base_px / _DRAWN_FOR))

    def metrics(self, font: QFont) -> Metrics:
        """Return the Metrics of one of `fonts`, which must be the same object."""
        return self._metrics[id(font)]

    def _set_tokens(self, scheme: Qt.ColorScheme) -> None:
        self.tokens = DARK if scheme == Qt.ColorScheme.Dark else LIGHT
        self._application.setPalette(_palette(self.tokens))

    def _fonts(self) -> Fonts:
        small = max(11, self.base_px - 2)
        medium, strong = QFont.Weight.Medium, QFont.Weight.DemiBold
        return Fonts(
            small=self._font(small),
            small_strong=self._font(small, strong),
            base=self._font(self.base_px),
            medium=self._font(self.base_px, medium),
            strong=self._font(self.base_px, strong),
            title=self._font(self.base_px + 2, strong),
            screen_title=self._font(self.base_px + 9, strong),
            rate=self._font(self.base_px + 13, strong),
        )

    def _font(self, pixels: int, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
        font = QFont(self._application.font())
        font.setPixelSize(pixels)
        font.setWeight(weight)
        font.setFeature(QFont.Tag("tnum"), 1)  # tabular digits: a changing number moves nothing
        return font


def tint(label: QLabel, colour: QColor) -> None:
    """Set the colour of a label's text."""
    palette = QPalette(label.palette())
    palette.setColor(QPalette.ColorRole.WindowText, colour)
    label.setPalette(palette)


def text_width(font: QFont, text: str) -> int:
    """Return the width of a text in dip, rounded up. QFontMetrics rounds down, so that a label of this width would not
    have room for the text."""
    return math.ceil(QFontMetricsF(font).horizontalAdvance(text))


def faded(colour: QColor, opacity: float) -> QColor:
    """Return the colour with this opacity, 0 to 1."""
    result = QColor(colour)
    result.setAlphaF(opacity)
    return result


def _palette(tokens: Tokens) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for place, colour in {
        role.Window: tokens.window,
        role.WindowText: tokens.ink,
        role.Base: tokens.surface,
        role.AlternateBase: tokens.surface,
        role.Text: tokens.ink,
        role.PlaceholderText: tokens.ink3,
        role.Button: tokens.window,
        role.ButtonText: tokens.ink,
        role.BrightText: tokens.ink,
        role.Highlight: tokens.select,
        role.HighlightedText: tokens.ink,
        role.ToolTipBase: tokens.raised,
        role.ToolTipText: tokens.ink,
        role.Link: tokens.ink2,
        role.Light: tokens.surface,
        role.Midlight: tokens.window,
        role.Mid: tokens.line,
        role.Dark: tokens.ctl,
        role.Shadow: tokens.ctl,
        role.Accent: tokens.accent,
    }.items():
        palette.setColor(place, colour)
    for place in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, place, tokens.ink3)
    return palette
