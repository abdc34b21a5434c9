"""The banner and the status line."""

from __future__ import annotations

import msgspec
from painted import drawn
from statuses import status
from windows import (
    FEW,
    Open,
    Opened,
    button,
    child,
    connection,
    interface,
    past_tick,
    readouts,
    table_texts,
    tick,
    until,
    uplink,
    visible_text,
)

from netwatch_tray import units
from netwatch_tray.errors import Message
from netwatch_tray.feed.protocol import ConnectionsMessage, Subscribe, TickMessage
from netwatch_tray.window.shell.banner import Banner
from netwatch_tray.window.shell.main_window import STARTED_BY_ATTEMPT
from netwatch_tray.window.shell.status_line import StatusLine
from netwatch_tray.window.shell.window_memory import WindowMemory
from netwatch_tray.window.widgets.buttons import FlatButton

_FEW = (uplink(2, "eth0", 12.4e6, 840e3), interface(3, "wg0", 2.1e6, 96.2e3, over=("eth0",)))


def test_a_lost_agent_is_reported_until_it_is_back(open_window: Open) -> None:
    opened = open_window()
    window, link, agent = opened.window, opened.link, opened.agent
    opened.say(TickMessage(tick(*FEW)), ConnectionsMessage(reset=True, added=(connection(1),)))
    banner = child(window, Banner)
    agent.stop()
    until(lambda: not link.connected, "it is noticed")
    assert banner.isVisible()
    assert "The agent stopped. Reconnecting in 1 s." in visible_text(banner)
    assert readouts(window) == ["download unknown", "upload unknown"]
    assert all(row[2:4] == [units.UNKNOWN] * 2 for row in table_texts(window.interfaces.table))
    assert "Not measuring" in visible_text(window)
    assert {row[-1] for row in table_texts(window.interfaces.table)} == {"Not known without the agent"}
    assert "Nothing is measured now." in visible_text(window.interfaces)
    assert not button(window.interfaces, "Why this total").isVisible()
    assert window.connections.table.model().rowCount() == 0, "old values are not shown as if they were live"
    for attempt, pause in enumerate((2, 4, 8, 10, 10), start=2):
        link.try_now()
        assert (link.attempt, link.retry_in) == (attempt, pause)
    agent.start()
    child(banner, FlatButton).click()
    agent.greet(past_tick(1, 3e6, 1e5))
    until(lambda: link.connected, "it is back")
    assert banner.isHidden()
    opened.say(TickMessage(tick(*FEW)))
    assert readouts(window) == ["download 12.4 MB/s", "upload 840 kB/s"]
    assert Subscribe(frozenset({"interfaces", "events"})) in agent.heard()


def test_the_banner_starts_an_agent(open_window: Open) -> None:
    opened = open_window(connected=False)
    window, link, agent = opened.window, opened.link, opened.agent
    agent.stop()
    started: list[bool] = []

    def start() -> bool:
        started.append(True)
        return True

    window._start_agent = start
    link.try_now()
    banner = child(window, Banner)
    assert child(banner, FlatButton).text() == "Start it"
    child(banner, FlatButton).click()
    assert started == [True]
    assert "The agent is starting …" in visible_text(banner)
    assert not child(banner, FlatButton).isVisible(), "once is enough"
    for _attempt in range(STARTED_BY_ATTEMPT):
        link.try_now()
    assert "The agent is not running." in visible_text(banner), "it did not start"
    child(banner, FlatButton).click()
    agent.start()
    link.try_now()
    agent.greet()
    until(lambda: link.connected, "it is there")
    assert banner.isHidden()


def test_an_agent_of_another_version_is_reported(open_window: Open) -> None:
    opened = open_window(connected=False)
    opened.link.try_now()
    opened.agent.greet(protocol=999)
    banner = child(opened.window, Banner)
    until(banner.isVisible, "the banner")
    assert "The agent is of another version than this window." in visible_text(banner)
    opened.window.turn_to(1)
    assert "Connections are not known" in visible_text(opened.window.connections), "a page that is made only now"


def test_cost_and_faults_of_the_agent_are_shown(open_window: Open) -> None:
    opened = open_window()
    first = status(uptime_s=100, cpu_s=1, pss_bytes=24_300_000)
    opened.say(first)
    assert "Agent: CPU 1.0 %, memory 24.3 MB (PSS)" in visible_text(opened.window)
    opened.say(msgspec.structs.replace(first, uptime_s=110, cpu_s=1.02, faults=(Message("lsof is missing"),)))
    assert "Agent: CPU 0.2 %" in visible_text(opened.window)
    assert "1 source missing" in visible_text(opened.window)
    banner = child(opened.window, Banner)
    assert "lsof is missing" in visible_text(banner)
    child(banner, FlatButton).click()
    assert not banner.isVisible(), "it was read"
    assert "1 source missing" in visible_text(opened.window)
    opened.say(
        msgspec.structs.replace(first, uptime_s=120, faults=tuple(map(Message, ("lsof is missing", "a", "b", "c"))))
    )
    assert "a And 2 more." in visible_text(banner)
    again = open_window(connected=False)
    assert WindowMemory(again.memory).acknowledged == {"lsof is missing"}, "it is not reported again"


def test_a_fault_in_the_settings_is_reported(opened: Opened) -> None:
    window = opened.window
    opened.memory.setValue("welcomed", 1)
    opened.say(TickMessage(tick(*_FEW)), status(settings_fault=Message("units.bits must be true or false.")))
    assert "units.bits must be true or false." in visible_text(child(window, Banner))
    assert "missing" not in visible_text(child(window, StatusLine)), "all is measured"
    opened.say(status())
    assert child(window, Banner).isHidden()


def test_the_agents_cost_is_never_cut(open_window: Open) -> None:
    opened = open_window(size=(720, 480))
    opened.say(status(uptime_s=100, cpu_s=1, pss_bytes=24_300_000))
    line = child(opened.window, StatusLine)
    line.show_texts(["a long text about the data of the page"] * 9, is_measuring=True)
    texts = drawn(line).split(" | ")
    assert "Agent: CPU 1.0 %, memory 24.3 MB (PSS)" in texts
    assert sum(text.endswith("…") for text in texts) == 1
