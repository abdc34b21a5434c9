"""The main window: tabs, banner, the visible page and the status line, which show what the agent sends."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QEvent, QSettings, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QHideEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from netwatch_tray.feed.protocol import (
    EventsMessage,
    Goodbye,
    Hello,
    ServerMessage,
    SettingsMessage,
    Status,
    TickMessage,
)
from netwatch_tray.language import said
from netwatch_tray.window.data.agent_link import AgentLink
from netwatch_tray.window.data.app_looks import AppLooks
from netwatch_tray.window.data.history_queries import HistoryQueries
from netwatch_tray.window.data.live_events import LiveEvents
from netwatch_tray.window.data.process_cost import ProcessCost
from netwatch_tray.window.pages.page import ALWAYS, Page
from netwatch_tray.window.shell import page_makers
from netwatch_tray.window.shell.banner import Banner, Notice
from netwatch_tray.window.shell.first_run import FirstRun
from netwatch_tray.window.shell.help_sheet import HelpSheet
from netwatch_tray.window.shell.notices import agent_notices, first_of, link_notice
from netwatch_tray.window.shell.page_makers import PageParts
from netwatch_tray.window.shell.shortcuts import Commands, add_shortcuts
from netwatch_tray.window.shell.status_line import StatusLine
from netwatch_tray.window.shell.tab_row import PageEntry, TabRow
from netwatch_tray.window.shell.window_memory import WindowMemory
from netwatch_tray.window.widgets.formatting import cost_in_words
from netwatch_tray.window.widgets.theme import Theme

translate = QCoreApplication.translate

_LEAST_SIZE, _FIRST_SIZE = (720, 480), (960, 640)
_STATUS_EVERY_MS = 10_000
_COUNTDOWN_MS = 1000
STARTED_BY_ATTEMPT = 4
"""Attempts to connect in the first 7 s after the user has started an agent. If these and the next one fail, the agent
did not start."""


class MainWindow(QWidget):
    """The main window. It passes the agent's messages to all pages, and shows one of them.

    A page is created when it is first needed, because most sessions show one or two, and creating all would take a
    sixth of the time until the window is visible.
    """

    interfaces = cached_property(page_makers.interfaces)
    connections = cached_property(page_makers.connections)
    apps = cached_property(page_makers.apps)
    usage = cached_property(page_makers.usage)
    events = cached_property(page_makers.events)
    settings = cached_property(page_makers.settings)

    font_changed = Signal()
    """The font of the desktop may have changed."""
    mini_requested = Signal()
    """The user wants the mini window."""
    noticed = Signal(bool)
    """Whether the banner shows a notice; emitted whenever it may have changed."""
    closing = Signal()
    """The window is about to close: what is remembered of each page must be saved now."""

    def __init__(
        self,
        theme: Theme,
        link: AgentLink,
        memory: QSettings,
        history: HistoryQueries | None = None,
        settings_file: Path | None = None,
        history_file: Path | None = None,
        start_agent: Callable[[], bool] | None = None,
        looks: AppLooks | None = None,
    ) -> None:
        """`link`: the connection to the agent. `memory`: stores size, page, ranges, grouping and sort orders.

        `history`: runs queries; None: there is no history. `settings_file`: None: changes are not saved.
        `history_file`: its path, for the Settings page. `start_agent`: starts an agent and returns whether it started;
        None: the user cannot start one. `looks`: names and icons of apps; None: there are none.
        """
        super().__init__()
        self._theme = theme
        self._link = link
        self._memory = WindowMemory(memory)
        self._start_agent = start_agent
        self._is_starting = False
        """Whether the user has started an agent to which the window has not connected yet."""
        self._status: Status | None = None
        self._agent_cost = ProcessCost()
        self._live_events = LiveEvents()
        self.parts = PageParts(
            theme=theme,
            link=link,
            memory=self._memory,
            history=history,
            looks=looks or AppLooks.none(),
            live_events=self._live_events,
            agent_cost=self._agent_cost,
            settings_file=settings_file,
            history_file=history_file,
        )
        self._last: dict[type, ServerMessage] = {}
        """The latest message of each type, for pages that are created later."""
        self._notice: Notice | None = None
        """The notice in the banner; None if there is none."""
        self._paused = False
        self._before_settings = 0
        """Index of the page from which the settings were opened, to which the user returns."""
        self.setWindowTitle("NetWatch")
        self.setMinimumSize(*_LEAST_SIZE)
        tabs = (
            PageEntry("interfaces", translate("TabRow", "Interfaces"), "activity", lambda: self.interfaces),
            PageEntry("connections", translate("TabRow", "Connections"), "connections", lambda: self.connections),
            PageEntry("apps", translate("TabRow", "Apps"), "apps", lambda: self.apps),
            PageEntry("usage", translate("TabRow", "Usage"), "usage", lambda: self.usage),
        )
        events = PageEntry("events", translate("TabRow", "Events"), "bell", lambda: self.events)
        settings = PageEntry("settings", translate("TabRow", "Settings"), "settings", lambda: self.settings)
        self.pages = (*tabs, events, settings)
        """All pages, in the order of their shortcuts (Ctrl+1 …). The index of a page is its index here."""
        self._settings_index = len(self.pages) - 1
        self._made: list[Page] = []
        """The pages that were created."""
        self._unseen: set[Page] = set()
        """The pages that were created but never shown. When one is shown, the first messages of its topics are
        requested again, because it may have missed them."""
        self._row = TabRow(theme, tabs, events, settings)
        self._banner = Banner(theme)
        self.first_run = FirstRun(theme)
        self._line = StatusLine(theme)
        self._stack = QStackedWidget()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._row)
        column.addWidget(self._banner)
        column.addWidget(self._stack, 1)
        column.addWidget(self._line)
        add_shortcuts(
            self,
            Commands(
                settings=self.turn_to_settings,
                mini=self.mini_requested.emit,
                close=self.close,
                minimise=self.showMinimized,
                keys=lambda: self.help.open_in(self),
                pages=tuple((entry.name, partial(self.turn_to, index)) for index, entry in enumerate(self.pages[:-1])),
                ranges=tuple(
                    partial(lambda index: self._page().choose_range(index), index)
                    for index in range(self.interfaces.range_chart.range_count)
                ),
                group=self._group_connections,
                filter=lambda: self._page().go_to_filter(),
                escape=self._escape,
            ),
        )

        self._status_timer = QTimer(self, interval=_STATUS_EVERY_MS)
        self._status_timer.timeout.connect(link.request_status)
        self._countdown = QTimer(self, interval=_COUNTDOWN_MS)
        self._countdown.timeout.connect(self._follow_link)
        self._row.tabs.idToggled.connect(self._turn)
        self._row.tabs.idClicked.connect(self.turn_to)
        self._row.pause.clicked.connect(self.toggle_pause)
        self._row.keys.clicked.connect(lambda: self.help.open_in(self))
        self.first_run.done.connect(partial(self.turn_to, 0))
        self.first_run.settings_requested.connect(self.turn_to_settings)
        self._banner.acted.connect(self._act_on_notice)
        link.received.connect(self._receive)
        link.changed.connect(self._follow_link)
        self._stack.addWidget(self.first_run)  # not before a page, because a stack shows its first widget
        self._restore()

    @cached_property
    def help(self) -> HelpSheet:
        return HelpSheet(self._theme, self, self._settings_index, self.interfaces.range_chart.range_count)

    def turn_to(self, page: int) -> None:
        """Show the page with this index."""
        self._row.tabs.button(page).setChecked(True)
        if self._stack.currentWidget() is self.first_run:
            self._turn(page, checked=True)

    def turn_to_page(self, page_id: str) -> None:
        """Show the page with this ID (PageEntry.id)."""
        self.turn_to([entry.id for entry in self.pages].index(page_id))

    def turn_to_settings(self) -> None:
        self.turn_to(self._settings_index)

    def toggle_pause(self) -> None:
        """Pause all pages, or resume all. Do nothing if the visible page shows no current values."""
        if not self._page().is_live:
            return
        self._paused = not self._paused
        self._row.show_paused(self._paused)
        for page in self._made:
            page.set_paused(self._paused)
        self.subscribe()
        self._show_texts()

    def bring_up(self) -> None:
        """Bring the window to the front; restore it if it is minimised."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.subscribe()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.subscribe()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space:  # no shortcut, which would take it from a focused button
            self.toggle_pause()
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowStateChange:
            self.subscribe()
        elif event.type() == QEvent.Type.FontChange:
            self.font_changed.emit()

    def closeEvent(self, event: QCloseEvent) -> None:
        memory = self._memory
        memory.save_geometry(self)
        memory.save(page=self.pages[self._row.tabs.checkedId()].id, range=self.interfaces.range_chart.index)
        self.closing.emit()
        memory.sync()
        for page in self._made:
            page.stop()
        self._link.close()
        super().closeEvent(event)

    def _restore(self) -> None:
        memory = self._memory
        if not memory.restore_geometry(self):
            self.resize(*_FIRST_SIZE)
        ids, remembered = [entry.id for entry in self.pages], memory.text("page")
        self.turn_to(ids.index(remembered) if remembered in ids else 0)
        self.interfaces.choose_range(memory.number("range"))

    def add_page(self, page: Page) -> None:
        """Called when a page was created: add it to the window, and pass it the latest messages."""
        for message in self._last.values():
            page.receive(message)
        if self._link.attempt or self._link.version_mismatch:
            page.lose_agent()
        page.set_paused(self._paused)
        page.changed.connect(self._show_texts)
        self._made.append(page)
        self._unseen.add(page)
        self._stack.addWidget(page)

    def _page(self) -> Page:
        """Return the page that is chosen in the row of tabs."""
        return self.pages[self._row.tabs.checkedId()].page()

    def _turn(self, index: int, checked: bool) -> None:
        if not checked:
            self._before_settings = index if index != self._settings_index else self._before_settings
        else:
            page = self._page()
            self._stack.setCurrentWidget(page)
            self._row.offer_pause(page.is_live)
            page.take_focus()
            self.subscribe()
            self._show_texts()

    def _group_connections(self) -> None:
        self.connections.bar.group_by_next()

    def _escape(self) -> None:
        """Handle Escape: let the page undo one step, else leave the Settings page. Escape never closes the window."""
        if not self._page().escape() and self._row.tabs.checkedId() == self._settings_index:
            self.turn_to(self._before_settings)

    def subscribe(self) -> None:
        """Request the topics (kinds of messages) that the visible page needs; only `ALWAYS` if the window is hidden."""
        is_visible = self.isVisible() and not self.isMinimized()
        page = self._page()
        topics = page.topics if is_visible else ALWAYS
        self._link.subscribe(topics, again=topics - ALWAYS if page in self._unseen else frozenset())
        if is_visible:
            self._unseen.discard(page)
        if is_visible and not self._status_timer.isActive():
            self._status_timer.start()
            self._link.request_status()
        elif not is_visible:
            self._status_timer.stop()

    def _receive(self, message: ServerMessage) -> None:
        if isinstance(message, Goodbye):
            self.close()
            return
        if isinstance(message, Hello | SettingsMessage | TickMessage | Status):
            self._last.pop(type(message), None)  # so that the latest comes last
            self._last[type(message)] = message
        if isinstance(message, EventsMessage):
            self._live_events.take(message)
            self._row.bell.show_count(message.unseen)
        if isinstance(message, Status):
            self._status = message
            self._agent_cost.add(message.pid, message.uptime_s, message.cpu_s)
            self._line.show_agent_cost(cost_in_words(self._agent_cost.percent, message.pss_bytes))
            self._line.show_missing(tuple(map(said, message.faults)))
        for page in self._made:
            page.receive(message)
        if self._status and isinstance(message, Status | TickMessage):
            self._welcome(self._status)
        if isinstance(message, Status):
            self._show_texts()

    def _welcome(self, status: Status) -> None:
        """Show the page of the first start if the user has to do something about the tray, once for each user."""
        if (status.no_tray or status.is_looking) and not self._memory.number("welcomed"):
            self._memory.save(welcomed=1)
            self._stack.setCurrentWidget(self.first_run)
        if self._stack.currentWidget() is self.first_run:
            if status.no_tray:
                self._memory.acknowledge(said(status.no_tray))
            self.first_run.show_findings(status, self.interfaces.tick)

    def _follow_link(self) -> None:
        if self._link.connected or self._link.attempt > STARTED_BY_ATTEMPT:
            self._is_starting = False
        if self._link.connected:
            self._countdown.stop()
            self._link.request_status()
        else:
            self._live_events.lose_agent()
            self._row.bell.show_count(0)
            for page in self._made:
                page.lose_agent()
            self._status = None
            self._last.pop(Status, None)
            self._line.show_agent_cost("")
            self._line.show_missing(())
            if self.isVisible():
                self._countdown.start()
        self._show_texts()

    def _show_texts(self) -> None:
        """Update the texts of banner and status line."""
        fault = self._page().fault()
        notices = [
            link_notice(
                self._link,
                is_starting=self._is_starting,
                can_start=self._start_agent is not None,
                known_until=self.interfaces.known_until(),
            ),
            Notice("warn", *fault) if fault else None,
            *agent_notices(self._status, self._memory.acknowledged),
        ]
        present = [notice for notice in notices if notice]
        self._notice = present[0] if present else None
        self._banner.show_notice(first_of(present))
        self.noticed.emit(bool(present))
        self._line.show_texts(self._page().status(), is_measuring=self._link.connected)

    def _act_on_notice(self) -> None:
        if self._link.connected:
            if self._notice:
                self._memory.acknowledge(self._notice.detail)
            self._show_texts()
        elif self._start_agent is None:
            self._link.try_now()
        else:
            self._is_starting = self._start_agent()
            self._link.restart_retries()
