from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings, strategies as st
from screens import NAMES, NOW, app, busy, connection, event, tick

from netwatch_tray import desktop_entries
from netwatch_tray.event import Severity
from netwatch_tray.feed.protocol import AppsMessage, ConnectionsMessage, EventsMessage, TickMessage
from netwatch_tray.settings import Settings
from netwatch_tray.tui import screen
from netwatch_tray.tui.look import Look
from netwatch_tray.tui.state import State, View


def test_apps_are_sorted_by_the_chosen_column_and_bytes_of_no_app_stay_last() -> None:
    state = busy()
    state.receive(AppsMessage(apps=(app("a", 1.0, 9.0), app("b", 5.0, 2.0)), interval_s=2.0, other=(100, 100)))
    state.set_stored(None)
    assert [row.name for row in state.app_rows()] == ["b", "a", "Not of any app"]
    state.sort_by()
    assert state.sort[View.OVERVIEW] == "up"
    assert [row.name for row in state.app_rows()] == ["a", "b", "Not of any app"]
    state.sort_by("name")
    assert [row.name for row in state.app_rows()] == ["a", "b", "Not of any app"]


def test_apps_of_this_month_that_exited_are_listed_with_their_amounts() -> None:
    state = busy()
    state.receive(AppsMessage(apps=(app("Firefox", 1.0, 1.0),), interval_s=2.0))
    rows = {row.name: row for row in state.app_rows()}
    assert rows["Syncthing"].down == 0.0
    assert rows["Syncthing"].month == 25 * 5_580_000_000 // 2
    assert len([row for row in state.app_rows() if row.name == "Firefox"]) == 1


def test_paused_screen_is_unchanged_and_continues_with_all_data() -> None:
    state = busy()
    state.pause()
    before = screen.draw(state, Look(), 80, 24).lines()
    state.receive(TickMessage(tick(NOW + timedelta(seconds=1), 9e9, 9e9)))
    state.receive(ConnectionsMessage(removed=("0",)))
    assert screen.draw(state, Look(), 80, 24).lines() == before
    state.pause()
    assert state.shown.tick is not None
    assert state.shown.tick.total.rx_rate == 9e9
    assert "0" not in state.shown.connections


def test_list_leaves_out_listeners_and_closed_connections() -> None:
    state = State(Settings())
    rows = (
        connection(1, "a"), connection(2, "b", state="TIME_WAIT"), connection(3, "c", state="LISTEN"),
    )  # fmt: skip
    state.receive(ConnectionsMessage(reset=True, added=rows))
    assert [row.key for row in state.connection_rows()] == ["1"]


def test_details_show_the_connections_of_one_app_until_escape() -> None:
    state = busy()
    rows = tuple(connection(number, NAMES[number % 6]) for number in range(12))
    state.receive(ConnectionsMessage(reset=True, added=rows))
    state.receive(AppsMessage(apps=(app("Firefox", 2.0, 1.0), app("apt", 1.0, 1.0)), interval_s=2.0))
    state.move(1)
    state.open()
    assert state.view is View.CONNECTIONS
    assert {row.process for row in state.connection_rows()} == {"apt"}
    state.back()
    assert (state.view, state.app) == (View.OVERVIEW, None)


def test_the_filter_keeps_rows_with_the_text() -> None:
    state = busy()
    for letter in "SYNx\b":
        state.type_text(letter)
    assert [row.name for row in state.app_rows()] == ["Syncthing"]
    state.back()
    assert len(state.app_rows()) == len(NAMES) + 1


def test_filter_finds_an_app_by_the_name_in_its_desktop_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desktop_entries, "name_of", lambda key: "Music of Ada" if key == "key1" else "")
    state = busy()
    for letter in "musIC":
        state.type_text(letter)
    assert [row.name for row in state.app_rows()] == ["Syncthing"]


def test_events_become_seen_when_the_user_leaves_the_view() -> None:
    state = State(Settings())
    events = (event(1), event(2, Severity.RECORD), event(3, is_seen=True))
    state.receive(EventsMessage(reset=True, events=events, unseen=1))
    assert "1 alert" in screen.draw(state, Look(), 80, 24).lines()[22].text
    state.turn_to(View.EVENTS)
    lines = [line.text for line in screen.draw(state, Look(), 80, 24).lines()]
    assert [event.id for event in state.event_rows()] == [3, 2, 1]
    assert "Steam used the network for the first time" in lines[3]
    assert any("/usr/bin/steam" in line for line in lines[18:22])
    assert state.take_seen() == ()
    state.turn()
    assert state.take_seen() == (1,)
    assert state.take_seen() == ()


def test_changed_event_replaces_the_previous_one() -> None:
    state = State(Settings())
    state.receive(EventsMessage(reset=True, events=(event(1), event(2))))
    state.receive(EventsMessage(events=(event(1, count=5),)))
    assert {each.id: each.count for each in state.event_rows()} == {1: 5, 2: 1}
    state.receive(EventsMessage(reset=True))
    assert state.event_rows() == []


_DEEDS = st.lists(
    st.sampled_from(
        ["pause", "turn", "range", "units", "sort", "up", "down", "end", "open", "back", "type", "tick", "lose", "apps"]
    ),
    max_size=30,
)


@given(_DEEDS)
@settings(max_examples=80, deadline=None)
def test_any_keys_and_messages_leave_full_lines_and_one_selected_row(deeds: list[str]) -> None:
    state = busy()
    second = 0
    for deed in deeds:
        match deed:
            case "range":
                state.change_range(1)
            case "units":
                state.change_units()
            case "sort":
                state.sort_by()
            case "up" | "down" | "end":
                state.move({"up": -1, "down": 1, "end": 10**6}[deed])
            case "type":
                state.type_text("s")
            case "tick":
                second += 1
                state.receive(TickMessage(tick(NOW + timedelta(seconds=second), 1e6, 1e5)))
            case "lose":
                state.lose_agent()
            case "apps":
                state.receive(AppsMessage(apps=(app("new", 1.0, None),), interval_s=None))
            case _:
                getattr(state, deed)()
        keys = state.keys()
        assert state.selected_key() in keys or not keys
        assert len(keys) == len(set(keys))
        lines = screen.draw(state, Look(), 80, 24).lines()
        assert [len(line.text) for line in lines] == [80] * 24
        assert sum(line.is_selected for line in lines) == (1 if keys else 0)
