"""The connection to the agent."""

from __future__ import annotations

import pytest
from windows import Open, child, until, visible_text

from netwatch_tray.feed.protocol import ClientMessage, Command, Subscribe
from netwatch_tray.window.shell.banner import Banner


def test_window_reconnects_to_a_restarted_agent_by_itself(open_window: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netwatch_tray.window.data.agent_link._RETRY_AFTER_S", (0,))
    opened = open_window(connected=False)
    opened.agent.stop()
    opened.link.try_now()
    banner = child(opened.window, Banner)
    assert "The agent is not running." in visible_text(banner)
    opened.agent.start()
    until(lambda: opened.link._feed is not None, "it has connected")
    opened.agent.greet()
    until(lambda: opened.link.connected, "and is greeted")
    assert banner.isHidden()


def test_malformed_message_of_the_agent_makes_the_window_reconnect(open_window: Open, expected_logs: list[str]) -> None:
    opened = open_window()
    expected_logs.append("The agent sent a line that is not understood")
    opened.agent.write(b'{"type": "tick", "tick": 7}\n')
    until(lambda: opened.link.attempt == 1, "the connection is closed")


def test_only_visible_topics_are_subscribed(open_window: Open) -> None:
    opened = open_window()
    opened.agent.heard()
    opened.window.turn_to(1)
    opened.window.hide()
    opened.window.show()
    opened.window.turn_to(0)
    heard: list[ClientMessage] = []

    def subscriptions() -> list[Subscribe]:
        heard.extend(opened.agent.heard())
        return [message for message in heard if isinstance(message, Subscribe)]

    until(lambda: len(subscriptions()) == 4, "asks")
    wanted = [sorted(message.topics) for message in heard if isinstance(message, Subscribe)]
    everything, always = ["apps", "connections", "events", "interfaces"], ["events", "interfaces"]
    assert wanted == [everything, always, everything, always]
    assert Command("status") in heard
