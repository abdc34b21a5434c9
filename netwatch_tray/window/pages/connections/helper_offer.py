"""The strip that offers the helper, until the user declines it once."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from netwatch_tray.feed.protocol import AppsMessage
from netwatch_tray.window.widgets.buttons import FlatButton, LinkButton
from netwatch_tray.window.widgets.strip import Strip
from netwatch_tray.window.widgets.text import Paragraph, Text
from netwatch_tray.window.widgets.theme import GAP, MARGIN, Theme

_ACCENT_WIDTH = 3
_LEAST_HEIGHT = 54
_LEAST_SHARE = 0.05
"""Least share of the download without a known app (0 to 1) from which on the helper is offered."""


class HelperOffer(Strip):
    """The offer to set up the helper. It is visible if the helper could be set up but is not, no banner is shown, and
    the user has never declined it."""

    set_up = Signal()
    declined = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, theme.height(_LEAST_HEIGHT))
        self._could_be_set_up = self._is_declined = False
        self._is_alone = True
        title = Text(theme, theme.fonts.strong)
        title.show_text(self.tr("UDP and QUIC bytes and host names need a small system service."))
        self.share = Text(theme, theme.fonts.base, "ink2")
        detail = Paragraph(theme, theme.fonts.small, "ink2")
        detail.show_text(
            self.tr(
                "It reads byte counts of sockets, and the names in DNS responses, TLS and QUIC greetings; never the "
                "contents. Only accounts that you name see them; nothing is sent."
            )
        )
        self.decline_button = LinkButton(theme, self.tr("Not now"))
        self.set_up_button = FlatButton(theme, self.tr("Set up …"))
        first = QHBoxLayout()
        first.setSpacing(GAP)
        first.addWidget(title)
        first.addWidget(self.share, 1)
        lines = QVBoxLayout()
        lines.setSpacing(2)
        lines.addLayout(first)
        lines.addWidget(detail)
        row = QHBoxLayout(self)
        row.setContentsMargins(MARGIN, GAP // 2, MARGIN, GAP // 2)
        row.setSpacing(MARGIN)
        row.addLayout(lines, 1)
        row.addWidget(self.decline_button)
        row.addWidget(self.set_up_button)
        self.decline_button.clicked.connect(self.decline)
        self.set_up_button.clicked.connect(self.set_up)
        self.hide()

    def offer(self, could_be_set_up: bool) -> None:
        self._could_be_set_up = could_be_set_up
        self._show()

    def stand_alone(self, is_alone: bool) -> None:
        """Set whether no banner is shown above the page; only then the offer is visible."""
        self._is_alone = is_alone
        self._show()

    def decline(self) -> None:
        """Hide the offer permanently."""
        self._is_declined = True
        self._show()
        self.declined.emit()

    def show_apps(self, message: AppsMessage) -> None:
        """Update the text: what share of the current download belongs to no app."""
        whole, other = message.uplink[0], message.other[0]
        share = other / whole if message.interval_s and whole else 0.0
        words = self.tr("{percent:.0f} % of this download has no app yet.").format(percent=100 * share)
        self.share.show_text(words if share >= _LEAST_SHARE else "")

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Make room for the lines that the text needs at this width."""
        super().resizeEvent(event)
        layout = self.layout()
        assert layout is not None  # noqa: S101  made in __init__
        self.setFixedHeight(max(self._theme.height(_LEAST_HEIGHT), layout.heightForWidth(self.width())))

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        at = self.width() - _ACCENT_WIDTH if self.layoutDirection() == Qt.LayoutDirection.RightToLeft else 0
        painter.fillRect(at, 0, _ACCENT_WIDTH, self.height(), self._theme.tokens.accent)

    def _show(self) -> None:
        self.setVisible(self._could_be_set_up and self._is_alone and not self._is_declined)
