"""The processes that the agent starts, with stand-ins for the window."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netwatch_tray import launch
from netwatch_tray.agent.children import Children
from netwatch_tray.errors import Message, NetWatchError

STAND_IN = """#!{python}
import os, pathlib, sys, time
directory = pathlib.Path({directory!r})
token = os.environ.get("XDG_ACTIVATION_TOKEN", "none")
(directory / f"{{os.getpid()}}.options").write_text(" ".join(sys.argv[1:]))
(directory / f"{{os.getpid()}}.half").write_text(token)
(directory / f"{{os.getpid()}}.half").rename(directory / str(os.getpid()))
while not (directory / "go").exists():
    time.sleep(0.02)
"""


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the directory in which each started process stores its token."""
    directory = tmp_path / "started"
    directory.mkdir()
    program = tmp_path / "program"
    program.write_text(STAND_IN.format(python=sys.executable, directory=str(directory)))
    program.chmod(0o700)
    monkeypatch.setenv(launch.WRAPPER, str(program))
    monkeypatch.delenv("XDG_ACTIVATION_TOKEN", raising=False)
    yield directory
    (directory / "go").touch()


def tokens(started: Path, count: int) -> dict[int, str]:
    deadline = time.monotonic() + 60
    while len(found := [each for each in started.iterdir() if each.name.isdigit()]) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count} started"
        time.sleep(0.02)
    return {int(each.name): each.read_text() for each in found}


def end(children: Children) -> None:
    children.terminate()
    deadline = time.monotonic() + 60
    while children._windows or children._others or children._doctor:
        children.reap()
        assert time.monotonic() < deadline, "they end"
        time.sleep(0.02)


def made(
    connected: Callable[[], frozenset[int]] = frozenset, token: str | None = None, faults: list[Message] | None = None
) -> Children:
    """Return children of an agent without a tray; `faults` gets what is reported."""
    return Children(connected, lambda: token, ([] if faults is None else faults).append)


def test_second_request_does_not_start_another_window_while_one_starts(started: Path) -> None:
    connected: set[int] = set()
    children = made(lambda: frozenset(connected))
    for _ in range(100):
        children.open_window()
    (window,) = tokens(started, 1)
    connected.add(window)
    for _ in range(100):
        children.open_window()  # one more, which raises the first
    assert len(tokens(started, 2)) == 2
    end(children)


def test_settings_are_opened_while_a_window_is_starting(started: Path) -> None:
    """The window that is starting would not show the settings."""
    children = made()
    children.open_window()
    for _ in range(100):
        children.open_settings()
        children.open_window()
    pids = tokens(started, 2)
    assert {(started / f"{pid}.options").read_text() for pid in pids} == {"window", "window --settings"}
    end(children)
    assert len(tokens(started, 2)) == 2


@pytest.mark.parametrize(
    ("token", "handed_over"),
    [("real-token_1", "real-token_1"), ("x" * 4096, "x" * 4096), ("x" * 4097, "none"), ("y" * 200_000, "none"),
     ("ü" * 3000, "none"), ("a\0b", "none"), ("", "none"), (None, "none")],
)  # fmt: skip
def test_malformed_activation_tokens_are_ignored(started: Path, token: str | None, handed_over: str) -> None:
    children = made(token=token)
    children.open_window()
    assert list(tokens(started, 1).values()) == [handed_over]
    end(children)


def test_a_process_that_cannot_start_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(launch.WRAPPER, "/nonexistent/program")
    faults: list[Message] = []
    children = made(faults=faults)
    children.open_window()
    children.show_doctor()
    with pytest.raises(NetWatchError) as raised:
        children.start_icon()
    assert len(faults) == 2
    for fault in (*faults, raised.value):
        assert str(fault).endswith(" cannot be started: No such file or directory. Try again.")


def test_exited_children_are_reaped(started: Path) -> None:
    children = made()
    children.open_window()
    children.show_doctor()
    pids = tokens(started, 2)
    (started / "go").touch()
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        children.reap()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    children.open_window()
    assert len(tokens(started, 3)) == 3
    end(children)
