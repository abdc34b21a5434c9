"""The icon in every kind of tray on Linux, and without one: visible, live, clicked, used by its menu, and back after a
restart."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from desktop import PATIENCE, Session
from networks import FAR, Wire, inside, wire
from wayland import WaylandSession

from netwatch_tray.feed.protocol import Command, Subscribe, TickMessage
from netwatch_tray.model import GapReason, Tick

PROGRAM = [sys.executable, "-m", "netwatch_tray"]
TRICKLE = """
import socket, sys, time
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
count = 0
while True:
    count += 1
    for _ in range(3 + count % 7):
        sender.sendto(bytes(1000), (sys.argv[1], 9))
    time.sleep(0.3)
"""
"""Rates that change all the time."""

DOUBLE_CLICK_S = 0.5
"""Qt reports a second press of any button within 0.4 s as a double click, and that opens no menu."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux panels")


@pytest.fixture(scope="module")
def network() -> Iterator[Wire]:
    """Make a wire with a little traffic."""
    with wire() as made:
        sender = made.python(made.near, TRICKLE, FAR)
        try:
            yield made
        finally:
            sender.kill()
            sender.communicate()


def start(desktop: Session, network: Wire, **environment: str) -> None:
    """Start the program as a login does; test_first_contact.py starts it by hand."""
    desktop.spawn("agent", [*inside(network.near), *PROGRAM, "agent"], environment)
    desktop.wait_for(desktop.agent_status, 15, "the agent answers")


def see(desktop: Session, timeout: float = 15) -> tuple[int, int]:
    return desktop.wait_for(desktop.find_icon, timeout, "the icon is seen in the panel")


def ticks(desktop: Session, condition: Callable[[Tick], bool]) -> None:
    """Wait for a tick that meets the condition."""
    with contextlib.closing(desktop.feed()) as feed:
        feed.send(Subscribe(frozenset({"interfaces"})))
        desktop.wait_for(
            lambda: any(isinstance(each, TickMessage) and condition(each.tick) for each in feed.wait(1)), 10, "the tick"
        )


def below_panel(desktop: Session) -> bytes:
    """Return the pixels below the panel, where menus open, but no window."""
    return desktop.screenshot().crop((0, 40, 110, 200)).tobytes()


def quits(desktop: Session, leave: Callable[[], None]) -> None:
    leave()
    assert desktop.wait_exit("agent", 15) == 0
    runtime = Path(desktop.environment["XDG_RUNTIME_DIR"]) / "netwatch-tray"
    desktop.wait_for(lambda: not list(runtime.iterdir()), 15, "agent and window leave no file")
    log = desktop.log("agent")
    assert "Traceback" not in log
    assert "ERROR" not in log


def starts_settings(desktop: Session) -> bool:
    """Return whether a process is about to open the settings."""
    for child in psutil.Process(desktop.pid("agent")).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "--settings" in child.cmdline():
                return True
    return False


def settings_of(desktop: Session) -> Path:
    return Path(desktop.environment["XDG_CONFIG_HOME"]) / "netwatch-tray" / "settings.toml"


def tooltip_changes(desktop: Session) -> None:
    for _ in range(2):
        before = desktop.tooltip()
        desktop.wait_for(lambda before=before: desktop.tooltip() != before, 10, "the tooltip changes")


@pytest.mark.parametrize("host", ["xfce", "lxqt", "waybar"])
def test_panel_on_the_session_bus_shows_the_icon(host: str, network: Wire) -> None:
    with WaylandSession() if host == "waybar" else Session() as desktop:
        start(desktop, network)
        desktop.start_host(host)  # later than the agent
        desktop.wait_for(desktop.items, 10, "the icon registers")
        place = see(desktop)

        desktop.wait_for(lambda: "B/s" in desktop.tooltip(), 10, "rates are in the tooltip")
        tooltip_changes(desktop)

        before = below_panel(desktop)
        desktop.click(*place, button=3)
        desktop.wait_for(lambda: below_panel(desktop) != before, 10, "the menu is seen")
        if host != "waybar":
            desktop.wait_for(desktop.is_keyboard_grabbed, 5, "the menu has the keyboard")
        rows = {row.label: row for row in desktop.menu()}
        assert len(desktop.menu()) <= 15, "14 rows and a separator"
        assert all(row.properties.get("enabled", True) for row in rows.values())
        if host == "waybar":
            desktop.click(600, 500)
        else:
            desktop.key("Escape")
        desktop.wait_for(lambda: below_panel(desktop) == before, 10, "the menu is closed")

        desktop.click(*place)
        desktop.wait_for(lambda: desktop.windows("NetWatch"), 15, "the click opens the window")

        desktop.pick("Settings…")
        desktop.pick("Pause")
        ticks(desktop, lambda tick: tick.gap == GapReason.PAUSED)
        desktop.wait_for(lambda: not starts_settings(desktop), 15, "the open window is asked for its settings")
        desktop.wait_for(lambda: desktop.tooltip().startswith("NetWatch is paused"), 5, "the tooltip tells")
        paused = next(row for row in desktop.menu() if row.label == "Pause")
        assert paused.properties["toggle-state"] == 1
        desktop.pick("Pause")
        ticks(desktop, lambda tick: tick.total.rx_rate is not None)
        desktop.pick("More", "Bits per second (kbit/s, Mbit/s)")
        desktop.wait_for(lambda: "bit/s" in desktop.tooltip(), 10, "the tooltip is in bits")
        assert "bits = true" in settings_of(desktop).read_text()
        desktop.pick("More", "Start at login")
        autostart = Path(desktop.environment["XDG_CONFIG_HOME"]) / "autostart" / "netwatch-tray.desktop"
        desktop.wait_for(autostart.exists, 5, "it starts at login")

        desktop.stop(host, signal.SIGKILL)
        desktop.start_host(host)
        desktop.wait_for(desktop.items, 10, "the icon registers again")
        see(desktop)
        tooltip_changes(desktop)
        quits(desktop, lambda: desktop.pick("Quit NetWatch"))
        memory = Path(desktop.environment["XDG_STATE_HOME"]) / "netwatch-tray" / "window.ini"
        desktop.wait_for(lambda: memory.exists() and "page=settings" in memory.read_text(), 10, "it kept its page")


