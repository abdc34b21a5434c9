"""Events of a real network reach the terminal, also over a restart of the agent."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from desktop import PATIENCE, Session
from networks import LISTENER, Wire

from netwatch_tray.feed.protocol import ChangeMute, EventsMessage, MarkSeen, SettingsMessage, Subscribe

PROGRAM = [sys.executable, "-m", "netwatch_tray"]
BOUND = 60


@pytest.fixture
def desktop(network: Wire) -> Iterator[Session]:
    with Session(display=False, netns=network.near) as desktop:
        desktop.start_agent()
        yield desktop


def events(desktop: Session, *options: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [*PROGRAM, "events", "--json", *options],
        env=desktop.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@contextlib.contextmanager
def listener(network: Wire, port: int) -> Iterator[None]:
    with network.python(network.near, LISTENER, str(port)) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            assert process.stdout.readline() == "listens\n"
            yield
        finally:
            process.stdin.close()
            process.wait(PATIENCE)


def test_a_port_that_opens_is_reported_kept_and_muted(network: Wire, desktop: Session) -> None:
    # Only what opens after the first reading is new.
    desktop.wait_for(lambda: not events(desktop) or True, BOUND, "the agent has events to send")
    with contextlib.closing(desktop.feed()) as client:
        client.send(Subscribe(frozenset({"events", "connections"})))
        desktop.wait_for(lambda: client.wait(1), BOUND, "the sockets were read")
        with listener(network, 22000):
            desktop.wait_for(lambda: events(desktop, "--since", "today"), BOUND, "the port is reported")
            (found,) = events(desktop)
            assert (found["kind"], found["rule"], found["count"]) == ("listener", "listener", 1)
            assert found["evidence"] == {"protocol": "TCP", "address": "*", "port": 22000, "before": []}
            assert found["mutes"][-1] == "listener"

            client.send(MarkSeen(ids=(found["id"],)))
            client.send(ChangeMute("listener", on=True))
            desktop.wait_for(
                lambda: any(
                    isinstance(each, SettingsMessage) and each.settings.events.muted == {"listener": True}
                    for each in client.wait(1)
                ),
                BOUND,
                "the settings have the mute",
            )
    assert desktop.stop("agent") == 0
    # Without an agent the history has it.
    assert [(each["id"], each["seen"]) for each in events(desktop)] == [(found["id"], True)]

    desktop.start_agent("again")
    assert [(each["kind"], each["id"]) for each in events(desktop)][:1] == [("listener", found["id"])]
    with contextlib.closing(desktop.feed()) as client:
        client.send(Subscribe(frozenset({"events", "connections"})))
        desktop.wait_for(lambda: client.wait(1), BOUND, "the sockets were read")
        with listener(network, 22001):
            message = desktop.wait_for(
                lambda: next(
                    (
                        each
                        for each in client.wait(1)
                        if isinstance(each, EventsMessage)
                        and any(getattr(event.evidence, "port", None) == 22001 for event in each.events)
                    ),
                    None,
                ),
                BOUND,
                "the second port is reported",
            )
    assert message.events[-1].is_muted
    assert message.unseen == 0


def test_a_restart_of_the_agent_is_an_event(desktop: Session) -> None:
    assert desktop.stop("agent") == 0
    desktop.start_agent("again")
    desktop.wait_for(lambda: events(desktop), BOUND, "the restart is reported")
    (found,) = events(desktop)
    assert (found["kind"], found["severity"], found["rule"]) == ("agent", "record", "not-measured")
    assert found["evidence"]["seconds"] > 0


def test_events_are_followed_until_the_agent_ends(network: Wire, desktop: Session) -> None:
    with (
        subprocess.Popen(
            [*PROGRAM, "events", "--since", "today", "--follow"],
            env={**desktop.environment, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as follower,
        contextlib.closing(desktop.feed()) as client,
    ):
        assert follower.stdout is not None
        client.send(Subscribe(frozenset({"connections"})))
        desktop.wait_for(lambda: client.wait(1), BOUND, "the sockets were read")
        with listener(network, 22000):
            line = follower.stdout.readline()
        assert "now listens on TCP 22000, all addresses" in line
        desktop.stop("agent")
        assert follower.wait(BOUND) == 3
