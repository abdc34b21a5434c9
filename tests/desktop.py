"""A desktop of one's own for a test: X server, session bus, window manager and a real panel, all private.

    with Session() as desktop:
        desktop.start_host("xfce")
        desktop.spawn("agent", [sys.executable, "-m", "netwatch_tray"])
        desktop.wait_for(lambda: desktop.items(), 10, "the icon registers")
        place = desktop.wait_for(lambda: desktop.find_colour(INK), 10, "the icon is seen")
        desktop.click(*place)

Everything lies in one temporary directory, nothing of the person's own session is read or touched, and `close` ends
each process that was started, by its pid, with whatever those have started in turn.

Debian: xvfb dbus openbox xclip xdotool xfce4-panel lxqt-panel trayer tint2.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

import needs
import psutil
from jeepney import (
    DBusAddress,
    DBusErrorResponse,
    MatchRule,
    Properties,
    new_method_call,
)
from jeepney.io.blocking import DBusConnection, open_dbus_connection
from jeepney.wrappers import unwrap_msg
from networks import inside
from PIL import Image, ImageChops, ImageGrab
from Xlib.display import Display as XDisplay
from Xlib.error import ConnectionClosedError, DisplayConnectionError
from Xlib.X import AlreadyGrabbed, AnyPropertyType, CurrentTime, GrabModeAsync
from Xlib.Xatom import CARDINAL

from netwatch_tray.errors import AgentUnreachableError
from netwatch_tray.feed.client import FeedClient
from netwatch_tray.feed.protocol import Command, Status

T = TypeVar("T")

ITEM = "org.kde.StatusNotifierItem"
MENU = "com.canonical.dbusmenu"
WATCHER = "org.kde.StatusNotifierWatcher"
WATCHER_PATH = "/StatusNotifierWatcher"

PATIENCE = 60.0
"""Seconds that a test waits for a program before it fails: an idle machine needs a hundredth, a loaded one a tenth."""

_PANEL = {"height": 32, "icon": 22}
_INK, _XFCE_INK = (0x7A, 0x82, 0x8D), (0x2E, 0x34, 0x36)
"""Of our icon: its own colour, and that of the text of Xfce's panel, which it gives to all symbolic icons."""

_XFCE = """<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="length" type="uint" value="100"/>
      <property name="size" type="uint" value="{height}"/>
      <property name="icon-size" type="uint" value="{icon}"/>
      <property name="plugin-ids" type="array"><value type="int" value="1"/></property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="systray">
      <property name="icon-size" type="int" value="{icon}"/>
      <property name="square-icons" type="bool" value="true"/>
    </property>
  </property>
</channel>
"""

_LXQT = """[General]
__userfile__=true
iconTheme=hicolor
panels=top

[top]
alignment=-1
animation-duration=0
desktop=0
iconSize={icon}
lineCount=1
panelSize={height}
plugins=tray
position=Top
width=100
width-percent=true

[tray]
alignment=Left
type=statusnotifier
"""

_TINT2 = """panel_items = S
panel_size = 100% {height}
panel_position = top left horizontal
background_color = #202020 100
panel_background_id = 1
systray_padding = 4 4 4
systray_icon_size = {icon}
wm_menu = 0
"""

HOSTS: Mapping[str, Sequence[str]] = {
    "xfce": ("xfce4-panel", "--disable-wm-check"),
    "lxqt": ("lxqt-panel",),
}
XEMBED_HOSTS: Mapping[str, Sequence[str]] = {
    "trayer": tuple("trayer --edge top --align left --widthtype pixel --width 300 --height 32".split()),
    "tint2": ("tint2",),
}


class Row(NamedTuple):
    """A row of a menu, as a panel reads it."""

    id: int
    properties: dict[str, Any]
    children: tuple[Row, ...]

    @property
    def label(self) -> str:
        return str(self.properties.get("label", "")).replace("__", "_")


