"""Colour scheme and font follow the desktop while the window is open. Real KDE and GNOME: tests/tray."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from desktop import BusClient, Session, wait_for
from jeepney import DBusAddress, HeaderFields, MessageType, new_error, new_method_return, new_signal

from netwatch_tray.feed.protocol import VERSION, Hello, encode
from netwatch_tray.settings import Settings
from netwatch_tray.window.shell.appearance import parse_font

NAME, PATH = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"
INTERFACE = "org.freedesktop.portal.Settings"
SCHEME = ("org.freedesktop.appearance", "color-scheme")
NONE, DARK, LIGHT = 0, 1, 2

_PROGRAM = """
import os, sys
from PySide6.QtCore import QSocketNotifier
from PySide6.QtWidgets import QApplication
from netwatch_tray.feed.protocol import VERSION, Hello, encode
from netwatch_tray.settings import Settings
from netwatch_tray.window.shell.appearance import Appearance
from netwatch_tray.window.widgets.theme import DARK, Theme
application = QApplication([])
theme = Theme(application)
def tell(*_):
    print("dark" if theme.tokens is DARK else "light", theme.base_px, flush=True)
theme.changed.connect(tell)
appearance = Appearance(application, theme, sys.argv[1])
notifier = QSocketNotifier(0, QSocketNotifier.Type.Read)
def read():
    words = os.read(0, 4096).decode().split()
    for word in words:
        if word == "now":
            theme.read_font()
            tell()
        else:
            appearance.choose(word)
    if not words:
        application.quit()
notifier.activated.connect(read)
application.exec()
"""
_WHOLE = """
import sys
from pathlib import Path
from netwatch_tray.window.shell.application import run
sys.exit(run(Path(sys.argv[1])))
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux desktops")


class Portal:
    """A settings portal in a thread, as small as the interface allows."""

    def __init__(self, address: str, scheme: int) -> None:
        self.scheme = scheme
        self.asked = threading.Event()
        self._client = BusClient(address)
        assert self._client.call_bus("RequestName", "su", (NAME, 4))[0] == 1
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def change(self, scheme: int) -> None:
        self.scheme = scheme
        self.say(*SCHEME, ("u", scheme))

    def say(self, namespace: str, key: str, value: tuple[str, Any]) -> None:
        emitter = DBusAddress(PATH, interface=INTERFACE)
        self._client.connection.send(new_signal(emitter, "SettingChanged", "ssv", (namespace, key, value)))

    def close(self) -> None:
        self._stopping.set()
        self._thread.join(10)
        self._client.close()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            try:
                message = self._client.connection.receive(timeout=0.05)
            except TimeoutError:
                continue
            if message.header.message_type is not MessageType.method_call:
                continue
            if message.header.fields[HeaderFields.member] == "Read" and message.body == SCHEME:
                answer = new_method_return(message, "v", (("v", ("u", self.scheme)),))
                self.asked.set()
            else:
                answer = new_error(message, "org.freedesktop.portal.Error.NotFound")
            self._client.connection.send(answer)


@pytest.fixture
def bus() -> Iterator[Session]:
    with Session(display=False) as session:
        yield session


@pytest.fixture
def open_portal(bus: Session) -> Iterator[Callable[[int], Portal]]:
    opened: list[Portal] = []

    def open_one(scheme: int) -> Portal:
        opened.append(Portal(bus.environment["DBUS_SESSION_BUS_ADDRESS"], scheme))
        return opened[-1]

    yield open_one
    for portal in opened:
        portal.close()


