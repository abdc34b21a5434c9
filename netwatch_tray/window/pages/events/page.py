"""The Events page: a timeline of events, latest first, and why each of them is unusual."""

from __future__ import annotations

from datetime import date
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout

from netwatch_tray.feed.protocol import EventsMessage, Hello, ServerMessage, SettingsMessage
from netwatch_tray.settings import Settings
from netwatch_tray.window.data.app_looks import AppLooks
from netwatch_tray.window.data.history_queries import HistoryQueries
from netwatch_tray.window.data.live_events import LiveEvents
from netwatch_tray.window.pages.events.actions import Action
from netwatch_tray.window.pages.events.bar import EventsBar
from netwatch_tray.window.pages.events.columns import Layout
from netwatch_tray.window.pages.events.commands import EventCommands
from netwatch_tray.window.pages.events.details import EventDetails
from netwatch_tray.window.pages.events.kinds import Group, words_of
from netwatch_tray.window.pages.events.rows import EventFilter, Hidden, Line, Row, counts, timeline
from netwatch_tray.window.pages.events.source import RANGES_DAYS, EventSource, Span
from netwatch_tray.window.pages.events.timeline import Timeline
from netwatch_tray.window.pages.events.words import has_words, title_texts, why_empty
from netwatch_tray.window.pages.page import Page
from netwatch_tray.window.widgets.empty_state import EmptyState
from netwatch_tray.window.widgets.formatting import native_keys
from netwatch_tray.window.widgets.side_pane import SidePane
from netwatch_tray.window.widgets.theme import Theme

_WIDE, _ROOMY = 1120, 840
"""Window widths in dip from which on actions are links, and from which on there is room for chips."""


