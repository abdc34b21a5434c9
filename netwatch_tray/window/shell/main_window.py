"""The window's frame: the row of pages, the banner, the page and the status line, all fed by the agent."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QSettings, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QHideEvent, QKeyEvent, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from netwatch_tray.feed.protocol import Goodbye, Hello, ServerMessage, SettingsMessage, Status, TickMessage
from netwatch_tray.text import qt_tool_tip
from netwatch_tray.window.data.agent_link import AgentLink
from netwatch_tray.window.data.history_queries import HistoryQueries
from netwatch_tray.window.data.process_cost import ProcessCost
from netwatch_tray.window.pages.apps.page import AppsPage
from netwatch_tray.window.pages.connections.grouping import Grouping
from netwatch_tray.window.pages.connections.page import ConnectionsPage
from netwatch_tray.window.pages.interfaces.page import InterfacesPage
from netwatch_tray.window.pages.page import Page
from netwatch_tray.window.pages.settings.page import SettingsPage
from netwatch_tray.window.pages.usage.page import UsagePage
from netwatch_tray.window.shell.banner import Banner, Notice
from netwatch_tray.window.shell.first_run import FirstRun
from netwatch_tray.window.shell.help_sheet import HelpSheet
from netwatch_tray.window.table.view import TableView
from netwatch_tray.window.widgets.buttons import Tab, ToolButton
from netwatch_tray.window.widgets.formatting import cost_in_words, native_keys
from netwatch_tray.window.widgets.strip import Strip
from netwatch_tray.window.widgets.text import Text
from netwatch_tray.window.widgets.theme import MARGIN, Theme

_SETTINGS = 4
"""The place of the settings among the pages: the last one."""
_LEAST, _FIRST = (720, 480), (960, 640)
_KEYS_FROM = 840
"""Width from which on there is room for a key beside its button."""
_STATUS_EVERY_MS = 10_000
_COUNTDOWN_MS = 1000
_STARTED_BY = 4
"""An agent that does not answer at this attempt, 7 s after it was started, did not start."""


class MainWindow(QWidget):
    """Shows what the agent says; remembers its size, page, ranges, grouping and order of rows in `memory`."""

    font_changed = Signal()
    """The desktop's font may be another."""

    def __init__(
        self,
        theme: Theme,
        link: AgentLink,
        memory: QSettings,
        history: HistoryQueries | None = None,
        settings_file: Path | None = None,
        history_file: Path | None = None,
        start_agent: Callable[[], bool] | None = None,
    ) -> None:
        """`history`: None: there is no history. `settings_file`: where the person's choices go; None: nowhere.
        `history_file`: to tell where it is and how large. `start_agent`: starts one beside this process and says
        whether that worked; None: nobody can."""
        super().__init__()
        self._theme = theme
        self._link = link
        self._memory = memory
        self._start_agent = start_agent
        self._is_starting = False
        """An agent was started and is not there yet."""
        self._status: Status | None = None
        self._cost = ProcessCost()
        self._missing: tuple[str, ...] = ()
        self._understood: set[str] = set()
        """Notices that the person has read."""
        self._noticed = ""
        self.setWindowTitle("NetWatch")
        self.setMinimumSize(*_LEAST)
        self.interfaces = InterfacesPage(theme, history)
        self.connections = ConnectionsPage(theme)
        self.apps = AppsPage(theme, history)
        self._settings_place = (settings_file, history_file)
        self._last: dict[type, ServerMessage] = {}
        """The latest of each kind that the settings show."""
        self._agent_cost = ""
        self.usage = UsagePage(theme, history)
        self._pages: list[Page] = [self.interfaces, self.connections, self.apps, self.usage]
        self._before_settings = 0
        """The page that the settings were opened from."""
        self._paused = False
        self._pause = ToolButton(theme, self.tr("Pause"), "pause")
        self._pause_key = Text(theme, theme.fonts.small, "ink3")
        self._pause_key.show_text(native_keys("Space"))
        self._settings_tab = ToolButton(theme, "", "settings")
        self._help_button = ToolButton(theme, "", "help")
        self._tabs = QButtonGroup(self)
        self._banner = Banner(theme)
        self._stack = QStackedWidget()
        self._first_run = FirstRun(theme)
        self._below = Text(theme, theme.fonts.small, "ink3")
        self._missing_note = Text(theme, theme.fonts.small, "warn")
        self._agent_note = Text(theme, theme.fonts.small, "ink3")
        self._lay_out()
        self._add_shortcuts()

        self._status_timer = QTimer(self, interval=_STATUS_EVERY_MS)
        self._status_timer.timeout.connect(link.request_status)
        self._countdown = QTimer(self, interval=_COUNTDOWN_MS)
        self._countdown.timeout.connect(self._follow_link)
        self._tabs.idToggled.connect(self._turn_to)
        self._pause.clicked.connect(self.toggle_pause)
        self._help_button.clicked.connect(self._show_keys)
        self.usage.plan_requested.connect(lambda: self._show_settings(self.settings.plan_section))
        self.interfaces.choice_requested.connect(lambda: self._show_settings(self.settings.counted_section))
        self._first_run.done.connect(partial(self.turn_to, 0))
        self._first_run.settings_asked.connect(self.turn_to_settings)
        self._tabs.idClicked.connect(self.turn_to)
        self._banner.acted.connect(self._act_on_notice)
        self.apps.connections_requested.connect(self._show_connections_of)
        link.received.connect(self._receive)
        link.changed.connect(self._follow_link)
        for page in self._pages:
            page.changed.connect(self._say)
        self._restore()

    @cached_property
    def settings(self) -> SettingsPage:
        """Made when it is first turned to: most windows are closed before, and it is the largest page."""
        page = SettingsPage(self._theme, *self._settings_place)
        for message in self._last.values():
            page.receive(message)
        page.about.show_agent_cost(self._agent_cost)
        page.form.set_width(self.width())
        page.saved.connect(self._link.reload_settings)
        page.changed.connect(self._say)
        self._pages.append(page)
        self._stack.addWidget(page)
        return page

    @cached_property
    def _help(self) -> HelpSheet:
        return HelpSheet(self._theme, self, _SETTINGS, self.interfaces.ranges)

    def turn_to(self, page: int) -> None:
        self._tabs.button(page).setChecked(True)
        if self._stack.currentWidget() is self._first_run:
            self._turn_to(page, checked=True)

    def turn_to_settings(self) -> None:
        self.turn_to(_SETTINGS)

    def toggle_pause(self) -> None:
        """Holds every page still, or brings them up to date; where there is nothing to hold, does nothing."""
        if not self._page().is_live:
            return
        self._paused = not self._paused
        if self._paused:
            self._pause.show_symbol("play", self.tr("Live"))
        else:
            self._pause.show_symbol("pause", self.tr("Pause"))
        for page in self._pages:
            page.set_paused(self._paused)
        self._wake()
        self._say()

    def bring_up(self) -> None:
        """In front of the others, out of the task bar."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._wake()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._wake()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space:  # no shortcut: a button that has the focus wants it first
            self.toggle_pause()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if "settings" in vars(self):
            self.settings.form.set_width(self.width())
        self._offer_pause()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowStateChange:
            self._wake()
        elif event.type() == QEvent.Type.FontChange:
            self.font_changed.emit()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._memory.setValue("geometry", self.saveGeometry())
        self._memory.setValue("page", self._tabs.checkedId())
        self._memory.setValue("range", self.interfaces.range_index)
        self._memory.setValue("grouping", str(self.connections.bar.grouping))
        self._memory.setValue("period", self.usage.period)
        for name, table in self._sorted_tables():
            header = table.horizontalHeader()
            descending = header.sortIndicatorOrder() == Qt.SortOrder.DescendingOrder
            self._memory.setValue(f"{name}/column", header.sortIndicatorSection())
            self._memory.setValue(f"{name}/descending", int(descending))
        self._memory.sync()
        self._link.close()
        if "settings" in vars(self):
            self.settings.stop()
        super().closeEvent(event)

    def _lay_out(self) -> None:
        top = Strip(self._theme, self._theme.height(48))
        row = QHBoxLayout(top)
        row.setContentsMargins(12, 0, MARGIN, 1)
        row.setSpacing(4)
        named = (
            (self.tr("Interfaces"), "activity"),
            (self.tr("Connections"), "connections"),
            (self.tr("Apps"), "apps"),
            (self.tr("Usage"), "usage"),
        )
        for index, ((name, symbol), page) in enumerate(zip(named, self._pages, strict=False)):
            tab = Tab(self._theme, name, symbol)
            tab.setToolTip(f"{name} ({native_keys(f'Ctrl+{index + 1}')})")
            self._tabs.addButton(tab, index)
            row.addWidget(tab)
            self._stack.addWidget(page)
        row.addStretch(1)
        self._pause.setToolTip(self.tr("Holds the picture still; measuring goes on (Space)"))
        self._settings_tab.setToolTip(f"{self.tr('Settings')} ({native_keys('Ctrl+,')})")
        self._settings_tab.setAccessibleName(self.tr("Settings"))
        self._settings_tab.setCheckable(True)
        self._help_button.setToolTip(f"{self.tr('Keys')} ({native_keys('F1')})")
        self._help_button.setAccessibleName(self.tr("Keys"))
        self._tabs.addButton(self._settings_tab, _SETTINGS)
        self._stack.addWidget(self._first_run)
        for button in (self._pause, self._pause_key, self._help_button, self._settings_tab):
            row.addWidget(button)
        bottom = Strip(self._theme, self._theme.height(24), line_above=True)
        line = QHBoxLayout(bottom)
        line.setContentsMargins(MARGIN, 1, MARGIN, 0)
        line.setSpacing(MARGIN)
        line.addWidget(self._below)
        line.addWidget(self._missing_note)
        line.addStretch(1)
        line.addWidget(self._agent_note)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(top)
        column.addWidget(self._banner)
        column.addWidget(self._stack, 1)
        column.addWidget(bottom)

    def _add_shortcuts(self) -> None:
        def add(keys: str | QKeySequence.StandardKey, action: object) -> None:
            QShortcut(QKeySequence(keys), self).activated.connect(action)

        if sys.platform == "darwin":
            self._add_menu_bar()
        else:
            for index in range(_SETTINGS):
                add(f"Ctrl+{index + 1}", partial(self.turn_to, index))
            add("Ctrl+,", self.turn_to_settings)
            add("F1", self._show_keys)
            add("Ctrl+W", self.close)
            add("Ctrl+Q", self.close)
        add("?", self._show_keys)
        for index in range(self.interfaces.ranges):
            add(f"Alt+{index + 1}", lambda index=index: self._page().choose_range(index))
        add("Ctrl+G", self.connections.bar.group_by_next)
        add("Ctrl+F", lambda: self._page().go_to_filter())
        add("/", lambda: self._page().go_to_filter())
        add("Escape", self._escape)

    def _add_menu_bar(self) -> None:
        from netwatch_tray.window.shell.mac_menu import Commands, menu_bar  # noqa: PLC0415  macOS alone

        pages = ((self._tabs.button(index).text(), partial(self.turn_to, index)) for index in range(_SETTINGS))
        menu_bar(
            self,
            Commands(
                settings=self.turn_to_settings,
                close=self.close,
                minimise=self.showMinimized,
                keys=self._show_keys,
                pages=tuple(pages),
            ),
        )

    def _show_keys(self) -> None:
        self._help.open_in(self)

    def _restore(self) -> None:
        geometry = self._memory.value("geometry")
        if geometry is None or not self.restoreGeometry(geometry):
            self.resize(*_FIRST)
        page, chosen = self._remembered("page"), self._remembered("range")
        self.turn_to(page if page <= _SETTINGS else 0)
        self.interfaces.choose_range(chosen)
        self.connections.bar.group_by(Grouping(str(self._memory.value("grouping", ""))))
        understood = self._memory.value("understood", [])
        # A list of one is a text to Qt.
        self._understood = set(map(str, understood if isinstance(understood, list) else [understood]))
        self.usage.choose_range(self._remembered("period", UsagePage.MONTH))
        for name, table in self._sorted_tables():
            column = self._remembered(f"{name}/column", len(table.model().columns))
            if column < len(table.model().columns) and table.model().columns[column].order:
                descending = self._remembered(f"{name}/descending") == 1
                table.sortByColumn(column, Qt.SortOrder.DescendingOrder if descending else Qt.SortOrder.AscendingOrder)

    def _sorted_tables(self) -> Iterator[tuple[str, TableView[Any]]]:
        """Those that a person sorts, by the name they are remembered under."""
        yield "connections", self.connections.table
        yield "apps", self.apps.table

    def _offer_pause(self) -> None:
        """Where there is something to hold still."""
        is_live = self._page().is_live
        self._pause.setVisible(is_live)
        self._pause_key.setVisible(is_live and self.width() >= _KEYS_FROM)

    def _remembered(self, key: str, default: int = 0) -> int:
        """A whole number from the ini file, which anybody may have edited."""
        text = str(self._memory.value(key, default))
        return int(text) if text.isascii() and text.isdigit() else default

    def _page(self) -> Page:
        """The one whose tab is marked."""
        page = self._tabs.checkedId()
        return self.settings if page == _SETTINGS else self._pages[page]

    def _welcome(self, status: Status) -> None:
        """The first time that something needs the person, and never again."""
        if (status.no_tray or status.is_looking) and not self._remembered("welcomed"):
            self._memory.setValue("welcomed", 1)
            self._stack.setCurrentWidget(self._first_run)
        if self._stack.currentWidget() is self._first_run:
            if status.no_tray:
                self._understand(status.no_tray)
            self._first_run.show_findings(status, self.interfaces.tick)

    def _turn_to(self, index: int, checked: bool) -> None:
        if not checked:
            self._before_settings = index if index != _SETTINGS else self._before_settings
        else:
            self._stack.setCurrentWidget(self._page())
            self._offer_pause()
            self._page().take_focus()
            self._wake()
            self._say()

    def _show_connections_of(self, app: str) -> None:
        self.connections.bar.filter_app(app)
        self.turn_to(self._pages.index(self.connections))

    def _show_settings(self, section: int) -> None:
        self.turn_to(_SETTINGS)
        self.settings.form.go_to(section)

    def _escape(self) -> None:
        """Undoes one step; where there is none to undo, nothing: a window is not closed by accident."""
        if not self._page().escape() and self._tabs.checkedId() == _SETTINGS:
            self.turn_to(self._before_settings)

    def _wake(self) -> None:
        """Asks the agent for what can be seen and nothing else."""
        seen = self.isVisible() and not self.isMinimized()
        # The chart's past has no holes: interfaces are followed unseen as well, without painting.
        self._link.subscribe(self._page().topics if seen else frozenset({"interfaces"}))
        if seen and not self._status_timer.isActive():
            self._status_timer.start()
            self._link.request_status()
        elif not seen:
            self._status_timer.stop()

    def _receive(self, message: ServerMessage) -> None:
        if isinstance(message, Hello | SettingsMessage | TickMessage | Status):
            self._last.pop(type(message), None)  # so that the latest stands last
            self._last[type(message)] = message
        if isinstance(message, Status):
            self._welcome(message)
            self._show_status(message)
            if "settings" in vars(self):
                self.settings.receive(message)
        elif isinstance(message, Goodbye):
            self.close()
        else:
            for page in self._pages:
                page.receive(message)
            if self._status and isinstance(message, TickMessage):
                self._welcome(self._status)

    def _follow_link(self) -> None:
        if self._link.connected or self._link.attempt > _STARTED_BY:
            self._is_starting = False
        if self._link.connected:
            self._countdown.stop()
            self._link.request_status()
        else:
            for page in self._pages:
                page.lose_agent()
            self._status, self._missing, self._agent_cost = None, (), ""
            self._last.pop(Status, None)
            self._agent_note.show_text("")
            if self.isVisible():
                self._countdown.start()
        self._say()

    def _say(self) -> None:
        notices = [*filter(None, (self._link_notice(), self._fault_notice())), *self._agent_notices()]
        notice = notices[0] if notices else None
        self._noticed = notice.detail if notice else ""
        if notice and len(notices) > 1:
            more = self.tr("And {count} more.").format(count=len(notices) - 1)
            notice = notice._replace(detail=f"{notice.detail} {more}")
        self._banner.show_notice(notice)
        texts = self._page().status()
        if not self._link.connected:
            texts.insert(0, self.tr("Not measuring"))
        self._below.set_ink("ink3" if self._link.connected else "err")
        self._below.show_text("   ".join(texts))
        count = len(self._missing)
        self._missing_note.setVisible(count > 0)
        if count:
            one, many = self.tr("1 source missing"), self.tr("{count} sources missing").format(count=count)
            self._missing_note.show_text(one if count == 1 else many)
            self._missing_note.setToolTip(qt_tool_tip("\n".join(self._missing)))

    def _act_on_notice(self) -> None:
        if self._link.connected:
            self._understand(self._noticed)
            self._say()
        elif self._start_agent is None:
            self._link.try_now()
        else:
            self._is_starting = self._start_agent()
            self._link.restart_retries()

    def _understand(self, notice: str) -> None:
        """It is not said again, also not by the next window."""
        self._understood.add(notice)
        self._memory.setValue("understood", sorted(self._understood))

    def _agent_notices(self) -> list[Notice]:
        """What the agent lacks, until the person has read it or it is there."""
        if self._status is None:
            return []
        said = [(self.tr("Something is missing."), fault) for fault in self._status.faults]
        if self._status.settings_fault:
            said.append((self.tr("Some of the settings do not hold."), self._status.settings_fault))
        if self._status.no_tray:
            said.append((self.tr("There is no tray here that shows the icon."), self._status.no_tray))
        button = self.tr("Understood")
        return [Notice("warn", title, detail, button) for title, detail in said if detail not in self._understood]

    def _fault_notice(self) -> Notice | None:
        fault = self._page().fault()
        return Notice("warn", *fault) if fault else None

    def _link_notice(self) -> Notice | None:
        link = self._link
        if link.version_mismatch:
            return Notice(
                "err",
                self.tr("The agent is of another version than this window."),
                self.tr("What was measured so far is safe. Quit NetWatch from its tray icon and start it again."),
            )
        if link.attempt == 0:
            return None
        if self._is_starting:
            return Notice("err", self.tr("The agent is starting …"), self.tr("There are no rates without it."))
        action = self.tr("Try now") if self._start_agent is None else self.tr("Start it")
        when = self.tr("Trying again in {seconds} s, attempt {attempt}.").format(
            seconds=link.retry_in, attempt=link.attempt
        )
        if not link.was_connected:
            return Notice(
                "err",
                f"{self.tr('The agent is not running.')} {when}",
                self.tr("There are no rates without it. Start it with: netwatch-tray"),
                action,
            )
        known_until = self.interfaces.known_until()
        since = f"{known_until:%H:%M:%S}" if known_until else ""
        return Notice(
            "err",
            f"{self.tr('The agent stopped.')} {when}",
            self.tr("Rates are unknown, the chart up to {time} is right.").format(time=since),
            action,
        )

    def _show_status(self, status: Status) -> None:
        self._status, self._missing = status, status.faults
        self._cost.add(status.pid, status.uptime_s, status.cpu_s)
        cost = cost_in_words(self._cost.percent, status.rss_bytes)
        self._agent_note.show_text(self.tr("Agent: {cost}").format(cost=cost))
        self._agent_cost = cost
        if "settings" in vars(self):
            self.settings.about.show_agent_cost(cost)
        self._say()