class Window:
    """A process with a theme only. It prints scheme and font each time they change."""

    def __init__(self, bus: Session, choice: str = "system", **environment: str) -> None:
        self.told: list[str] = []
        inherited = {**bus.environment, "QT_QPA_PLATFORM": "offscreen", **environment}
        inherited.pop("XDG_CURRENT_DESKTOP", None)  # Qt then knows no scheme at all
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, choice], env=inherited, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def write(self, word: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def is_now(self, scheme: str) -> None:
        wait_for(lambda: self.told and self.told[-1].startswith(scheme), 60, f"it is {scheme}; it was {self.told}")

    def answer(self) -> str:
        """Make it print scheme and font once more, and return that line."""
        count = len(self.told)
        self.write("now")
        wait_for(lambda: len(self.told) > count, 60, "it answers")
        return self.told[-1]

    def close(self) -> str:
        """End the process. Return what it has written to stderr."""
        assert self.process.stdin
        assert self.process.stderr
        self.process.stdin.close()
        wrong = self.process.stderr.read()
        self.stop()
        assert self.process.returncode == 0, wrong
        return "\n".join(line for line in wrong.splitlines() if "plugin does not support" not in line)

    def stop(self) -> None:
        try:
            self.process.wait(0 if self.process.stdin and not self.process.stdin.closed else 60)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._reader.join(60)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                stream.close()
        self.process.wait()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.told.append(line.strip())


Start = Callable[..., Window]


@pytest.fixture
def start(bus: Session) -> Iterator[Start]:
    started: list[Window] = []

    def start_one(choice: str = "system", **environment: str) -> Window:
        started.append(Window(bus, choice, **environment))
        return started[-1]

    yield start_one
    for window in started:
        window.stop()


def test_the_window_follows_the_portals_scheme(start: Start, open_portal: Callable[[int], Portal]) -> None:
    portal = open_portal(DARK)
    window = start()
    window.is_now("dark")
    for scheme, name in ((LIGHT, "light"), (DARK, "dark"), (NONE, "light"), (DARK, "dark"), (LIGHT, "light")):
        portal.change(scheme)
        window.is_now(name)
    assert window.close() == ""


def test_the_setting_overrides_the_desktop(start: Start, open_portal: Callable[[int], Portal]) -> None:
    portal = open_portal(DARK)
    window = start("light")
    assert portal.asked.wait(60)
    assert window.answer().startswith("light")
    window.write("system")
    window.is_now("dark")
    window.write("light")
    window.is_now("light")
    portal.change(LIGHT)
    portal.change(DARK)
    window.write("dark")
    window.is_now("dark")
    window.write("system")
    # The last change of the desktop may arrive after the setting.
    wait_for(lambda: window.answer().startswith("dark"), 60, "the desktop's scheme is back")
    portal.change(LIGHT)
    window.is_now("light")
    assert window.close() == ""


def test_a_portal_that_restarts_is_followed_again(start: Start, open_portal: Callable[[int], Portal]) -> None:
    portal = open_portal(DARK)
    window = start()
    window.is_now("dark")
    portal.close()
    open_portal(LIGHT).change(LIGHT)
    window.is_now("light")
    assert window.close() == ""


def test_without_portal_or_bus_the_window_is_light_unless_set(start: Start) -> None:
    for environment in ({}, {"DBUS_SESSION_BUS_ADDRESS": "disabled:"}, {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/no"}):
        window = start(**environment)
        assert window.answer().startswith("light")
        window.write("dark")
        window.is_now("dark")
        assert "Traceback" not in window.close()


def test_garbage_from_the_bus_is_ignored(start: Start, open_portal: Callable[[int], Portal]) -> None:
    portal = open_portal(DARK)
    window = start()
    window.is_now("dark")
    for value in (("s", "light"), ("u", 7), ("as", ["x"]), ("v", ("v", ("s", ""))), ("d", 2.5), ("b", False)):
        portal.say(*SCHEME, value)
        portal.say("org.gnome.desktop.interface", "font-name", value)
    portal.change(DARK)
    window.is_now("dark")
    portal.change(LIGHT)
    window.is_now("light")
    assert window.close() == ""


def test_the_window_follows_the_desktops_font(start: Start, open_portal: Callable[[int], Portal]) -> None:
    portal = open_portal(LIGHT)
    window = start()
    assert portal.asked.wait(60)
    before = window.answer()
    portal.say("org.gnome.desktop.interface", "font-name", ("s", "DejaVu Sans 30"))
    wait_for(lambda: window.answer() != before, 60, "the font is another")
    assert window.told[-1] == "light 40", "30 points are 40 pixels at 96 dpi"
    assert window.close() == ""


@pytest.mark.parametrize(
    ("description", "family", "points"),
    [
        ("Cantarell 11", "Cantarell", 11.0),
        ("Noto Sans, 10.5", "Noto Sans", 10.5),
        (" DejaVu Sans  12 ", "DejaVu Sans", 12.0),
    ],
)
def test_a_font_description_is_parsed(description: str, family: str, points: float) -> None:
    font = parse_font(description)
    assert font
    assert (font.family(), font.pointSizeF()) == (family, points)


@pytest.mark.parametrize(
    "description", ["", "11", "Cantarell", "Cantarell 0", "Cantarell nan", "Cantarell inf", "x 999"]
)
def test_malformed_font_description_returns_none(description: str) -> None:
    assert parse_font(description) is None


def test_another_font_replaces_the_window_without_ending_the_process(
    bus: Session, open_portal: Callable[[int], Portal]
) -> None:
    portal = open_portal(LIGHT)
    place = bus.directory / "window-test"
    place.mkdir()
    with socket.socket(socket.AF_UNIX) as feed:
        feed.bind(str(place / "feed"))
        feed.listen()
        feed.settimeout(60)
        argv = [sys.executable, "-c", _WHOLE, str(place / "feed")]
        pid = bus.spawn("window", argv, {"QT_QPA_PLATFORM": "offscreen"})
        first, _ = feed.accept()
        with first:
            assert portal.asked.wait(60)
            portal.say("org.gnome.desktop.interface", "font-name", ("s", "DejaVu Sans 20"))
            second, _ = feed.accept()
        with second:
            second.settimeout(60)
            second.sendall(
                encode(Hello(protocol=VERSION, version="1", pid=1, interval_s=1, settings=Settings(), recent=()))
            )
            assert b"subscribe" in second.recv(1 << 16)
            assert bus.is_running("window")
            os.kill(pid, signal.SIGTERM)
            assert bus.wait_exit("window", 60) == 0
    assert "Traceback" not in bus.log("window")
