"""The icon on real desktops and bars, row by row as the table in docs/tray.md has it.

KDE, GNOME and Cinnamon are left out where they are not installed; `./dev test desktops` installs them, looks at each
desktop at two scales, light and dark, and with `--repeat 10` kills each panel and starts it late ten times.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from desktop import wait_for
from desktops import DESKTOPS, PROGRAM, Desktop
from glyphs import Place
from networks import NEAR, Wire
from PIL import Image, ImageChops

from netwatch_tray.feed.protocol import Command
from netwatch_tray.tray.presenter import Glyph

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux desktops")

IDLE, DOWN, PAUSED = Glyph("rates"), Glyph("rates", 3, 0), Glyph("paused")
CHANGING_SENDER = """
import itertools, socket, sys, time
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for count in itertools.count():
    for _ in range(80 + count * 7 % 50):
        sender.sendto(bytes(1400), (sys.argv[1], 9))
    time.sleep(0.05)
"""
"""From 2 to 4 MB/s, in each second another rate."""
REPEATS = int(os.environ.get("NETWATCH_REPEATS", "0"))
"""How often each panel is killed and started late; set by `./dev test desktops`, as the next one."""
PICTURES = os.environ.get("NETWATCH_PICTURES")
"""A directory for pictures of the panels."""


@pytest.fixture(params=DESKTOPS)
def kind(request: pytest.FixtureRequest) -> type[Desktop]:
    found = DESKTOPS[request.param]
    if missing := found.missing():
        pytest.skip(f"{found.name} is not installed ({', '.join(missing)}): ./dev test desktops")
    return found


class Traffic:
    """A download of 2 to 4 MB/s while the context is open."""

    def __init__(self, network: Wire) -> None:
        self._network = network

    def __enter__(self) -> None:
        self._sender: subprocess.Popen[str] = self._network.python(self._network.far, CHANGING_SENDER, NEAR)

    def __exit__(self, *_: object) -> None:
        self._sender.kill()
        self._sender.communicate()


def start_agent(desktop: Desktop) -> None:
    desktop.spawn("agent", [*PROGRAM, "agent"])
    desktop.wait_for(desktop.agent_status, 30, "the agent answers")


def see(desktop: Desktop, glyph: Glyph) -> Place:
    """Return the place of the icon once it stands still: its label, such as "paused", appears later and moves it."""

    def at_rest() -> Place | None:
        first = desktop.find(glyph)
        time.sleep(0.5)
        return first if first is not None and first == desktop.find(glyph) else None

    return desktop.wait_for(at_rest, 30, f"the panel shows {glyph}")


def says_shown(desktop: Desktop) -> bool:
    status = desktop.agent_status()
    return status is not None and "icon shown" in str(status.tray) and not status.no_tray


def outside(desktop: Desktop) -> Image.Image:
    """Return a picture of the screen without the panel, where menus and windows open."""
    picture = desktop.screenshot()
    height = desktop.panel_height * desktop.scale + desktop.menu_margin
    if desktop.at_bottom:
        return picture.crop((0, 0, picture.width, picture.height - height))
    return picture.crop((0, height, picture.width, picture.height))


def difference(before: Image.Image, after: Image.Image) -> tuple[int, int]:
    """Return width and height of the area that differs."""
    left, top, right, bottom = ImageChops.difference(before, after).getbbox() or (0, 0, 0, 0)
    return right - left, bottom - top


def opens(desktop: Desktop, act: Callable[[], object], what: str, least: int = 100) -> Image.Image:
    """Call `act`, and return a picture of the screen when something of this width and height has appeared."""
    before = outside(desktop)

    def appeared() -> Image.Image | None:
        after = outside(desktop)
        return after if min(difference(before, after)) >= least else None

    return desktop.act_until(act, appeared, what)


def keep(desktop: Desktop, name: str, place: Place) -> None:
    """Save a picture of the part of the panel with the icon, for people to look at."""
    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        look = f"{'dark' if desktop.dark else 'light'}-{desktop.scale}x"
        strip, width = desktop.strip(), 240 * desktop.scale
        left = max(0, min(place.x - width // 2, strip.width - width))
        strip.crop((left, 0, left + width, strip.height)).save(Path(PICTURES) / f"{desktop.name}-{look}-{name}.png")


def test_icon_and_menu_work_through_a_session(kind: type[Desktop], network: Wire) -> None:
    with kind(netns=network.near) as desktop:
        desktop.install_program()
        start_agent(desktop)
        desktop.start_panel()  # later than the agent
        desktop.wait_for(lambda: says_shown(desktop), 30, "`status` reports the icon")
        see(desktop, IDLE)
        doctor = desktop.run("doctor").stdout
        assert desktop.doctor in doctor
        assert "icon shown" in doctor

        with Traffic(network):
            place = see(desktop, DOWN)
            if desktop.has_tooltip:
                opens(desktop, lambda: desktop.move(*place.middle), "the tooltip is seen", least=15)
            desktop.move(300, 400)
            if desktop.has_menu:
                in_the_menu(desktop, place)
        if not desktop.has_menu:
            desktop.click(*place.middle, button=3)
            desktop.wait_for(lambda: desktop.windows("NetWatch"), 30, "the window opens in place of a menu")
            desktop.move(300, 400)

        place = see(desktop, IDLE)
        desktop.open_window(place)
        desktop.wait_for(lambda: desktop.windows("NetWatch"), 30, "the click opens the window")
        desktop.move(300, 400)

        desktop.kill_panel()
        desktop.wait_for(lambda: not says_shown(desktop), 30, "`status` reports the loss")
        desktop.start_panel()
        desktop.wait_for(lambda: says_shown(desktop), 60, "`status` reports the icon again")
        place = see(desktop, IDLE)

        if desktop.has_menu:
            desktop.choose(place, "Quit NetWatch")
        else:
            assert desktop.run("quit").returncode == 0
        assert desktop.wait_exit("agent", 30) == 0
        desktop.wait_for(lambda: not desktop.find(IDLE), 15, "the icon disappears")
        log = desktop.log("agent")
        assert "Traceback" not in log
        assert "ERROR" not in log


def in_the_menu(desktop: Desktop, place: Place) -> None:
    """Check that the menu has live rows, a submenu beside it, and a toggle that the icon follows."""
    seen = opens(desktop, lambda: desktop.open_menu(place), "the menu is seen")
    desktop.wait_for(lambda: min(difference(seen, outside(desktop))) > 3, 15, "its rows are live")
    opens(desktop, lambda: desktop.open_submenu("More"), "the submenu is seen beside it")
    desktop.close_menu()
    desktop.move(300, 400)
    desktop.choose(place, "Pause")
    place = see(desktop, PAUSED)
    desktop.choose(place, "Pause")
    see(desktop, DOWN)


@pytest.mark.skipif(REPEATS == 0, reason="./dev test desktops")
@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_each_icon_state_matches_only_its_own_drawing(
    kind: type[Desktop], network: Wire, scale: int, dark: bool
) -> None:
    """Each state matches its drawing nearly to the pixel, and no other drawing."""
    if scale not in kind.scales:
        pytest.skip(f"{kind.name} takes the scale from its settings daemon")
    if dark not in kind.shades:
        pytest.skip(f"{kind.name} has the colours of its toolkit")
    with kind(netns=network.near, scale=scale, dark=dark) as desktop:
        desktop.install_program()
        desktop.start_panel()
        start_agent(desktop)
        idle = see(desktop, IDLE)
        assert idle.size >= 14 * scale, "the icon has the size of its neighbours"
        keep(desktop, "idle", idle)
        with Traffic(network):
            keep(desktop, "busy", see(desktop, DOWN))
            pause(desktop)
            keep(desktop, "paused", see(desktop, PAUSED))
            assert desktop.find(IDLE) is None
            assert desktop.find(DOWN) is None


def pause(desktop: Desktop) -> None:
    with contextlib.closing(desktop.feed()) as feed:
        wait_for(lambda: feed.wait(1), 10, "the agent greets")
        feed.send(Command("pause"))


@pytest.mark.skipif(REPEATS == 0, reason="./dev test desktops")
@pytest.mark.parametrize("time", range(max(1, REPEATS)))
@pytest.mark.parametrize("how", ["killed", "late"])
def test_late_or_restarted_panel_shows_the_icon(
    kind: type[Desktop],
    network: Wire,
    how: str,
    time: int,  # noqa: ARG001  each is a run of its own
) -> None:
    with kind(netns=network.near) as desktop:
        desktop.install_program()
        if how == "late":
            start_agent(desktop)
        desktop.start_panel()
        if how == "killed":
            start_agent(desktop)
            see(desktop, IDLE)
            desktop.kill_panel()
            desktop.wait_for(lambda: not says_shown(desktop), 30, "`status` reports the loss")
            desktop.start_panel()
        see(desktop, IDLE)
        desktop.wait_for(lambda: says_shown(desktop), 30, "`status` reports the icon")
        assert desktop.stop("agent", signal.SIGTERM) == 0
