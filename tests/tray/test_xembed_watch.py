"""Detecting an XEmbed tray: a real X server, a real tray, and peers that are no X server."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import threading
from pathlib import Path

import pytest
from desktop import PATIENCE, Session, wait_for
from hypothesis import given, settings, strategies as st
from surroundings import Loop

from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import TrayUnavailableError
from netwatch_tray.tray.backends import xembed_watch
from netwatch_tray.tray.backends.xembed_watch import XEmbedWatch


def test_watch_reports_xembed_tray_start_and_end(loop: Loop) -> None:
    with Session() as desktop:
        watch = loop.do(lambda: XEmbedWatch(loop.scheduler, desktop.environment))
        assert not watch.has_tray
        desktop.start_host("trayer")
        wait_for(lambda: watch.has_tray, 5, "the tray announces itself")
        second = loop.do(lambda: XEmbedWatch(loop.scheduler, desktop.environment))
        assert second.has_tray, "one that was there before"
        loop.do(second.close)
        desktop.stop("trayer", signal.SIGKILL)  # nobody asks
        wait_for(lambda: not watch.has_tray, 5, "the tray has exited")
        desktop.start_host("tint2")
        wait_for(lambda: watch.has_tray, 5, "the next one has come")
        desktop.stop("tint2", signal.SIGKILL)
        wait_for(lambda: not watch.has_tray, 5, "the second tray has exited, too")
        desktop.kill_display()
        wait_for(lambda: watch._socket is None, 5, "the X server has exited")
        loop.do(watch.ask)
        assert not watch.has_tray


@pytest.mark.parametrize("display", ["", ":77777", "far.example:0", "localhost:10.0", ":x"])
def test_unusable_display_raises_tray_unavailable(display: str) -> None:
    scheduler = Scheduler()
    with pytest.raises(TrayUnavailableError, match="does not report trays"):
        XEmbedWatch(scheduler, {"DISPLAY": display})
    scheduler.close()


def serve(listener: socket.socket, answer: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(PATIENCE)
        with contextlib.suppress(ConnectionError):  # the client no longer waits
            connection.sendall(answer)
            while connection.recv(4096):
                pass


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda data: struct.pack("<BxHHH", 1, 11, 0, 20) + data))
def test_garbage_reply_raises_tray_unavailable(answer: bytes) -> None:
    number = 50_000 + os.getpid() % 10_000
    scheduler = Scheduler()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0/tmp/.X11-unix/X{number}")
        listener.listen()
        thread = threading.Thread(target=serve, args=(listener, answer))
        thread.start()
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(xembed_watch, "_PATIENCE", 0.05)
                with pytest.raises(TrayUnavailableError):
                    XEmbedWatch(scheduler, {"DISPLAY": f":{number}"})
        finally:
            thread.join(PATIENCE)
            scheduler.close()


def entry(family: int, number: bytes, name: bytes, data: bytes) -> bytes:
    fields = b"".join(struct.pack(">H", len(field)) + field for field in (b"host", number, name, data))
    return struct.pack(">H", family) + fields


def test_cookie_of_this_display_is_chosen(tmp_path: Path) -> None:
    cookie = b"MIT-MAGIC-COOKIE-1"
    file = tmp_path / "authority"
    others = entry(0, b"7", cookie, b"net") + entry(256, b"8", cookie, b"eight") + entry(256, b"7", b"XDM", b"xdm")
    file.write_bytes(others + entry(256, b"7", cookie, b"seven") + b"\1")
    environment = {"DISPLAY": ":7.0", "XAUTHORITY": str(file)}
    assert xembed_watch._authority(environment) == (cookie, b"seven")
    assert xembed_watch._authority({**environment, "DISPLAY": ":9"}) == (b"", b"")
    assert xembed_watch._authority({"DISPLAY": ":7", "HOME": str(tmp_path)}) == (b"", b"")


@given(st.binary(max_size=300))
def test_any_authority_file_is_parsed_without_error(content: bytes) -> None:
    for _, number, name, data in xembed_watch._entries(content):
        assert len(number) + len(name) + len(data) <= len(content)
