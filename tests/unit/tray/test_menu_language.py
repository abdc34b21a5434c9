"""The tray's menu in German: no row is English."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from test_presenter import interface, present, tick

from netwatch_tray import language
from netwatch_tray.errors import message
from netwatch_tray.model import GapReason
from netwatch_tray.settings import Settings
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
    actions = Actions(
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
    view: View = present(tick(1.0, 2.0, interface(1, "eth0"), gap=gap))
    menu = TrayMenu(actions, Settings())
    menu.view = view
    return [*rows(menu.build()), *view.tooltip]


@pytest.mark.parametrize("gap", [None, *GapReason])
def test_no_menu_row_is_the_same_in_english_and_german(gap: GapReason | None) -> None:
    english, german = texts("en", gap), texts("de", gap)
    assert len(german) > 10
    same = {text.strip() for text in english} & {text.strip() for text in german} - SAME
    assert not {text for text in same if any(map(str.isalpha, text)) and not text.startswith("↓")}
