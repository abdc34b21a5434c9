"""The icon in real panels: visible, updated, clicked, and back after the panel was killed."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import needs
import psutil
import pytest
from desktop import HOSTS, ITEM, Session

AGENT = Path(__file__).with_name("bare_agent.py")


def seen(desktop: Session) -> tuple[int, int]:
    return desktop.wait_for(desktop.find_icon, 10, "the icon is on the screen")


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest) -> str:
    needs.panel(HOSTS[request.param][0])
    return str(request.param)


@pytest.fixture
def desktop(host: str) -> Iterator[Session]:  # noqa: ARG001  skips before a display is started
    with Session() as session:
        yield session


def start_agent(desktop: Session) -> None:
    desktop.spawn("agent", [sys.executable, str(AGENT)], {"PYTHONPATH": os.pathsep.join(sys.path)})


def test_real_panel_shows_the_icon_and_its_menu(host: str, desktop: Session) -> None:
    desktop.start_host(host)
    start_agent(desktop)
    desktop.wait_for(desktop.items, 10, "the icon registers")
    x, y = seen(desktop)

    desktop.wait_for(lambda: desktop.tooltip().endswith("eth0 only"), 5, "the first tick is shown")
    before = desktop.tooltip()
    desktop.wait_for(lambda: desktop.tooltip() != before, 5, "the tooltip changes")

    desktop.click(x, y)
    desktop.wait_for(lambda: desktop.log("agent").split() == ["open"], 5, "a click opens the window")

    without_menu = desktop.screenshot().crop((0, 40, 400, 200)).getcolors(1 << 20)
    desktop.click(x, y, button=3)
    desktop.wait_for(
        lambda: desktop.screenshot().crop((0, 40, 400, 200)).getcolors(1 << 20) != without_menu, 5, "the menu is seen"
    )
    desktop.wait_for(desktop.is_keyboard_grabbed, 5, "the menu has the keyboard")
    desktop.key("Escape")
    assert {"Open NetWatch", "Quit NetWatch"} <= {row.label for row in desktop.menu()}

    assert desktop.stop(host, signal.SIGKILL) == -signal.SIGKILL
    desktop.start_host(host)
    desktop.wait_for(desktop.items, 10, "the icon registers again")
    seen(desktop)

    desktop.pick("Quit NetWatch")
    assert desktop.wait_exit("agent") == 0
    assert desktop.log("agent").split() == ["open", "quit"]
    desktop.wait_for(lambda: not desktop.items(), 5, "the icon disappears")


def test_panel_started_late_shows_the_icon(host: str, desktop: Session) -> None:
    bus = desktop.client
    before = set(bus.call_bus("ListNames")[0])
    start_agent(desktop)
    desktop.wait_for(lambda: set(bus.call_bus("ListNames")[0]) - before, 10, "the agent is on the bus")
    desktop.start_host(host)
    desktop.wait_for(desktop.items, 10, "the icon registers")
    seen(desktop)
    assert desktop.is_running("agent")
    assert desktop.log("agent") == ""


@pytest.mark.parametrize("is_frozen", [True, False], ids=["frozen", "slow"])
def test_frozen_or_slow_panel_neither_blocks_agent_nor_costs_memory(
    host: str, desktop: Session, *, is_frozen: bool
) -> None:
    """The agent makes 200 visible updates. The panel reads none of them, or has a tenth of the needed time."""
    panel = desktop.start_host(host)
    agent = desktop.spawn(
        "agent", [sys.executable, str(AGENT), "--period", "0.02"], {"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    desktop.wait_for(desktop.items, 10, "the icon registers")
    seen(desktop)
    (service, path), *_ = desktop.items()

    def updates() -> int:
        """How many changes of the tooltip have been met; a tick whose tooltip is the next one's may be missed."""
        runs = not is_frozen and next(asked) % 10 == 0
        os.kill(panel, signal.SIGCONT if runs else signal.SIGSTOP)
        tooltip = desktop.client.property(service, path, ITEM, "ToolTip")
        if not told or told[-1] != tooltip:
            told.append(tooltip)
        return len(told)

    told: list[object] = []
    asked = itertools.count()
    try:
        desktop.wait_for(lambda: updates() > 20, 20, "the agent goes on")
        before = psutil.Process(agent).memory_info().rss
        desktop.wait_for(lambda: updates() > 220, 30, "the agent goes on for 200 updates")
        assert psutil.Process(agent).memory_info().rss - before < 1 << 20
    finally:
        os.kill(panel, signal.SIGCONT)
    desktop.pick("Quit NetWatch")
    assert desktop.wait_exit("agent") == 0


def test_closing_a_test_session_ends_its_processes(host: str) -> None:
    with Session() as session:
        session.start_host(host)
        marker = f"{session.directory}/"
    left = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # ended meanwhile
            if marker.encode() in (process / "environ").read_bytes():
                left.append((process / "comm").read_text())
    assert not left
    assert not session.directory.exists()
