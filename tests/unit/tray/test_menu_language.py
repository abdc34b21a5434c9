"""The tray in German: no row of the menu is English, and a change of the language leaves nothing stale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from test_presenter import interface, present, tick

from netwatch_tray import language
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import message
from netwatch_tray.model import GapReason
from netwatch_tray.settings import Settings, TrayIcon
from netwatch_tray.tray import Tray
from netwatch_tray.tray.backends import Backend
from netwatch_tray.tray.backends.pystray_api import Menu
from netwatch_tray.tray.menu import Actions, TrayMenu
from netwatch_tray.tray.presenter import View

SAME = {"eth0", "Diagnose…"}
"""Rows that are equal in both languages, but for rates."""


@pytest.fixture(autouse=True)
def english_afterwards() -> Iterator[None]:
    yield
    language.use("en")


def rows(menu: Menu) -> Iterator[str]:
    for item in menu.items:
        if item is not Menu.SEPARATOR:
            yield item.text
            if item.submenu is not None:
                yield from rows(item.submenu)


def texts(code: str, gap: GapReason | None) -> list[str]:
    language.use(code)
    view: View = present(tick(1.0, 2.0, interface(1, "eth0"), gap=gap))
    menu = TrayMenu(actions(), Settings())
    menu.view = view
    return [*rows(menu.build()), *view.tooltip]


def actions() -> Actions:
    return Actions(
        open_window=lambda: None,
        open_settings=lambda: None,
        open_mini=lambda: None,
        quit=lambda: None,
        pause=lambda _paused: None,
        choose=lambda _settings: None,
        show_doctor=lambda: None,
        upload_state=lambda: message("the agent is not running"),
        apps=lambda: (),
        amounts=lambda: None,
        last_event=lambda: None,
        show_events=lambda: None,
    )


class Icon:
    """What a panel shows of the icon."""

    def __init__(self, _name: str, icon: Sequence[object], title: str, menu: Menu, **_options: Any) -> None:
        self.icon, self.title, self.menu, self.label = icon, title, menu, ""

    def change(
        self, *, icon: Sequence[object] | None = None, title: str | None = None, label: str | None = None
    ) -> None:
        self.icon = self.icon if icon is None else icon
        self.title = self.title if title is None else title
        self.label = self.label if label is None else label

    def run_detached(self) -> None:
        pass

    update_menu = run_detached


@pytest.mark.parametrize("gap", [None, *GapReason])
def test_no_menu_row_is_the_same_in_english_and_german(gap: GapReason | None) -> None:
    english, german = texts("en", gap), texts("de", gap)
    assert len(german) > 10
    same = {text.strip() for text in english} & {text.strip() for text in german} - SAME
    assert not {text for text in same if any(map(str.isalpha, text)) and not text.startswith("↓")}


def test_change_of_language_with_other_settings_leaves_nothing_stale() -> None:
    shown: list[Icon] = []

    def opened(*arguments: Any, **options: Any) -> Any:
        shown.append(Icon(*arguments, **options))
        return shown[-1]

    scheduler = Scheduler()
    try:
        settings = Settings(tray=TrayIcon(text=True, period=5))
        tray = Tray(scheduler, actions(), settings, Backend("test", message(""), (16,), "dark", opened))
        (icon,) = shown
        idle = icon.icon
        tray.show(tick(5e6, 5e6, interface(1, "eth0", is_uplink=True)))
        assert icon.label
        assert icon.icon != idle
        tray.show(tick(0.0, 0.0, interface(1, "eth0", is_uplink=True)))  # held back by the period
        assert icon.icon != idle
        language.use("de")
        tray.apply(Settings(tray=TrayIcon(text=False, period=5)))
        assert not icon.label
        assert icon.icon == idle
    finally:
        scheduler.close()