def wait_for(
    predicate: Callable[[], T | None], timeout: float, what: str, diagnose: Callable[[], str] = lambda: ""
) -> T:
    """Return the first true result of `predicate`.

    `timeout` is what an idle machine may take, in seconds. No test fails on a time, so a loaded machine gets PATIENCE
    more; then the test fails with `what` and the text of `diagnose`.
    """
    deadline = time.monotonic() + timeout + PATIENCE
    while not (result := predicate()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout + PATIENCE:g} s: {what}\n{diagnose()}")
        time.sleep(0.02)
    return result


class BusClient:
    """A blocking client of the bus, in the role of a panel or a test."""

    def __init__(self, address: str) -> None:
        self.connection: DBusConnection = open_dbus_connection(address)

    def call(
        self, destination: str, path: str, interface: str, member: str, signature: str = "", body: tuple[Any, ...] = ()
    ) -> Any:
        """Return the body of the response. Raise DBusErrorResponse or TimeoutError."""
        address = DBusAddress(path, destination, interface)
        message = new_method_call(address, member, signature or None, body)
        return unwrap_msg(self.connection.send_and_get_reply(message, timeout=PATIENCE))

    def call_bus(self, member: str, signature: str = "", body: tuple[Any, ...] = ()) -> Any:
        return self.call(
            "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", member, signature, body
        )

    def property(self, destination: str, path: str, interface: str, name: str) -> Any:
        """Return the value of a property."""
        message = Properties(DBusAddress(path, destination, interface)).get(name)
        return unwrap_msg(self.connection.send_and_get_reply(message, timeout=PATIENCE))[0][1]

    def properties(self, destination: str, path: str, interface: str) -> dict[str, Any]:
        message = Properties(DBusAddress(path, destination, interface)).get_all()
        values = unwrap_msg(self.connection.send_and_get_reply(message, timeout=PATIENCE))[0]
        return {name: value for name, (_, value) in values.items()}

    def owner(self, name: str) -> str | None:
        """Return the unique name that owns `name`, or None."""
        try:
            return str(self.call_bus("GetNameOwner", "s", (name,))[0])
        except DBusErrorResponse:
            return None

    @contextlib.contextmanager
    def signals(self, sender: str, path: str, interface: str) -> Iterator[Callable[[], list[tuple[str, Any]]]]:
        """Yield a function that returns name and body of the signals that `sender` has sent so far.

        The bus keeps the order of the messages of one sender only, so a response of the sender shows that its signals
        have arrived.
        """
        rule = MatchRule(type="signal", sender=sender, interface=interface, path=path)
        self.call_bus("AddMatch", "s", (rule.serialise(),))
        seen: list[tuple[str, Any]] = []

        def collect() -> list[tuple[str, Any]]:
            self.call(sender, path, "org.freedesktop.DBus.Peer", "Ping")
            while queue:
                message = queue.popleft()
                seen.append((message.header.fields[3], message.body))
            return seen

        with self.connection.filter(rule, bufsize=10_000) as queue:
            yield collect
        self.call_bus("RemoveMatch", "s", (rule.serialise(),))

    def close(self) -> None:
        self.connection.close()


