"""Functions that create the pages of the window, each when it is first needed, and connect the links from one to
another.

What the window remembers of a page is restored when the page is created, and saved only if it was created.
"""

from __future__ import annotations

from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QToolTip

from netwatch_tray.text import qt_tool_tip
from netwatch_tray.window.data.agent_link import AgentLink
from netwatch_tray.window.data.app_looks import AppLooks
from netwatch_tray.window.data.history_queries import HistoryQueries
from netwatch_tray.window.data.live_events import LiveEvents
from netwatch_tray.window.data.process_cost import ProcessCost
from netwatch_tray.window.shell.window_memory import WindowMemory
from netwatch_tray.window.widgets.theme import Theme

# ruff: noqa: PLC0415  each page is imported when it is made
if TYPE_CHECKING:
    from netwatch_tray.window.pages.apps.page import AppsPage
    from netwatch_tray.window.pages.connections.page import ConnectionsPage
    from netwatch_tray.window.pages.events.page import EventsPage
    from netwatch_tray.window.pages.interfaces.page import InterfacesPage
    from netwatch_tray.window.pages.settings.page import SettingsPage
    from netwatch_tray.window.pages.usage.page import UsagePage
    from netwatch_tray.window.shell.main_window import MainWindow

translate = QCoreApplication.translate


class PageParts(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What pages need to be created."""

    theme: Theme
    link: AgentLink
    memory: WindowMemory
    history: HistoryQueries | None
    looks: AppLooks
    live_events: LiveEvents
    agent_cost: ProcessCost
    settings_file: Path | None
    history_file: Path | None


def interfaces(window: MainWindow) -> InterfacesPage:
    """Make the Interfaces page."""
    from netwatch_tray.window.pages.interfaces.page import InterfacesPage

    def show_events(start: float, end: float) -> None:
        window.turn_to_page("events")
        window.events.show_span(start, end)

    parts = window.parts
    page = InterfacesPage(parts.theme, parts.live_events, parts.history)
    page.choice_requested.connect(lambda: _show_settings(window, window.settings.counted_section))
    page.events_requested.connect(show_events)
    window.add_page(page)
    return page


def connections(window: MainWindow) -> ConnectionsPage:
    """Make the Connections page."""
    from netwatch_tray.window.pages.connections.grouping import Grouping
    from netwatch_tray.window.pages.connections.page import ConnectionsPage

    def save() -> None:
        memory.save(grouping=page.bar.grouping.value)
        memory.save_order("connections", page.table)

    parts, memory = window.parts, window.parts.memory
    page = ConnectionsPage(parts.theme, parts.looks)
    page.bar.group_by(Grouping(memory.text("grouping")))
    memory.restore_order("connections", page.table)
    if memory.number("helper_declined"):
        page.offer.decline()
    page.offer.declined.connect(lambda: memory.save(helper_declined=1))
    window.noticed.connect(lambda is_shown: page.offer.stand_alone(not is_shown))
    page.offer.set_up.connect(lambda: _show_settings(window, window.settings.helper_section))
    window.closing.connect(save)
    window.add_page(page)
    return page


def apps(window: MainWindow) -> AppsPage:
    """Make the Apps page."""
    from netwatch_tray.window.pages.apps.page import AppsPage

    def save() -> None:
        memory.save(apps_range=page.range_index)
        memory.save_order("apps", page.table)

    def show_connections(app: str) -> None:
        window.connections.bar.filter_app(app)
        window.turn_to_page("connections")

    parts, memory = window.parts, window.parts.memory
    page = AppsPage(parts.theme, parts.history, parts.looks)
    page.choose_range(memory.number("apps_range", page.range_index))
    memory.restore_order("apps", page.table)
    page.topics_changed.connect(window.subscribe)
    page.hosts_requested.connect(parts.link.request_hosts)
    page.list.menu.mute_requested.connect(partial(_change_mute, parts.link))
    page.connections_requested.connect(show_connections)
    window.closing.connect(save)
    window.add_page(page)
    return page


def usage(window: MainWindow) -> UsagePage:
    """Make the Usage page."""
    from netwatch_tray.window.pages.usage.page import UsagePage

    def show_apps(day: date | None) -> None:
        window.turn_to_page("apps")
        window.apps.show_day(day)

    parts, memory = window.parts, window.parts.memory
    page = UsagePage(parts.theme, parts.history, parts.looks)
    page.choose_range(memory.number("period", UsagePage.MONTH))
    page.plan_requested.connect(lambda: _show_settings(window, window.settings.plan_section))
    page.apps_requested.connect(show_apps)
    window.closing.connect(lambda: memory.save(period=page.period))
    window.add_page(page)
    return page


def events(window: MainWindow) -> EventsPage:
    """Make the Events page."""
    from netwatch_tray.window.pages.events.page import EventsPage

    def show_connections(app: str | None, host: str | None) -> None:
        if app is not None:
            window.connections.bar.filter_app(app)
        elif host is not None:
            window.connections.bar.filter_host(host)
        window.turn_to_page("connections")

    def show_app(name: str) -> None:
        window.turn_to_page("apps")
        window.apps.open_details(name)

    def show_why() -> None:
        window.turn_to_page("interfaces")
        window.interfaces.open_why()

    parts = window.parts
    page = EventsPage(parts.theme, parts.live_events, parts.history, parts.looks)
    page.commands.mute_requested.connect(partial(_change_mute, parts.link))
    page.commands.seen.connect(parts.link.mark_seen)
    page.commands.connections_requested.connect(show_connections)
    page.commands.app_requested.connect(show_app)
    page.commands.usage_requested.connect(lambda: window.turn_to_page("usage"))
    page.commands.why_requested.connect(show_why)
    page.settings_requested.connect(lambda: _show_settings(window, window.settings.events_section))
    window.add_page(page)
    return page


def settings(window: MainWindow) -> SettingsPage:
    """Make the Settings page."""
    from netwatch_tray.window.pages.settings.page import SettingsPage

    parts = window.parts
    page = SettingsPage(parts.theme, parts.settings_file, parts.history_file, parts.agent_cost)
    page.saved.connect(parts.link.reload_settings)
    window.add_page(page)
    return page


def _show_settings(window: MainWindow, section: int) -> None:
    window.turn_to_settings()
    window.settings.form.go_to(section)


def _change_mute(link: AgentLink, code: str, on: bool) -> None:
    """Make the agent mute (`on`) or unmute events by a code of event.Mute. If no agent is connected, show a tooltip
    that one is needed."""
    if link.connected:
        link.change_mute(code, on)
    else:
        text = translate("MainWindow", "Nothing was changed: the agent is not running")
        QToolTip.showText(QCursor.pos(), qt_tool_tip(text))
