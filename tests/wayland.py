"""A private Wayland session: sway without a screen, waybar as its panel; otherwise a Session like any other.

sway refuses to run as root, so it then runs as nobody, in a directory of that user's; root may use its sockets.
The pointer is moved by a client of wlr-virtual-pointer-unstable-v1, for there is nothing like xdotool.

Debian: sway waybar grim.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import re
import shutil
import socket
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from desktop import PATIENCE, Session
from PIL import Image

_NOBODY = 65534
_LEFT = 0x110
"""BTN_LEFT of linux/input-event-codes.h; the right and the middle button follow."""
_BUTTONS = {1: _LEFT, 2: _LEFT + 2, 3: _LEFT + 1}

_SWAY = "xwayland disable\noutput HEADLESS-1 resolution {size}\nfocus_follows_mouse no\n"
_WAYBAR = {
    "layer": "top",
    "position": "top",
    "height": 32,
    "tray": {"icon-size": 22, "show-passive-items": True},
}
_STYLE = "* {{ font-family: DejaVu Sans; font-size: 13px; }} window#waybar {{ background: {}; color: {}; }}"


class WaylandSession(Session):
    """A context manager, as Session is. `custom`: waybar's module `custom/netwatch`; `sway`: more of its settings."""

    screen_programs = ("sway", "waybar", "grim")
    colours: tuple[str, str] = ("#202020", "#ffffff")
    """Of waybar and its text."""

    def __init__(self, *, custom: dict[str, Any] | None = None, sway: str = "", **more: Any) -> None:
        self._custom = custom
        self._sway = sway
        self._place = Path(tempfile.mkdtemp(prefix="sway-"))
        self._pointer: Pointer | None = None
        super().__init__(**more)

    def start_host(self, kind: str) -> int:
        """Start waybar; `kind` must be `waybar`."""
        configuration = self.directory / "waybar.json"
        modules: dict[str, Any] = {"modules-left": ["tray"]}
        if self._custom is not None:
            modules = {"modules-left": ["tray", "custom/netwatch"], "custom/netwatch": self._custom}
        configuration.write_text(json.dumps({**_WAYBAR, **modules}))
        style = self.directory / "waybar.css"
        style.write_text(_STYLE.format(*self.colours))
        pid = self._start(kind, ["waybar", "-c", str(configuration), "-s", str(style)])
        self.wait_for(self.has_host, 20, "waybar takes icons")
        return pid

    def screenshot(self, path: Path | None = None) -> Image.Image:
        picture = Image.open(io.BytesIO(self._run_bytes(["grim", "-t", "ppm", "-"]))).convert("RGB")
        if path is not None:
            picture.save(path)
        return picture

    def move(self, x: int, y: int) -> None:
        if self._pointer is None:
            self._pointer = Pointer(self.environment["WAYLAND_DISPLAY"])
        self._pointer.move(x, y, *self.screenshot().size)

    def click(self, x: int, y: int, button: int = 1) -> None:
        self.move(x, y)
        assert self._pointer is not None
        self._pointer.click(_BUTTONS[button])

    def windows(self, name: str) -> list[int]:
        def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
            yield node
            for child in (*node.get("nodes", ()), *node.get("floating_nodes", ())):
                yield from nodes(child)

        tree = json.loads(self._run(["swaymsg", "-t", "get_tree"]))
        return [node["id"] for node in nodes(tree) if node.get("pid") and re.search(name, node.get("name") or "")]

    def close(self) -> None:
        if self._pointer is not None:
            self._pointer.close()
        super().close()
        shutil.rmtree(self._place, ignore_errors=True)

    def _start_screen(self, size: str) -> None:
        """Start sway, which is display and window manager."""
        configuration = self._place / "config"
        configuration.write_text(_SWAY.format(size=size) + self._sway)
        command = ["sway", "-c", str(configuration)]
        if os.getuid() == 0:
            os.chown(self._place, _NOBODY, _NOBODY)
            command = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", *command]
        headless = {"WLR_BACKENDS": "headless", "WLR_RENDERER": "pixman", "WLR_LIBINPUT_NO_DEVICES": "1"}
        self._start("display", command, {**headless, "XDG_RUNTIME_DIR": str(self._place), "HOME": str(self._place)})
        screen = self.wait_for(lambda: next(self._place.glob("wayland-*[0-9]"), None), 20, "sway has a display")
        control = self.wait_for(lambda: next(self._place.glob("sway-ipc.*"), None), 20, "sway can be asked")
        # Qt takes the platform of the session's type, as in every session that a display manager starts.
        self.environment |= {"WAYLAND_DISPLAY": str(screen), "SWAYSOCK": str(control), "XDG_SESSION_TYPE": "wayland"}