def choose_by_keys(desktop: Session, place: tuple[int, int], *keys: str) -> None:
    """Open the menu of the XEmbed icon, press these keys, and wait until it is closed."""
    before = below_panel(desktop)
    desktop.click(*place, button=3)
    desktop.wait_for(lambda: below_panel(desktop) != before, 10, "the menu is seen")
    desktop.wait_for(desktop.is_keyboard_grabbed, 5, "the menu has the keyboard")
    desktop.key(*keys)
    desktop.wait_for(lambda: below_panel(desktop) == before, 10, "the menu is closed")
    desktop.wait_for(lambda: not desktop.is_keyboard_grabbed(), 10, "the menu lets go of keyboard and pointer")
    time.sleep(DOUBLE_CLICK_S)


def use_xembed_icon(desktop: Session, place: tuple[int, int]) -> None:
    """Click the icon, then pause and resume by its menu. The rows are counted from the last one."""
    desktop.minimize("NetWatch")  # a window that is there already would not show that the click was handled
    desktop.click(*place)
    desktop.wait_for(lambda: desktop.is_active("NetWatch"), 15, "the click opens the window")
    for wanted in (True, False):
        choose_by_keys(desktop, place, *["Up"] * 5, "Return")
        ticks(desktop, lambda tick, wanted=wanted: (tick.gap == GapReason.PAUSED) == wanted)


@pytest.mark.parametrize("bus", ["with a bus", "without a bus"])
def test_trayer_shows_the_xembed_icon(bus: str, network: Wire) -> None:
    with Session() as desktop:
        if bus == "with a bus":
            desktop.start_host("trayer")
            start(desktop, network)
        else:
            start(desktop, network, DBUS_SESSION_BUS_ADDRESS="disabled:")
            desktop.start_host("trayer")  # later than the agent
        place = see(desktop, 25)
        status = desktop.agent_status()
        assert status is not None
        assert str(status.tray).startswith("XEmbed: icon shown by process")
        assert status.no_tray is None
        assert desktop.windows("NetWatch") == []
        use_xembed_icon(desktop, place)
        desktop.stop("trayer", signal.SIGKILL)
        desktop.wait_for(lambda: desktop.find_icon() is None, 10, "the icon disappears with its tray")
        desktop.start_host("trayer")
        place = see(desktop)
        quits(desktop, lambda: choose_by_keys(desktop, place, "Up", "Return"))


def test_no_tray_opens_the_window_once_and_a_late_tray_gets_the_icon(network: Wire) -> None:
    with Session() as desktop:
        start(desktop, network, XDG_CURRENT_DESKTOP="ubuntu:GNOME")
        desktop.wait_for(lambda: desktop.windows("NetWatch"), 30, "the window opens instead")
        status = desktop.agent_status()
        assert status is not None
        assert "gnome-shell-extension-appindicator" in str(status.no_tray)
        assert "gnome-shell-extension-appindicator" in desktop.log("agent")
        assert desktop.log("agent").count("WARNING") == 1

        desktop.start_host("tint2")
        place = see(desktop)
        status = desktop.agent_status()
        assert status is not None
        assert status.no_tray is None
        use_xembed_icon(desktop, place)
        desktop.stop("tint2", signal.SIGKILL)
        desktop.wait_for(lambda: desktop.find_icon() is None, 10, "the icon disappears with its tray")
        desktop.start_host("tint2")
        see(desktop)

        # A panel on the bus is the better place: the icon moves there.
        desktop.start_host("xfce")
        desktop.wait_for(desktop.items, 10, "the icon registers")
        desktop.wait_for(
            lambda: "StatusNotifier" in str(getattr(desktop.agent_status(), "tray", "")), 10, "it has moved"
        )
        quits(desktop, lambda: desktop.pick("Quit NetWatch"))


