"""Notifications, sent to a server on a real bus."""

from __future__ import annotations

import queue
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import needs
import pytest
from desktop import PATIENCE, BusClient, Session, wait_for
from jeepney import DBusAddress, HeaderFields, MessageType, new_method_return, new_signal
from PIL import ImageChops
from surroundings import Loop, Watcher, no_actions

from netwatch_tray import clock
from netwatch_tray.settings import Settings
from netwatch_tray.tray import Notification, NotificationAction, Tray, open_tray

NAME, PATH = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"


class Server:
    """A notification server, as small as possible."""

    def __init__(self, address: str) -> None:
        self.told: queue.Queue[tuple[Any, ...]] = queue.Queue()
        self._client = BusClient(address)
        assert self._client.call_bus("RequestName", "su", (NAME, 4))[0] == 1
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def say(self, member: str, signature: str, *body: Any) -> None:
        message = new_signal(DBusAddress(PATH, interface=NAME), member, signature, body)
        self._client.connection.send(message)

    def close(self) -> None:
        self._stopping.set()
        self._thread.join(10)
        self._client.close()

    def _serve(self) -> None:
        count = 40
        while not self._stopping.is_set():
            try:
                message = self._client.connection.receive(timeout=0.05)
            except TimeoutError:
                continue
            fields = message.header.fields
            if message.header.message_type is MessageType.method_call and fields[HeaderFields.member] == "Notify":
                count = message.body[1] or count + 1
                self._client.connection.send(new_method_return(message, "u", (count,)))
                self.told.put(message.body)


@pytest.fixture
def server(bus: Session) -> Iterator[Server]:
    server = Server(bus.environment["DBUS_SESSION_BUS_ADDRESS"])
    yield server
    server.close()


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def tray(bus: Session, loop: Loop, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Tray]:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.environment["DBUS_SESSION_BUS_ADDRESS"])
    actions = no_actions(open_window=partial(asked.append, "open"))
    for variable in ("XDG_DATA_HOME", "XDG_DATA_DIRS"):
        monkeypatch.setenv(variable, str(bus.directory / "nothing"))
    tray = loop.do(lambda: open_tray(loop.scheduler, actions, Settings()))
    yield tray
    loop.do(tray.close)


def test_notification_is_shown_once_an_hour_and_replaced(
    server: Server, tray: Tray, loop: Loop, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def notify(key: str, text: str) -> None:
        loop.do(lambda: tray.notify(Notification(key, "Heading", text)))

    notify("cap", "80 % & <more>")
    program, replaced, icon, heading, text, actions, hints, timeout = server.told.get(timeout=PATIENCE)
    assert (program, replaced, heading) == ("NetWatch", 0, "Heading")
    # No theme has the icon in a checkout: servers get a file that there is, not a name that they cannot resolve.
    assert Path(icon.removeprefix("file://")).is_file()
    assert text == "80 % &amp; &lt;more&gt;"
    assert actions == ["default", "Open NetWatch"]
    assert hints["desktop-entry"] == ("s", "netwatch-tray")
    assert timeout == 0

    notify("cap", "again")  # within the hour
    notify("other", "of something else")
    assert server.told.get(timeout=PATIENCE)[4] == "of something else"

    later = clock.boottime() + 3601
    monkeypatch.setattr(clock, "boottime", lambda: later)
    notify("cap", "an hour later")
    told = server.told.get(timeout=PATIENCE)
    assert (told[1], told[4]) == (41, "an hour later"), "in place of the first"

    server.say("ActionInvoked", "us", 7, "default")  # another program's
    server.say("ActionInvoked", "us", 41, "default")
    wait_for(lambda: asked == ["open"], 5, "a click on it opens the window")
    server.say("NotificationClosed", "uu", 41, 2)
    server.say("ActionInvoked", "us", 41, "default")
    server.say("ActionInvoked", "us", 42, "default")
    wait_for(lambda: asked == ["open", "open"], 5, "only what is shown can be clicked")
    assert server.told.empty()


def test_each_notification_button_runs_its_own_action(server: Server, tray: Tray, loop: Loop, asked: list[str]) -> None:
    actions = tuple(NotificationAction(label, partial(asked.append, label)) for label in ("Show", "Mute"))
    loop.do(lambda: tray.notify(Notification("event 7", "Port scan", "text", actions)))
    told = server.told.get(timeout=PATIENCE)
    assert told[5] == ["default", "Show", "0", "Show", "1", "Mute"]
    for action in ("1", "2", "-1", "x", "default", "0"):
        server.say("ActionInvoked", "us", 41, action)
    wait_for(lambda: asked == ["Mute", "Show", "Show"], 5, "the actions are run, and no others")


def test_missing_notification_server_is_ignored(watcher: Watcher, tray: Tray, loop: Loop) -> None:
    assert watcher.registered.get(timeout=PATIENCE)
    loop.do(lambda: tray.notify(Notification("key", "Heading", "text")))
    wait_for(lambda: str(tray.state) == "icon shown", 5, "the icon is fine")


def test_click_on_notification_in_dunst_opens_the_window(
    loop: Loop, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """dunst runs the default action upon a click with the middle button."""
    needs.programs("dunst")
    with Session() as desktop:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", desktop.environment["DBUS_SESSION_BUS_ADDRESS"])
        desktop.spawn("dunst", ["dunst"])
        desktop.wait_for(lambda: desktop.client.owner(NAME), 10, "dunst is on the bus")
        before = desktop.screenshot()
        actions = no_actions(open_window=partial(asked.append, "open"))
        tray = loop.do(lambda: open_tray(loop.scheduler, actions, Settings()))
        try:
            loop.do(lambda: tray.notify(Notification("upload", "Nothing is uploaded", "The server refuses <the key>")))

            def note() -> tuple[int, int, int, int] | None:
                box = ImageChops.difference(before, desktop.screenshot()).getbbox()
                return box if box and box[2] - box[0] > 100 else None

            left, top, right, bottom = desktop.wait_for(note, 10, "the notification is seen")
            desktop.click((left + right) // 2, (top + bottom) // 2, button=2)
            wait_for(lambda: asked == ["open"], 10, "the click is heard")
            desktop.wait_for(lambda: note() is None, 10, "the notification is closed")
        finally:
            loop.do(tray.close)


def test_dunst_offers_the_actions_of_an_event(loop: Loop, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    needs.programs("dunst", "dunstctl")
    with Session() as desktop:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", desktop.environment["DBUS_SESSION_BUS_ADDRESS"])
        desktop.spawn("dunst", ["dunst"])
        desktop.wait_for(lambda: desktop.client.owner(NAME), 10, "dunst is on the bus")
        tray = loop.do(lambda: open_tray(loop.scheduler, no_actions(), Settings()))
        actions = tuple(NotificationAction(label, partial(asked.append, label)) for label in ("Show", "Mute"))
        try:
            loop.do(lambda: tray.notify(Notification("event 7", "Port scan", "A host tried 214 ports", actions)))

            def is_shown() -> bool:
                found = subprocess.run(
                    ["dunstctl", "count", "displayed"],
                    env=desktop.environment,
                    capture_output=True,
                    text=True,
                    check=True,
                )
                return found.stdout.strip() == "1"

            desktop.wait_for(is_shown, 10, "the notification is shown")
            subprocess.run(["dunstctl", "action", "0"], env=desktop.environment, check=True)
            wait_for(lambda: asked == ["Show"], 10, "the first action was run")
        finally:
            loop.do(tray.close)
