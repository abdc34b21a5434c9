"""The tray's picture: a real xfce4-panel on a private screen, our icon in it, and its menu open."""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import date
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(_ROOT), str(_ROOT / "tests")]

# ruff: noqa: E402  found by the line above
from desktop import Session
from synthetic import last_tick

from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.settings import Settings
from netwatch_tray.tray import Actions, Amounts, open_tray

_MARGIN, _HEIGHT = 8, 372


def draw_tray(file: Path) -> None:
    """Take a picture of the corner of the screen where the icon is."""
    with Session() as desktop:
        desktop.start_host("xfce")
        desktop.spawn("agent", [sys.executable, __file__], {"PYTHONPATH": os.pathsep.join(sys.path)})
        desktop.wait_for(desktop.items, 10, "the icon registers")
        desktop.wait_for(lambda: "wlan0" in desktop.tooltip(), 10, "the tick is shown")
        place = desktop.wait_for(desktop.find_icon, 10, "the icon is seen")
        desktop.click(*place, button=3)
        desktop.wait_for(lambda: len(set(desktop.screenshot().crop((0, 40, 200, 200)).tobytes())) > 20, 10, "the menu")
        time.sleep(0.5)  # the menu fades in
        screen = desktop.screenshot()
        menu = screen.crop((0, 40, screen.width, _HEIGHT)).getbbox()  # the screen is black where nothing is
        assert menu is not None  # noqa: S101  it was awaited
        screen.crop((0, 0, menu[2] + _MARGIN, _HEIGHT)).save(file, optimize=True)
        print(f"{file} {file.stat().st_size // 1000} kB")
        desktop.key("Escape")


def main() -> None:
    scheduler = Scheduler()
    signal.signal(signal.SIGTERM, lambda *_: scheduler.stop())
    actions = Actions(
        open_window=lambda: None,
        open_settings=lambda: None,
        open_mini=lambda: None,
        quit=scheduler.stop,
        pause=lambda _on: None,
        choose=lambda _settings: None,
        show_doctor=lambda: None,
        upload_state=lambda: None,
        apps=lambda: (),
        amounts=lambda: Amounts(2_100_000_000, 43_000_000_000, 500_000_000_000, date(2026, 11, 1)),
        last_event=lambda: None,
        show_events=lambda: None,
    )
    tray = open_tray(scheduler, actions, Settings())
    tray.show(last_tick())
    tray.run(lambda: None)
    tray.close()


if __name__ == "__main__":
    main()
