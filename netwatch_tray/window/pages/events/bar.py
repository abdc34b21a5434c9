"""The rows above the timeline: number of new alerts, search, kinds and range. In a narrow window they share one row."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QHBoxLayout, QMenu, QVBoxLayout, QWidget

from netwatch_tray.window.pages.events.chips import ChipRow
from netwatch_tray.window.pages.events.kinds import Group, words_of
from netwatch_tray.window.pages.events.source import RANGES_DAYS, WEEK, Span
from netwatch_tray.window.pages.events.words import range_in_words, span_in_words
from netwatch_tray.window.widgets.buttons import FlatButton
from netwatch_tray.window.widgets.formatting import native_keys
from netwatch_tray.window.widgets.search_field import SearchField
from netwatch_tray.window.widgets.strip import Strip
from netwatch_tray.window.widgets.text import Text
from netwatch_tray.window.widgets.theme import GAP, MARGIN, Theme

_SEARCH_WIDTH, _NARROW_SEARCH_WIDTH = 220, 150


class EventsBar(QWidget):
    """The controls of the page: kind (group of events), time range and search. Signal `range_chosen` carries the index
    of the range."""

    group_chosen = Signal(object)
    range_chosen = Signal(int)
    words_changed = Signal()
    all_seen = Signal()
    unmute_requested = Signal(object)
    """The user wants to unmute a group; carries the group."""
    settings_requested = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._counts: Mapping[Group, int] = {}
        self._muted: Collection[Group] = ()
        self._is_narrow: bool | None = None
        self._head = Strip(theme, theme.height(60))
        self._row = Strip(theme, theme.height(44))
        self._about_mute = Strip(theme, theme.height(44))
        self._title = Text(theme, theme.fonts.title)
        self._sentence = Text(theme, theme.fonts.small, "ink2")
        self._summary = Text(theme, theme.fonts.small, "ink2")
        self._summary.setAlignment(Qt.AlignmentFlag.AlignTrailing)
        self.field = SearchField(theme, self.tr("Find in events"), self.tr("Find in events"))
        self.field.setToolTip(
            self.tr("Show only events with these words ({keys} or /)").format(keys=native_keys("Ctrl+F"))
        )
        self.seen_button = FlatButton(theme, self.tr("Mark all seen"))
        self.more_button = FlatButton(theme, "", symbol="more")
        self.more_button.setToolTip(self.tr("More"))
        self.more_button.setAccessibleName(self.tr("More"))
        self.chips = ChipRow(theme)
        self._kinds_button = FlatButton(theme, "", trailing="chevron")
        self._range_button = FlatButton(theme, "", trailing="chevron")
        self._mute_text = Text(theme, theme.fonts.base, "ink2")
        self._unmute_button = FlatButton(theme, self.tr("Unmute"))
        self._head_row, self._lower_row = QHBoxLayout(self._head), QHBoxLayout(self._row)
        self._lay_out()

        self.seen_button.clicked.connect(self.all_seen)
        self.more_button.clicked.connect(self._open_more)
        self.field.textChanged.connect(lambda _text: self.words_changed.emit())
        self.chips.chosen.connect(self._choose_group)
        self._kinds_button.clicked.connect(self._open_kinds)
        self._range_button.clicked.connect(self._open_ranges)
        self._unmute_button.clicked.connect(lambda: self.unmute_requested.emit(self.group))
        self.range_index = WEEK
        self.show_span(None)
        self._choose_group(None)

    @property
    def group(self) -> Group | None:
        """Return the chosen group of events, or None if all are shown."""
        return self.chips.group

    def choose_range(self, index: int) -> None:
        if index < len(RANGES_DAYS):
            self.range_index = index
            self.show_span(None)
            self.range_chosen.emit(index)

    def show_span(self, span: Span | None) -> None:
        """Show the times of a span, to which the timeline is limited, instead of the range; None shows the range
        again."""
        name = span_in_words(span) if span else range_in_words(RANGES_DAYS[self.range_index])
        self._range_button.setText(name)
        self._range_button.setAccessibleName(self.tr("Time range: {name}").format(name=name))
        self._range_button.updateGeometry()

    def show_all(self, span: Span | None = None) -> None:
        """Clear the search, and choose all kinds. `span`: see `show_span`."""
        self.show_span(span)
        self.field.clear()
        self.chips.choose(None)

    def show_counts(self, counts: Mapping[Group, int], muted: Collection[Group]) -> None:
        self._counts, self._muted = counts, muted
        self.chips.show_counts(counts, muted)
        self._show_mute()

    def show_texts(self, title: str, sentence: str, summary: str) -> None:
        """Show title and sentence or, in a narrow window, the short text `summary` instead."""
        self._title.show_text(title)
        self._sentence.show_text(sentence)
        self._summary.show_text(summary)

    def set_narrow(self, is_narrow: bool) -> None:
        """Choose between wide and narrow layout. In the narrow one all controls are in one row, and a menu replaces the
        chips."""
        if is_narrow == self._is_narrow:
            return
        self._is_narrow = is_narrow
        for widget in (self._kinds_button, self._summary):
            widget.setVisible(is_narrow)
        self.chips.setHidden(is_narrow)
        self._head.setHidden(is_narrow)
        row = self._lower_row if is_narrow else self._head_row
        row.insertWidget(row.count() if is_narrow else 1, self.field)
        row.addWidget(self.more_button)
        self.field.setFixedWidth(self._theme.height(_NARROW_SEARCH_WIDTH if is_narrow else _SEARCH_WIDTH))

    def _lay_out(self) -> None:
        texts = QVBoxLayout()
        texts.setSpacing(2)
        texts.addStretch(1)
        texts.addWidget(self._title)
        texts.addWidget(self._sentence)
        texts.addStretch(1)
        for row in (self._head_row, self._lower_row):
            row.setContentsMargins(MARGIN, 0, MARGIN, 1)
            row.setSpacing(GAP)
        self._head_row.addLayout(texts, 1)
        self._head_row.addWidget(self.field)
        self._head_row.addWidget(self.seen_button)
        self._head_row.addWidget(self.more_button)
        self._lower_row.addWidget(self._kinds_button)
        self._lower_row.addWidget(self.chips, 1)
        self._lower_row.addWidget(self._range_button)
        self._lower_row.addWidget(self._summary, 1)
        about = QHBoxLayout(self._about_mute)
        about.setContentsMargins(MARGIN, 0, MARGIN, 1)
        about.addWidget(self._mute_text, 1)
        about.addWidget(self._unmute_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for strip in (self._head, self._row, self._about_mute):
            column.addWidget(strip)

    def _choose_group(self, group: Group | None) -> None:
        name = self.tr("All kinds") if group is None else words_of(group).chip
        self._kinds_button.setText(name)
        self._kinds_button.setAccessibleName(self.tr("Kind: {name}").format(name=name))
        self._kinds_button.updateGeometry()
        self._show_mute()
        self.group_chosen.emit(group)

    def _show_mute(self) -> None:
        """Show or hide the note that the chosen kind is muted."""
        is_muted = self.group is not None and self.group in self._muted
        if self.group is not None:
            self._mute_text.show_text(words_of(self.group).muted)
        self._about_mute.setVisible(is_muted)

    def _open_kinds(self) -> None:
        menu, one_of = self._menu()
        for group in (None, *Group):
            name = self.tr("All kinds") if group is None else self.chips.chips[group].accessibleName()
            action = one_of.addAction(name)
            action.setCheckable(True)
            action.setChecked(group is self.group)
            action.triggered.connect(partial(self.chips.choose, group))
            menu.addAction(action)
        menu.popup(self._kinds_button.mapToGlobal(QPoint(0, self._kinds_button.height() + 2)))

    def _open_ranges(self) -> None:
        menu, one_of = self._menu()
        for index, days in enumerate(RANGES_DAYS):
            action = one_of.addAction(range_in_words(days))
            action.setCheckable(True)
            action.setChecked(index == self.range_index)
            action.triggered.connect(partial(self.choose_range, index))
            menu.addAction(action)
        menu.popup(self._range_button.mapToGlobal(QPoint(0, self._range_button.height() + 2)))

    def _open_more(self) -> None:
        menu, _one_of = self._menu()
        seen = menu.addAction(self.seen_button.text())
        seen.setEnabled(self.seen_button.isEnabled())
        seen.triggered.connect(self.all_seen)
        menu.addAction(self.tr("Settings of events …")).triggered.connect(self.settings_requested)
        beyond = self.more_button.mapTo(self, QPoint(menu.sizeHint().width(), 0)).x() - (self.width() - MARGIN)
        menu.popup(self.more_button.mapToGlobal(QPoint(-max(0, beyond), self.more_button.height() + 2)))

    def _menu(self) -> tuple[QMenu, QActionGroup]:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return menu, QActionGroup(menu)