class EventsPage(Page):
    """The Events page. The attribute `commands` has the signals for the user's actions on events. Signal
    `settings_requested`: the user wants to change the settings of events."""

    settings_requested = Signal()

    def __init__(self, theme: Theme, live: LiveEvents, history: HistoryQueries | None, looks: AppLooks) -> None:
        """`live`: the events that the agent has sent. The main window updates it before it calls `receive` of this
        page."""
        super().__init__()
        self._settings = Settings()
        self._source = EventSource(live, history, self)
        self._uncovered: set[tuple[date, Group]] = set()
        """Days and muted groups whose events the user has chosen to see (*Show once*)."""
        self._paused = False
        self.commands = EventCommands(self)
        self.bar = EventsBar(theme)
        self.table = Timeline(theme, lambda: self._settings.units, looks)
        self.table.setAccessibleName(self.tr("Events"))
        self.table.setAccessibleDescription(
            self.tr("Enter shows the details, {keys} the actions").format(keys=native_keys("Shift+F10"))
        )
        self._instead = EmptyState(theme, "bell", "")
        self._stack = QStackedWidget()
        self._stack.addWidget(self._instead)
        self._stack.addWidget(self.table)
        self.details = EventDetails(theme, history, looks)
        self.side = SidePane(self._stack, self.details)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.bar)
        column.addWidget(self.side, 1)
        self._connect()

    def receive(self, message: ServerMessage) -> None:
        if isinstance(message, Hello | SettingsMessage):
            self._settings = message.settings
            self.commands.show_settings(message.settings.events)
            self._source.set_recorded(message.settings.history.on)
            self._refresh()
        elif isinstance(message, EventsMessage):
            self._show()

    def lose_agent(self) -> None:
        self._source.set_recorded(None)
        self._show()

    def set_paused(self, paused: bool) -> None:
        self._paused = paused
        self._show()
        self.changed.emit()

    def status(self) -> list[str]:
        texts = []
        if self._source.is_live:
            texts.append(self.tr("Frozen") if self._paused else self.tr("Live"))
        texts.append(self._source.missing or self.tr("Kept for {count} days").format(count=RANGES_DAYS[-1]))
        if muted := [words_of(group).chip for group in Group if group in self.commands.muted_groups]:
            texts.append(self.tr("Muted: {names}").format(names=", ".join(muted)))
        return texts

    def take_focus(self) -> None:
        self._stack.currentWidget().setFocus()

    def go_to_filter(self) -> None:
        self.bar.field.focus_and_select()

    def choose_range(self, index: int) -> None:
        self.bar.choose_range(index)

    def show_span(self, start: float, end: float) -> None:
        """Show all events between two Unix times, without other filters."""
        self._show_everything(Span(start, end))

    def escape(self) -> bool:
        if self.side.is_open and self.side.is_floating:
            self.side.close_pane()
        elif self.bar.field.text() or self.bar.field.hasFocus():
            self.bar.field.handle_escape(self.table)
        elif self._source.span or self.bar.group or self._uncovered:
            self._show_everything()
        elif self.side.is_open:
            self.side.close_pane()
        elif self.table.selectionModel().hasSelection():
            self.table.clearSelection()
        else:
            return False
        return True

    def stop(self) -> None:
        self.table.report_seen()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        line, place = self.table.current, self.table.current_place()
        is_menu = event.key() == Qt.Key.Key_F10 and event.modifiers() == Qt.KeyboardModifier.ShiftModifier
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and line is not None:
            self._open(line)
        elif event.key() == Qt.Key.Key_M and isinstance(line, Row):
            self.commands.open_mutes(line, place)
        elif event.key() == Qt.Key.Key_E and isinstance(line, Row):
            self.commands.act(line, Action.MUTE)
        elif is_menu:
            self.commands.open_menu(line, place)
        else:
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        width = self.window().width()
        self.bar.set_narrow(width < _ROOMY)
        self.table.set_layout(Layout.WIDE if width >= _WIDE else Layout.NORMAL if width >= _ROOMY else Layout.NARROW)

    def _connect(self) -> None:
        bar, table, commands = self.bar, self.table, self.commands
        self._source.changed.connect(self._show)
        bar.group_chosen.connect(self._show)
        bar.words_changed.connect(self._show)
        bar.range_chosen.connect(self._source.choose)
        bar.all_seen.connect(lambda: commands.seen.emit(None))
        bar.unmute_requested.connect(commands.unmute)
        bar.settings_requested.connect(self.settings_requested)
        bar.field.returnPressed.connect(table.setFocus)
        table.acted.connect(commands.act)
        table.seen.connect(commands.seen)
        table.menu_requested.connect(lambda where: commands.open_menu(table.current, where))
        table.doubleClicked.connect(lambda _index: self._open(table.current))
        table.selectionModel().currentRowChanged.connect(lambda *_: self._select())
        commands.uncovered.connect(self._uncover)
        self._instead.button.clicked.connect(lambda _checked: self._show_everything())
        self.side.opened.connect(self._show_details)
        self.side.closed.connect(table.setFocus)
        self.details.close_requested.connect(self.side.close_pane)
        self.details.acted.connect(commands.act)
        self.details.mute_requested.connect(commands.change_mute)

    def _refresh(self) -> None:
        if self.isVisible():
            self._source.request()
            self._show()

    def _show_everything(self, span: Span | None = None) -> None:
        """Clear the search and the filter by kind, and fold muted events again. `span`: times to show; None: the chosen
        range."""
        self._uncovered.clear()
        self.bar.show_all(span)
        self._source.choose(self._source.range_index, span)

    def _uncover(self, line: Hidden) -> None:
        self._uncovered.add((line.day, line.group))
        self._show()

    def _show(self) -> None:
        if self._paused or not self.isVisible():
            return
        events, source, settings = self._source.events(), self._source, self._settings
        words = self.bar.field.text().casefold().split()
        matches = partial(has_words, words=words, units=settings.units) if words else None
        muted = self.commands.muted_groups
        self.bar.show_counts(counts(events), muted)
        lines = list(timeline(events, muted, EventFilter(self.bar.group, matches, self._uncovered)))
        self.table.put(lines)
        shown, total = sum(isinstance(line, Row) for line in lines), len(events)
        self.bar.field.show_count(self.tr("{shown} of {total}").format(shown=shown, total=total) if words else "")
        self.bar.show_texts(*title_texts(source, total, is_sending=settings.upload.on or settings.otlp.on))
        self.bar.seen_button.setEnabled(source.is_live and source.unseen() > 0)
        self._stack.setCurrentWidget(self.table if lines else self._instead)
        if not lines:
            search, is_on = self.bar.field.text().strip(), settings.events.on
            title, detail, button = why_empty(source, self.bar.group, search, total, is_on=is_on)
            self._instead.button.setText(button)
            self._instead.show_message(title, detail, button=bool(button))
        self._show_details()
        self.changed.emit()

    def _show_details(self) -> None:
        if self.side.is_open:
            line = self.table.current
            self.details.show_row(line if isinstance(line, Row) else None, self._settings.units, self.commands.muted)

    def _select(self) -> None:
        """Called when an event is selected: show it in the details pane, and open that if there is room beside the
        timeline."""
        if isinstance(self.table.current, Row) and not self.side.is_open and not self.side.is_floating:
            self.side.toggle()
        self._show_details()

    def _open(self, line: Line | None) -> None:
        if isinstance(line, Hidden):
            self._uncover(line)
        elif isinstance(line, Row):
            self.side.toggle()
