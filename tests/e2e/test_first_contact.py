"""The first seconds after a user has started the program: with a tray, without one, and with one that starts later."""

from __future__ import annotations

import sys

import pytest
from desktop import XEMBED_HOSTS, Session

PROGRAM = [sys.executable, "-m", "netwatch_tray"]
BOUND = 60.0
"""Seconds in which a loaded machine does what takes one on an idle one."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux panels")


def uptime(desktop: Session) -> float:
    status = desktop.agent_status()
    return status.uptime_s if status else 0.0


def test_start_by_hand_without_tray_opens_the_window_early() -> None:
    with Session() as desktop:
        desktop.spawn("agent", PROGRAM)
        desktop.wait_for(lambda: desktop.windows("NetWatch"), BOUND, "the window opens")
        desktop.wait_for(
            lambda: getattr(desktop.agent_status(), "no_tray", ""), BOUND, "the agent reports what to install"
        )

        desktop.start_host("xfce")
        desktop.wait_for(desktop.items, BOUND, "the icon registers")
        desktop.wait_for(lambda: not getattr(desktop.agent_status(), "no_tray", "-"), BOUND, "nothing is missing now")
        assert len(desktop.windows("NetWatch")) == 1
        assert "Traceback" not in desktop.log("agent")


@pytest.mark.parametrize("host", ["xfce", "lxqt"])
def test_start_by_hand_with_tray_shows_an_icon_and_no_window(host: str) -> None:
    with Session() as desktop:
        desktop.start_host(host)
        desktop.spawn("agent", PROGRAM)
        desktop.wait_for(desktop.items, BOUND, "the icon registers")
        desktop.wait_for(lambda: uptime(desktop) > 5, BOUND, "whatever opens without a tray would be open by now")
        assert desktop.windows("NetWatch") == []
        status = desktop.agent_status()
        assert status is not None
        assert str(status.tray).endswith("icon shown")
        assert not status.is_looking


@pytest.mark.parametrize("host", sorted(XEMBED_HOSTS))
def test_start_by_hand_shows_the_xembed_icon_at_once(host: str) -> None:
    with Session() as desktop:
        desktop.start_host(host)
        desktop.spawn("agent", PROGRAM)
        desktop.wait_for(desktop.find_icon, BOUND, "the icon is seen")
        assert desktop.windows("NetWatch") == []
