"""The window as a process of its own."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent
from windows import application, until

from netwatch_tray import paths
from netwatch_tray.errors import NetWatchError
from netwatch_tray.feed.protocol import VERSION, Goodbye, Hello, encode
from netwatch_tray.settings import Settings
from netwatch_tray.window.shell.application import _Shown
from netwatch_tray.window.shell.require_display import require_display

_PROGRAM = """
import sys
from pathlib import Path
from netwatch_tray.window.shell.application import run
sys.exit(run(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "window"))
"""
_SIGNALLED_WHILE_CLOSING = (
    """
import os
import signal
from netwatch_tray.window.data.history_queries import HistoryThread
close = HistoryThread.close
def close_late(thread):
    os.kill(os.getpid(), signal.SIGTERM)
    close(thread)
HistoryThread.close = close_late
"""
    + _PROGRAM
)
_PICTURE = """
import sys
from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QApplication
from netwatch_tray.errors import AgentUnreachableError
from netwatch_tray.window.data.agent_link import AgentLink
from netwatch_tray.window.shell.main_window import MainWindow
from netwatch_tray.window.widgets.theme import Theme
def nobody():
    raise AgentUnreachableError("")
application = QApplication([])
memory = QSettings(sys.argv[1], QSettings.Format.IniFormat)
window = MainWindow(Theme(application, Qt.ColorScheme.Light), AgentLink(nobody), memory)
window.resize(720, 480)
window.show()
application.processEvents()
picture = window.grab().toImage()
line = window.interfaces.range_chart.chart
ratio = picture.devicePixelRatio()
column = round((line.x() + line.width() / 2) * ratio)
top = round(line.mapTo(window, line.rect().topLeft()).y() * ratio)
grounds = [picture.pixel(column, y) for y in range(top, top + round(line.height() * ratio))]
axis = window._theme.tokens.ink3.rgb()
print(picture.width(), picture.height(), grounds.count(axis))
"""
_Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[_Start]:
    """Return a function that starts Python programs without a display. Those that still run are ended
    after the test."""
    running: list[subprocess.Popen[str]] = []

    def start_one(program: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        private = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "XDG_STATE_HOME": str(tmp_path), **environment}
        child = subprocess.Popen(
            [sys.executable, "-c", program, *arguments], env=private, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip
        running.append(child)
        return child

    yield start_one
    for child in running:
        if child.poll() is None:
            child.kill()
        child.communicate()


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[socket.socket]:
    """Listen as an agent. A connection that can be accepted proves that a window has opened."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "feed"))
        listener.listen()
        listener.settimeout(60)
        yield listener


def _greet(feed: socket.socket) -> socket.socket:
    connection, _ = feed.accept()
    connection.settimeout(60)
    hello = Hello(protocol=VERSION, version="1", pid=1, interval_s=1.0, settings=Settings(), recent=())
    connection.sendall(encode(hello))
    assert b"subscribe" in connection.recv(1 << 16)
    return connection


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_close_the_window_with_exit_code_0(
    start: _Start, feed: socket.socket, tmp_path: Path, number: signal.Signals
) -> None:
    window = start(_PROGRAM, str(tmp_path / "feed"))
    with _greet(feed):
        window.send_signal(number)
        _said, wrong = window.communicate(timeout=60)
        assert (window.returncode, [line for line in wrong.splitlines() if "plugin does not support" not in line]) == (
            0,
            [],
        )
    assert (tmp_path / "netwatch-tray" / "window.ini").exists(), "it remembers"
    assert not (tmp_path / "window").exists()
    assert not (tmp_path / "window.lock").exists()


def test_a_signal_while_closing_leaves_no_file(start: _Start, feed: socket.socket, tmp_path: Path) -> None:
    """The agent's goodbye closes the window, and its SIGTERM may arrive later."""
    window = start(_SIGNALLED_WHILE_CLOSING, str(tmp_path / "feed"))
    with _greet(feed) as agent:
        agent.sendall(encode(Goodbye()))
        assert window.wait(60) == 0
    assert not (tmp_path / "window").exists()
    assert not (tmp_path / "window.lock").exists()


def test_a_second_start_exits_and_leaves_one_window(start: _Start, feed: socket.socket, tmp_path: Path) -> None:
    first = start(_PROGRAM, str(tmp_path / "feed"))
    with _greet(feed):
        second = start(_PROGRAM, str(tmp_path / "feed"))
        assert second.wait(60) == 0
        assert first.poll() is None
        feed.settimeout(0.2)
        with pytest.raises(TimeoutError):
            feed.accept()
        first.terminate()
        assert first.wait(60) == 0