class Session:
    """A private session; a context manager. `netns`: the network namespace that `spawn` starts programs in."""

    window_manager: Sequence[str] = ("openbox",)
    screen_programs: Sequence[str] = ("Xvfb", "openbox", "xclip", "xdotool")
    """What makes and drives its screen."""

    def __init__(self, *, display: bool = True, netns: str | None = None, size: str = "1280x720") -> None:
        needs.programs("dbus-daemon", *(self.screen_programs if display else ()))
        self.directory = Path(tempfile.mkdtemp(prefix="desktop-"))
        self._netns = netns
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._client: BusClient | None = None
        self._kept_number: Path | None = None
        self._kept_name: socket.socket | None = None
        self.environment = self._make_environment()
        try:
            self.start_bus()
            if display:
                self._start_screen(size)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Processes

    def kill_display(self) -> None:
        """Kill the X server. Its number stays reserved until `close`, so that programs of this session do not connect
        to another server."""
        number = self.environment["DISPLAY"].removeprefix(":")
        lock = Path(f"/tmp/.X{number}-lock")  # noqa: S108  the server's own
        lock.unlink(missing_ok=True)
        lock.write_text(f"{os.getpid():10}\n")  # as a server that runs
        self._kept_number = lock
        self.stop("display", signal.SIGKILL)
        self._kept_name = socket.socket(socket.AF_UNIX)  # servers with another /tmp do not see the lock, but this
        self._kept_name.bind(f"\0/tmp/.X11-unix/X{number}")

    def spawn(self, name: str, argv: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
        """Start a program in the session; its output goes to `log(name)`. Return its PID."""
        return self._start(name, [*self.prefix, *argv], environment)

    def start_agent(self, name: str = "agent") -> None:
        """Start an agent without an icon, and wait until it responds."""
        self.spawn(name, [sys.executable, "-m", "netwatch_tray", "agent", "--headless"])
        self.wait_for(self.agent_status, PATIENCE, "the agent answers")

    @property
    def prefix(self) -> list[str]:
        """Return the words that make a command run in the session's network namespace."""
        return inside(self._netns) if self._netns else []

    def start_host(self, kind: str) -> int:
        """Start a panel and wait until it accepts icons. Return its PID."""
        is_up = self.has_xembed_host if kind in XEMBED_HOSTS else self.has_host
        argv = {**HOSTS, **XEMBED_HOSTS}[kind]
        needs.panel(argv[0])
        pid = self._start(kind, argv)
        self.wait_for(is_up, PATIENCE, f"{kind} takes icons")
        return pid

    def start_bus(self) -> None:
        """Start the session bus; after `stop("bus")` start it again at the same address."""
        socket = self.directory / "run" / "bus"
        socket.unlink(missing_ok=True)
        address = f"unix:path={socket}"  # not abstract: those are bound to a network namespace
        reader, writer = os.pipe()
        argv = [
            "dbus-daemon",
            "--session",
            "--nofork",
            "--nopidfile",
            f"--address={address}",
            f"--print-address={writer}",
        ]
        try:
            self._start("bus", argv, pass_fds=(writer,))
        finally:
            os.close(writer)
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = _first_line(reader, "dbus-daemon")

    def stop(self, name: str, number: signal.Signals = signal.SIGTERM) -> int:
        """Terminate a program that was started here, and kill it if it does not exit. Return its exit code, the
        negative number of a signal."""
        if name == "bus" and self._client is not None:
            self._client.close()
            self._client = None
        process = self._processes.pop(name)
        if process.poll() is None:
            process.send_signal(number)
        try:
            return process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def wait_exit(self, name: str, timeout: float = PATIENCE) -> int:
        """Wait until a program ends by itself. Return its exit code."""
        self.wait_for(lambda: self._processes[name].poll() is not None, timeout, f"{name} ends")
        return self._processes.pop(name).returncode

    def pid(self, name: str) -> int:
        """Return the PID of a program that was started here; the bus is called `bus`."""
        return self._processes[name].pid

    def is_running(self, name: str) -> bool:
        return name in self._processes and self._processes[name].poll() is None

    def log(self, name: str) -> str:
        """Return what a program has printed."""
        file = self.directory / f"{name}.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def close(self) -> None:
        """End all processes of the session."""
        family = []
        for process in self._processes.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                family += psutil.Process(process.pid).children(recursive=True)
        for name in reversed(list(self._processes)):
            self.stop(name)
        _, alive = psutil.wait_procs(family, timeout=1)  # what the bus has started ends with it
        for orphan in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                orphan.kill()
        if self._client is not None:
            self._client.close()
        if self._kept_number is not None:
            self._kept_number.unlink(missing_ok=True)
        if self._kept_name is not None:
            self._kept_name.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def wait_for(self, predicate: Callable[[], T | None], timeout: float, what: str) -> T:
        """Return the first true result of `predicate`; otherwise fail with `what` and the logs of the session."""
        next_nudge = time.monotonic() + 1

        def look() -> T | None:
            nonlocal next_nudge
            if not (result := predicate()) and time.monotonic() >= next_nudge:
                next_nudge += 1
                self._nudge_window_manager()
            return result

        return wait_for(look, timeout, what, self._diagnose)

    # The tray, as panels see it

    @property
    def client(self) -> BusClient:
        if self._client is None:
            self._client = BusClient(self.environment["DBUS_SESSION_BUS_ADDRESS"])
        return self._client

    def has_host(self) -> bool:
        try:
            return bool(self.client.property(WATCHER, WATCHER_PATH, WATCHER, "IsStatusNotifierHostRegistered"))
        except DBusErrorResponse:
            return False

    def has_xembed_host(self) -> bool:
        display = XDisplay(self.environment["DISPLAY"])
        try:
            owner = display.get_selection_owner(display.intern_atom("_NET_SYSTEM_TRAY_S0"))
            return bool(getattr(owner, "id", owner))
        finally:
            display.close()

    def items(self) -> list[tuple[str, str]]:
        """Return bus name and path of the icons that are registered with the watcher."""
        try:
            registered = self.client.property(WATCHER, WATCHER_PATH, WATCHER, "RegisteredStatusNotifierItems")
        except DBusErrorResponse:
            return []
        split = (item.partition("/") for item in registered)
        # GNOME's extension lists `:1.7@/StatusNotifierItem`.
        return [(name.rstrip("@"), f"/{path or 'StatusNotifierItem'}") for name, _, path in split]

    def item_property(self, name: str) -> Any:
        """Return a property of the only icon."""
        service, path = self._item()
        return self.client.property(service, path, ITEM, name)

    def tooltip(self) -> str:
        """Return heading and text of the tooltip of the only icon."""
        _, _, heading, text = self.item_property("ToolTip")
        return f"{heading}\n{text}".strip()

    def menu(self) -> tuple[Row, ...]:
        """Return the rows of the menu of the only icon, opened as a panel opens it."""
        service, path = self._item()[0], self.item_property("Menu")
        self.client.call(service, path, MENU, "AboutToShow", "i", (0,))
        return _row(self.client.call(service, path, MENU, "GetLayout", "iias", (0, -1, []))[1]).children

    def pick(self, *labels: str) -> None:
        """Click the row with the last label, in the submenus with the labels before it."""
        row = Row(0, {}, self.menu())
        for label in labels:
            row = next(each for each in row.children if each.label == label)
        service, path = self._item()[0], self.item_property("Menu")
        self.client.call(service, path, MENU, "Event", "isvu", (row.id, "clicked", ("s", ""), 0))

    # The screen

    def screenshot(self, path: Path | None = None) -> Image.Image:
        """Return a picture of the whole screen; also write it to `path`."""
        picture = ImageGrab.grab(xdisplay=self.environment["DISPLAY"]).convert("RGB")
        if path is not None:
            picture.save(path)
        return picture

    def find_icon(self) -> tuple[int, int] | None:
        """Return the centre of the program's icon in the panel at the top of the screen."""
        panel = self.screenshot().crop((0, 0, 400, _PANEL["height"]))
        return _find(panel, _INK, 8) or (_find(panel, _XFCE_INK, 8) if self.is_running("xfce") else None)

    def find_colour(self, colour: tuple[int, int, int], least: int = 8) -> tuple[int, int] | None:
        """Return the centre of the pixels of exactly this colour, or None if there are fewer than `least`."""
        return _find(self.screenshot(), colour, least)

    def move(self, x: int, y: int) -> None:
        """Move the pointer."""
        self._run(["xdotool", "mousemove", str(x), str(y)])

    def click(self, x: int, y: int, button: int = 1) -> None:
        """Click a button: 1 left, 2 middle, 3 right, 4 wheel up, 5 wheel down."""
        self._run(["xdotool", "mousemove", str(x), str(y), "click", str(button)])

    def key(self, *names: str) -> None:
        """Press keys, by their X names."""
        self._run(["xdotool", "key", *names])

    def type(self, text: str) -> None:
        """Type a text into the focused window."""
        self._run(["xdotool", "type", text])

    def minimize(self, name: str) -> None:
        """Minimize the windows whose title matches this regular expression, and wait until none is visible."""
        for window in self.windows(name):
            self._run(["xdotool", "windowminimize", str(window)])
        self.wait_for(lambda: not self.windows(name), 5, f"{name} is minimized")

    def is_active(self, name: str) -> bool:
        """Return whether a window whose title matches this regular expression has the keyboard focus."""
        active = self._run(["xdotool", "getactivewindow"]).strip()
        return active.isdigit() and int(active) in self.windows(name)

    def is_keyboard_grabbed(self) -> bool:
        """Return whether a menu has grabbed the keyboard: X grants a grab to one client at a time."""
        display = XDisplay(self.environment["DISPLAY"])
        try:
            answer = display.screen().root.grab_keyboard(False, GrabModeAsync, GrabModeAsync, CurrentTime)
            return bool(answer == AlreadyGrabbed)
        finally:
            display.close()  # which ends the grab, if it was given

    def clipboard(self) -> str:
        """Return the text of the clipboard."""
        return self._run(["xclip", "-out", "-selection", "clipboard"])

    def windows(self, name: str) -> list[int]:
        """Return the visible windows whose title matches this regular expression."""
        return [int(line) for line in self._run(["xdotool", "search", "--onlyvisible", "--name", name]).split()]

    def _run(self, argv: Sequence[str]) -> str:
        return self._run_bytes(argv).decode()

    def _run_bytes(self, argv: Sequence[str]) -> bytes:
        done = subprocess.run(argv, env=self.environment, capture_output=True, timeout=PATIENCE, check=False)
        return done.stdout

    def agent_status(self) -> Status | None:
        """Return the status of the session's agent; None if there is none."""
        with contextlib.suppress(AgentUnreachableError), contextlib.closing(self.feed()) as feed:
            feed.send(Command("status"))
            for _ in range(100):
                for message in feed.wait(0.2):
                    if isinstance(message, Status):
                        return message
        return None

    def feed(self) -> FeedClient:
        """Return a connection to the agent. Raise AgentUnreachableError."""
        return FeedClient(Path(self.environment["XDG_RUNTIME_DIR"]) / "netwatch-tray" / "feed")

    def _item(self) -> tuple[str, str]:
        items = self.items()
        assert len(items) == 1, f"not one icon, but {items}"
        return items[0]

    def _start(
        self,
        name: str,
        argv: Sequence[str],
        environment: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> int:
        assert not self.is_running(name), f"{name} is running already"
        with (self.directory / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                argv,
                env={**self.environment, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=pass_fds,
            )
        self._processes[name] = process
        return process.pid

    def _start_display(self, size: str) -> None:
        reader, writer = os.pipe()
        # A server resets after its last client, at first `_has_window_manager`, and drops who connects meanwhile.
        argv = ["Xvfb", "-displayfd", str(writer), "-noreset", "-screen", "0", f"{size}x24", "-nolisten", "tcp"]
        try:
            self._start("display", argv, pass_fds=(writer,))
        finally:
            os.close(writer)
        self.environment["DISPLAY"] = ":" + _first_line(reader, "Xvfb")

    def _start_screen(self, size: str) -> None:
        """Start X server and window manager, and wait for both, because a window that is mapped earlier may stay
        unmanaged.

        If the server cannot be reached, start another one: a server that exits removes the socket of its number, which
        may already be that of the next server.
        """
        for _ in range(3):
            self._start_display(size)
            self._start("window-manager", self.window_manager)
            self.wait_for(
                lambda: self._has_window_manager() or not self.is_running("window-manager"),
                PATIENCE,
                f"{self.window_manager[0]} manages windows",
            )
            if self.is_running("window-manager"):
                return
            self.stop("window-manager")
            self.stop("display")
        raise AssertionError(f"no display\n{self.log('display')}\n{self.log('window-manager')}")

    def _nudge_window_manager(self) -> None:
        """Give Openbox an event: it may have put the last one, such as a window to be shown, into a queue that it
        reads when the next one comes. On a desktop there is always a next one, on this screen there may be none."""
        if not self.is_running("window-manager"):
            return
        with contextlib.suppress(DisplayConnectionError, ConnectionClosedError, OSError):  # a test may stop the server
            display = XDisplay(self.environment["DISPLAY"])
            display.screen().root.change_property(display.intern_atom("_TEST_WAITS"), CARDINAL, 32, [0])
            display.close()

    def _has_window_manager(self) -> bool:
        try:
            display = XDisplay(self.environment["DISPLAY"])
        except DisplayConnectionError:
            return False
        try:
            check = display.intern_atom("_NET_SUPPORTING_WM_CHECK")
            return display.screen().root.get_full_property(check, AnyPropertyType) is not None
        finally:
            display.close()

    def _make_environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH", "TZ") if name in os.environ}
        places = {name: self.directory / name.lower() for name in ("HOME", "CONFIG", "DATA", "CACHE", "STATE")}
        run = self.directory / "run"
        for place in (*places.values(), run):
            place.mkdir(mode=0o700)
        config = places["CONFIG"]
        xfce = config / "xfce4" / "xfconf" / "xfce-perchannel-xml" / "xfce4-panel.xml"
        lxqt = config / "lxqt" / "panel.conf"
        tint2 = config / "tint2" / "tint2rc"
        for file, text in ((xfce, _XFCE), (lxqt, _LXQT), (tint2, _TINT2)):
            file.parent.mkdir(parents=True)
            file.write_text(text.format(**_PANEL))
        return {
            **kept,
            "HOME": str(places["HOME"]),
            "XDG_CONFIG_HOME": str(places["CONFIG"]),
            "XDG_DATA_HOME": str(places["DATA"]),
            "XDG_CACHE_HOME": str(places["CACHE"]),
            "XDG_STATE_HOME": str(places["STATE"]),
            "XDG_RUNTIME_DIR": str(run),
            "LC_ALL": "C.UTF-8",
            "NO_AT_BRIDGE": "1",  # no accessibility bus: it would be started for each program
            "GTK_A11Y": "none",
        }

    def _diagnose(self) -> str:
        logs = [f"--- {name} ({process.poll()})\n{self.log(name)[-2000:]}" for name, process in self._processes.items()]
        return "\n".join([*logs, f"--- screen\n{self._last_screen()}"])

    def _last_screen(self) -> str:
        """Save a picture of the screen. Return its path, or why there is none."""
        if "display" not in self._processes:
            return "none"
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):  # it is part of a session that went wrong
            file = Path(tempfile.gettempdir()) / f"{self.directory.name}.png"
            self.screenshot(file)
            return str(file)
        return "cannot be seen"


def _find(picture: Image.Image, colour: tuple[int, int, int], least: int) -> tuple[int, int] | None:
    bands = picture.split()
    matches = [
        band.point([255 * (value == wanted) for value in range(256)])
        for band, wanted in zip(bands, colour, strict=True)
    ]
    mask = ImageChops.darker(ImageChops.darker(matches[0], matches[1]), matches[2])
    box = mask.getbbox()
    if box is None or mask.histogram()[255] < least:
        return None
    return (box[0] + box[2]) // 2, (box[1] + box[3]) // 2


def _row(layout: tuple[int, dict[str, Any], list[Any]]) -> Row:
    node_id, properties, children = layout
    values = {name: value for name, (_, value) in properties.items()}
    return Row(node_id, values, tuple(_row(child) for _, child in children))


def _first_line(reader: int, program: str) -> str:
    """Return the first line that a program prints, without its newline; fail if the program exits before."""
    with os.fdopen(reader) as pipe:
        line = pipe.readline().strip()
    assert line, f"{program} did not start"
    return line