def test_kind_of_tray_can_be_changed_while_the_agent_runs(network: Wire) -> None:
    with Session() as desktop:
        desktop.start_host("xfce")
        start(desktop, network)
        desktop.wait_for(desktop.items, 10, "the icon registers")
        file = settings_of(desktop)
        file.parent.mkdir(parents=True)

        def choose(text: str) -> None:
            file.write_text(text)
            with contextlib.closing(desktop.feed()) as feed:
                assert feed.wait(PATIENCE), "the agent greets"
                feed.send(Command("reload"))

        choose('[tray]\nway = "none"\n')
        desktop.wait_for(lambda: not desktop.items(), 10, "the icon goes")
        status = desktop.agent_status()
        assert status is not None
        assert str(status.tray) == "no icon: chosen in the settings"
        choose("[tray]\nway = 'nonsense'\n")
        desktop.wait_for(lambda: "tray.way must be" in desktop.log("agent"), 10, "the mistake is reported")
        choose('[tray]\ninterface = "uplink"\n')
        desktop.wait_for(lambda: desktop.items() and "uplink only, as chosen" in desktop.tooltip(), 10, "it is back")
        choose('[tray]\nway = "xembed"\n')  # the panel of Xfce has both kinds of trays
        desktop.wait_for(
            lambda: "XEmbed" in str(getattr(desktop.agent_status(), "tray", "")), 15, "it is an XEmbed icon"
        )
        see(desktop)
        desktop.stop("agent")
        assert "Traceback" not in desktop.log("agent")


def test_a_real_waybar_shows_the_line_made_for_it(network: Wire) -> None:
    command = " ".join([*inside(network.near), *PROGRAM, "watch", "--format", "waybar"])
    module = {"exec": command, "return-type": "json", "format": "{}", "tooltip": True}
    with WaylandSession(custom=module) as desktop:
        before = None
        desktop.start_host("waybar")

        def line() -> bytes:
            return desktop.screenshot().crop((0, 0, 400, 32)).tobytes()

        def is_written() -> bool:
            colours = desktop.screenshot().crop((0, 0, 400, 32)).getcolors(1 << 16) or []
            return len(colours) > 20

        desktop.wait_for(is_written, 15, "the line is on the screen")
        before = line()
        desktop.wait_for(lambda: line() != before, 10, "the line is live")
        assert "[error]" not in desktop.log("waybar")


@pytest.mark.parametrize("kind", ["text", "waybar", "i3bar", "polybar"])
def test_bar_command_prints_lines_for_each_bar(kind: str, network: Wire) -> None:
    with Session(display=False) as desktop:
        arguments = ["watch", "--format", kind, "--count", "3", "--interval", "0.3"]
        desktop.spawn("watch", [*inside(network.near), *PROGRAM, *arguments])
        assert desktop.wait_exit("watch", 20) == 0
        lines = desktop.log("watch").splitlines()
    if kind == "i3bar":
        assert json.loads(lines[0]) == {"version": 1}
        blocks = json.loads("".join([*lines[1:], "]"]))
        texts = [block["full_text"] for (block,) in blocks[1:]]
    elif kind == "waybar":
        texts = [json.loads(line)["text"] for line in lines]
    else:
        texts = [re.sub(r"%\{.*?\}", "", line) for line in lines]
    assert len(texts) == 3
    assert len({len(text) for text in texts}) == 1
    rates = re.compile("↓\\s+[\\d.]+ k?B/s\\s* ↑\\s+[\\d.]+ k?B/s\\s*")
    assert all(rates.fullmatch(text) for text in texts), texts


def test_the_agent_ends_with_its_session(network: Wire) -> None:
    """Some sessions do not end the programs of their user."""
    with Session() as desktop:
        desktop.start_host("xfce")
        start(desktop, network)
        desktop.wait_for(desktop.items, 10, "the icon registers")
        desktop.stop("bus", signal.SIGKILL)
        desktop.kill_display()
        assert desktop.wait_exit("agent", 30) == 0
        assert "The session is over" in desktop.log("agent")


def test_two_logins_have_an_icon_each(network: Wire) -> None:
    with Session() as one, Session() as other:
        for desktop in (one, other):
            desktop.start_host("xfce")
            start(desktop, network)
        for desktop in (one, other):
            desktop.wait_for(desktop.items, 10, "the icon registers")
            see(desktop)
        quits(one, lambda: one.pick("Quit NetWatch"))
        assert len(other.items()) == 1
        quits(other, lambda: other.pick("Quit NetWatch"))