def test_an_open_window_shows_its_settings_on_request(start: _Start, feed: socket.socket, tmp_path: Path) -> None:
    memory = tmp_path / "netwatch-tray" / "window.ini"
    memory.parent.mkdir()
    memory.write_text("[General]\npage=connections\n")
    first = start(_PROGRAM, str(tmp_path / "feed"))
    with _greet(feed) as agent:
        second = start(_PROGRAM, str(tmp_path / "feed"), "settings")
        assert second.wait(60) == 0
        deadline = time.monotonic() + 60
        sent, topics = b"", [b"connections"]
        while b"connections" in topics[-1]:  # they are not visible any more
            assert time.monotonic() < deadline
            sent += agent.recv(1 << 16)
            topics += [line for line in sent.splitlines() if b'"topics"' in line]
        first.terminate()
        assert first.wait(60) == 0
    assert "page=settings" in memory.read_text().splitlines()


@pytest.mark.parametrize("page", ["settings", "events"])
def test_window_opens_at_the_requested_page(start: _Start, feed: socket.socket, tmp_path: Path, page: str) -> None:
    window = start(_PROGRAM, str(tmp_path / "feed"), page)
    with _greet(feed):
        window.terminate()
        assert window.wait(60) == 0
    assert f"page={page}" in (tmp_path / "netwatch-tray" / "window.ini").read_text().splitlines()


def test_mini_window_opens_without_the_main_window(start: _Start, feed: socket.socket, tmp_path: Path) -> None:
    mini = start(_PROGRAM, str(tmp_path / "feed"), "mini")
    with _greet(feed):
        second = start(_PROGRAM, str(tmp_path / "feed"))
        with _greet(feed):  # the large window has a connection of its own
            assert second.wait(60) == 0
        mini.terminate()
        assert mini.wait(60) == 0
    remembered = (tmp_path / "netwatch-tray" / "window.ini").read_text()
    assert "[mini]" in remembered
    assert "geometry=" in remembered


def test_a_window_opens_after_another_was_killed(start: _Start, feed: socket.socket, tmp_path: Path) -> None:
    first = start(_PROGRAM, str(tmp_path / "feed"))
    with _greet(feed):
        first.kill()
        first.wait(60)
    assert (tmp_path / "window").exists(), "it left its socket behind"
    second = start(_PROGRAM, str(tmp_path / "feed"))
    with _greet(feed):
        second.terminate()
        assert second.wait(60) == 0


def test_window_opens_without_an_agent_and_connects_later(start: _Start, tmp_path: Path) -> None:
    window = start(_PROGRAM, str(tmp_path / "feed"))
    deadline = time.monotonic() + 60
    while not (tmp_path / "window").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with socket.socket(socket.AF_UNIX) as late:
        late.bind(str(tmp_path / "feed"))
        late.listen()
        late.settimeout(60)
        with _greet(late):
            window.terminate()
            assert window.wait(60) == 0


@pytest.mark.parametrize("factor", [1, 2])
def test_hair_lines_are_one_device_pixel_at_every_scale(start: _Start, tmp_path: Path, factor: int) -> None:
    drawn = start(_PICTURE, str(tmp_path / "ini"), QT_SCALE_FACTOR=str(factor))
    said, wrong = drawn.communicate(timeout=60)
    assert drawn.returncode == 0, wrong
    width, height, axis = map(int, said.split())
    assert (width, height) == (720 * factor, 480 * factor)
    assert axis == 1


def test_missing_display_raises_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY", "DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(NetWatchError, match="There is no display"):
        require_display()
    monkeypatch.setenv("DISPLAY", ":987")
    with pytest.raises(NetWatchError, match="display :987 does not answer"):
        require_display()
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    require_display()


def test_a_closed_window_is_freed_when_another_replaced_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(paths.HOME, str(tmp_path))
    shown = _Shown(application(), tmp_path / "feed")
    shown.show("window")
    assert shown._window is not None
    first = weakref.ref(shown._window)
    gc.freeze()  # as a second after the start
    try:
        shown._window.close()
        shown.show("window")
        application().sendPostedEvents(None, QEvent.Type.DeferredDelete)  # as the loop of the application does
        until(lambda: first() is None, "the closed window is freed", 10)
    finally:
        gc.unfreeze()
        shown.close()
        shown.history.close()
        shown.looks.close()