class Pointer:
    """A virtual pointer, by the wire format of the Wayland protocol: object, opcode and size, then the arguments."""

    _DISPLAY = 1

    def __init__(self, display: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(display)
        self._received = b""
        self._time = 0
        self._objects = itertools.count(2)  # without a gap, as the protocol demands
        self._registry = next(self._objects)
        self._send(self._DISPLAY, 1, struct.pack("<I", self._registry))
        name, version = self._find(b"zwlr_virtual_pointer_manager_v1")
        interface = struct.pack("<I", 32) + b"zwlr_virtual_pointer_manager_v1\0"
        manager, self._pointer = next(self._objects), next(self._objects)
        self._send(self._registry, 0, struct.pack("<I", name) + interface + struct.pack("<II", version, manager))
        self._send(manager, 0, struct.pack("<II", 0, self._pointer))
        self._sync()

    def move(self, x: int, y: int, width: int, height: int) -> None:
        """Move to a point of a screen of this size."""
        self._send(self._pointer, 1, struct.pack("<IIIII", self._now(), x, y, width, height))
        self._frame()

    def click(self, button: int) -> None:
        for pressed in (1, 0):
            self._send(self._pointer, 2, struct.pack("<III", self._now(), button, pressed))
            self._frame()

    def close(self) -> None:
        self._socket.close()

    def _now(self) -> int:
        self._time += 10
        return self._time

    def _frame(self) -> None:
        self._send(self._pointer, 4, b"")
        self._sync()

    def _send(self, target: int, opcode: int, arguments: bytes) -> None:
        self._socket.sendall(struct.pack("<IHH", target, opcode, 8 + len(arguments)) + arguments)

    def _sync(self) -> list[tuple[int, int, bytes]]:
        """Wait until all requests were processed. Return the events received meanwhile."""
        callback = next(self._objects)
        self._send(self._DISPLAY, 0, struct.pack("<I", callback))
        events: list[tuple[int, int, bytes]] = []
        while True:
            target, opcode, data = self._event()
            if target == callback:
                return events
            assert (target, opcode) != (self._DISPLAY, 0), f"refused: {data!r}"
            events.append((target, opcode, data))

    def _event(self) -> tuple[int, int, bytes]:
        while len(self._received) < 8 or len(self._received) < struct.unpack_from("<H", self._received, 6)[0]:
            more = self._socket.recv(1 << 16)
            assert more, "the compositor has exited"
            self._received += more
        target, opcode, size = struct.unpack_from("<IHH", self._received)
        data, self._received = self._received[8:size], self._received[size:]
        return target, opcode, data

    def _find(self, interface: bytes) -> tuple[int, int]:
        """Return name and version of a global."""
        for target, opcode, data in self._sync():
            if (target, opcode) == (self._registry, 0):
                name, length = struct.unpack_from("<II", data)
                if data[8 : 8 + length - 1] == interface:
                    return name, min(2, struct.unpack_from("<I", data, 8 + (length + 3) // 4 * 4)[0])
        raise AssertionError(f"this compositor has no {interface.decode()}")
