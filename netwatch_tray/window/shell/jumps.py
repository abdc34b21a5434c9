"""Connections of signals that lead from one page to another."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netwatch_tray.window.pages.events.page import EventsPage
    from netwatch_tray.window.shell.main_window import MainWindow


def connect_pages(window: MainWindow) -> None:
    """Connect the pages that exist from the start."""

    def show_connections(app: str) -> None:
        window.connections.bar.filter_app(app)
        window.turn_to_page("connections")

    def show_events(start: float, end: float) -> None:
        window.turn_to_page("events")
        window.events.show_span(start, end)

    def show_apps(day: date | None) -> None:
        window.turn_to_page("apps")
        window.apps.show_day(day)

    window.usage.plan_requested.connect(lambda: _show_settings(window, window.settings.plan_section))
    window.interfaces.choice_requested.connect(lambda: _show_settings(window, window.settings.counted_section))
    window.interfaces.events_requested.connect(show_events)
    window.connections.offer.set_up.connect(lambda: _show_settings(window, window.settings.helper_section))
    window.apps.connections_requested.connect(show_connections)
    window.usage.apps_requested.connect(show_apps)


def connect_events(window: MainWindow, page: EventsPage) -> None:
    """Connect the Events page, which is made when it is first visited."""

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

    page.commands.connections_requested.connect(show_connections)
    page.commands.app_requested.connect(show_app)
    page.commands.usage_requested.connect(lambda: window.turn_to_page("usage"))
    page.commands.why_requested.connect(show_why)
    page.settings_requested.connect(lambda: _show_settings(window, window.settings.events_section))


def _show_settings(window: MainWindow, section: int) -> None:
    """Show a section of the settings."""
    window.turn_to_settings()
    window.settings.form.go_to(section)
