from __future__ import annotations

from collections.abc import Iterator

import pytest
from happened import SCAN, alert
from painted import drawn
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from windows import Open, Opened

from netwatch_tray.feed.protocol import EventsMessage
from netwatch_tray.window.shell.bell import Bell
from netwatch_tray.window.widgets.theme import Theme


@pytest.fixture
def bell(application: QApplication) -> Iterator[Bell]:
    theme = Theme(application, Qt.ColorScheme.Light)
    bell = Bell(theme, "Events")
    yield bell
    bell.deleteLater()
    theme.deleteLater()


@pytest.mark.parametrize(
    ("count", "number", "name"),
    [
        (0, "", "Events"),
        (1, "1", "Events, 1 new alert"),
        (99, "99", "Events, 99 new alerts"),
        (100, "99+", "Events, 100 new alerts"),
    ],
)
def test_the_number_of_new_alerts_is_shown_and_named(bell: Bell, count: int, number: str, name: str) -> None:
    bell.show_count(count)
    bell.resize(bell.sizeHint())
    assert drawn(bell) == number
    assert bell.accessibleName() == name


def test_bell_shows_its_name_while_it_is_checked_and_there_is_room(bell: Bell) -> None:
    bell.show_count(3)
    bell.setChecked(True)
    bell.resize(bell.sizeHint())
    assert drawn(bell) == "Events | 3"
    bell.set_room(False)
    assert drawn(bell) == "3"
    bell.set_room(True)
    bell.setChecked(False)
    assert drawn(bell) == "3"


def test_bell_shows_the_count_of_the_agent(opened: Opened) -> None:
    bell = opened.window._row.bell
    opened.say(EventsMessage(reset=True, events=(alert(SCAN),), unseen=7))
    assert bell.accessibleName() == "Events, 7 new alerts"
    opened.say(EventsMessage(unseen=0))
    assert bell.accessibleName() == "Events"


def test_key_opens_the_events_page_which_is_created_then(open_window: Open) -> None:
    window = open_window().window
    assert "events" not in vars(window), "most windows close without them"
    QTest.keySequence(window, "Ctrl+5")
    assert window.events.isVisible()
    assert window._row.bell.isChecked()
