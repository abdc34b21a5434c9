"""The first seconds after a user has started the program by hand: with a tray, without one, and with one that comes."""

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


def test_without_a_tray_the_window_opens_long_before_a_login_would_give_up() -> None:
    with Session() as desktop:
        desktop.spawn("agent", PROGRAM)
        desktop.wait_for(lambda: desktop.windows("NetWatch"), BOUND, "the window opens")
        desktop.wait_for(
            lambda: getattr(desktop.agent_status(), "no_tray", ""), BOUND, "the agent says what to install"
        )

        desktop.start_host("xfce")
        desktop.wait_for(desktop.items, BOUND, "the icon registers")
        desktop.wait_for(lambda: not getattr(desktop.agent_status(), "no_tray", "-"), BOUND, "nothing is missing now")
        assert len(desktop.windows("NetWatch")) == 1
        assert "Traceback" not in desktop.log("agent")


@pytest.mark.parametrize("host", ["xfce", "lxqt"])
def test_with_a_tray_there_is_an_icon_and_no_window(host: str) -> None:
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
def test_an_older_tray_gets_the_icon_without_the_patience_of_a_login(host: str) -> None:
    with Session() as desktop:
        desktop.start_host(host)
        desktop.spawn("agent", PROGRAM)
        desktop.wait_for(desktop.find_icon, BOUND, "the icon is seen")
        assert desktop.windows("NetWatch") == []
