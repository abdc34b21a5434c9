"""`watch` on a real terminal, beside a real agent in a network of its own."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from desktop import PATIENCE, Session, wait_for
from networks import FAR, PACED_SENDER, RECEIVER, Wire, inside, wire
from tmux import Tmux

PROGRAM = [sys.executable, "-m", "netwatch_tray"]
SPEED = 3_000_000
PORT = 5207
HOSTILE_COMM = b"a\x1b[2Jb\n\xe5\xad\x97\xe2\x80\xae"
HOSTILE_LINK = os.fsdecode(b"e\xff\x1b[2J\xe5\xad\x97")
APP = "pytest"
"""What the receiver is counted under: the program that started it."""

NAMED = """
import ctypes, sys
ctypes.CDLL(None).prctl(15, ctypes.c_char_p(bytes.fromhex(sys.argv.pop())))  # PR_SET_NAME
"""


@pytest.fixture(scope="module")
def network() -> Iterator[Wire]:
    with wire() as made:
        made.run(made.near, "ip", "link", "add", HOSTILE_LINK, "type", "veth", "peer", "name", "peer0")
        for name in (HOSTILE_LINK, "peer0"):
            made.run(made.near, "ip", "link", "set", name, "up")
        sender = made.python(made.far, PACED_SENDER, FAR, str(PORT), str(SPEED), "3600")
        assert sender.stdout is not None
        assert sender.stdout.readline() == "ready\n"
        receiver = made.python(made.near, NAMED + RECEIVER, FAR, str(PORT), HOSTILE_COMM.hex())
        try:
            yield made
        finally:
            for process in (sender, receiver):
                process.kill()
                process.communicate()


@pytest.fixture(scope="module")
def desktop(network: Wire) -> Iterator[Session]:
    with Session(display=False, netns=network.near) as session:
        session.start_agent()
        yield session


@contextlib.contextmanager
def terminal(
    desktop: Session, directory: Path, width: int = 80, height: int = 24, style: str = "", **more: str
) -> Iterator[Tmux]:
    """Run `watch` in a terminal. Yield the terminal when it shows traffic."""
    with Tmux(directory, {**desktop.environment, **more}, width, height, style) as tmux:
        tmux.type([*PROGRAM, "watch"])
        tmux.wait("MB/s", 30)
        yield tmux


def assert_whole(tmux: Tmux) -> None:
    """Check that each row is in its place and fills the whole width."""
    width, height = tmux.size

    def whole() -> bool:
        lines = tmux.lines()
        return (
            len(lines) == height
            and re.fullmatch(r"NetWatch  ↓ .* ↑ .* uplink .*\d\d:\d\d:\d\d", lines[0]) is not None
            and len(lines[0]) == width
            and lines[1] == "─" * width
            and lines[-2].startswith("Today ")
            and lines[-1].startswith("q Quit")
            and lines[-1].endswith("? Help")
            and sum(line.startswith("App ") for line in lines) == (2 if height >= 36 else 1)
            and all(len(line) <= width for line in lines)
        )

    wait_for(whole, 15, "every row is whole", lambda: "\n".join(tmux.lines()))


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (120, 40)])
def test_no_row_of_the_screen_is_cut_or_too_wide(size: tuple[int, int], desktop: Session, tmp_path: Path) -> None:
    with terminal(desktop, tmp_path, *size) as tmux:
        assert_whole(tmux)
        lines = tmux.lines()
        if size != (60, 15):
            (link,) = (line for line in lines if "[2J字" in line)
            assert "not counted" in link or "in uplink" in link
        tmux.keys("Tab")
        tmux.wait("Connections")
        (row,) = (line for line in tmux.wait(f"{FAR}:{PORT}") if f"{FAR}:{PORT}" in line)
        assert row.startswith(APP), "not the name of a thread of it"
        assert all(len(line) <= size[0] for line in tmux.lines())


def test_screen_follows_the_size_of_the_terminal(desktop: Session, tmp_path: Path) -> None:
    with terminal(desktop, tmp_path) as tmux:
        for size in ((120, 40), (60, 15), (100, 30), (59, 14), (80, 24)):
            tmux.resize(*size)
            if size == (59, 14):
                wait_for(
                    lambda: tmux.lines()[0].startswith("↓ ") and not "".join(tmux.lines()[1:]).strip(),
                    15,
                    "one line is left",
                )
            else:
                assert_whole(tmux)


@pytest.mark.parametrize("how", ["q", "C-c", signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_terminal_state_is_restored_on_exit(how: str | signal.Signals, desktop: Session, tmp_path: Path) -> None:
    with Tmux(tmp_path, desktop.environment) as tmux:
        before = tmux.modes()
        run = f'{" ".join(PROGRAM)} watch; echo "code $?"'
        tmux.type(["sh", "-c", f"stty -g > {tmp_path}/before; {run}; stty -g > {tmp_path}/after; echo the end"])
        tmux.wait("MB/s", 30)
        assert tmux.modes() != before
        if isinstance(how, signal.Signals):
            (process,) = (
                each for each in psutil.Process(tmux.pid()).children(recursive=True) if each.cmdline()[-1] == "watch"
            )
            process.send_signal(how)
        else:
            tmux.keys(how)
        lines = tmux.wait("the end\n")
        assert "code 0" in lines
        assert tmux.modes() == before
        assert (tmp_path / "before").read_text() == (tmp_path / "after").read_text()
        assert "stty -g" in lines[0]  # the main screen is back
        assert not any("NetWatch" in line for line in lines)


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.02, 0.04])
def test_program_ends_if_its_terminal_is_gone_while_the_screen_opens(delay: float, desktop: Session) -> None:
    ours, theirs = pty.openpty()
    program = subprocess.Popen(
        [*desktop.prefix, *PROGRAM, "watch"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**desktop.environment, "TERM": "xterm-256color"},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  no thread runs here
    )
    try:
        os.close(theirs)
        seen = b""
        while b"\x1b[?1049h" not in seen:
            seen += os.read(ours, 4096)
        time.sleep(delay)
        os.close(ours)
        assert program.wait(PATIENCE) in {0, -signal.SIGHUP}
    finally:
        program.kill()
        program.wait()


FAULTY = """
import sys
from netwatch_tray.tui.state import State
def fail(state):
    value = "a host that was seen"
    raise LookupError("no such row")
State.pause = fail
from netwatch_tray.cli import main
sys.exit(main(["watch"]))
"""


def test_unexpected_error_leaves_the_screen_and_is_logged_without_values(desktop: Session, tmp_path: Path) -> None:
    (tmp_path / "faulty.py").write_text(FAULTY)
    with Tmux(tmp_path, desktop.environment, 120, 50) as tmux:
        before = tmux.modes()
        run = shlex.join([sys.executable, "-c", f"import runpy; runpy.run_path('{tmp_path}/faulty.py')"])
        tmux.type(["sh", "-c", f'{run}; echo "code $?"'])
        tmux.wait("MB/s", 30)
        tmux.keys("p")
        text = "\n".join(tmux.wait("code 1\n"))
        assert tmux.modes() == before
        assert text.count("LookupError: no such row") == 1
        assert "netwatch-tray: This is a bug of NetWatch. Please report it with the lines above.\ncode 1" in text
        assert "a host that was seen" not in text


def test_no_color_uses_only_bold_and_reverse(desktop: Session, tmp_path: Path) -> None:
    with terminal(desktop, tmp_path, NO_COLOR="1") as tmux:
        assert_whole(tmux)
        codes = {code for found in re.findall(r"\x1b\[([\d;]*)m", tmux.painted()) for code in found.split(";")}
        assert codes <= {"", "0", "1", "7", "39", "49"}
        assert codes >= {"1", "7"}


@pytest.mark.parametrize(("style", "download"), [("bg=#fdf6e3,fg=#000000", "25"), ("bg=#1d1f21,fg=#ffffff", "75")])
def test_colours_follow_the_terminals_background(style: str, download: str, desktop: Session, tmp_path: Path) -> None:
    with terminal(desktop, tmp_path, style=style) as tmux:
        assert_whole(tmux)
        assert f"\x1b[38;5;{download}m" in tmux.painted()


def test_a_locale_without_unicode_gets_ascii(desktop: Session, tmp_path: Path) -> None:
    with terminal(desktop, tmp_path, LANG="C", LC_ALL="C") as tmux:
        lines = wait_for(
            lambda: found if "#" in "".join((found := tmux.lines())[2:8]) else None,
            15,
            "the chart is drawn",
            lambda: "\n".join(tmux.lines()),
        )
        assert "".join(lines).isascii()
        assert re.match(r"NetWatch  v .* \^ ", lines[0])
        assert lines[1] == "-" * 80


def test_mouse_and_keys_control_the_screen(desktop: Session, tmp_path: Path) -> None:
    with terminal(desktop, tmp_path) as tmux:
        assert_whole(tmux)
        tmux.click(tmux.lines()[-1].index("Tab"), 23)
        tmux.wait("Connections")
        tmux.keys("Escape")
        tmux.wait("Not of any app")
        tmux.keys("?")
        tmux.wait("Range of the chart")
        tmux.keys("?")
        tmux.wait("Not of any app")
        tmux.keys("/", "zzz")
        tmux.wait("No row matches")
        tmux.keys("Escape")
        tmux.wait("Not of any app")  # Escape and a letter together are another key
        tmux.keys("p")
        frozen = tmux.wait("frozen")
        tmux.keys("u")
        tmux.wait("Mbit/s")
        assert tmux.lines()[0][-8:] == frozen[0][-8:]
        tmux.keys("p", "Right")
        tmux.wait("−60 min")


def test_a_click_selects_a_row_and_a_second_one_opens_it(desktop: Session, tmp_path: Path) -> None:
    with terminal(desktop, tmp_path) as tmux:
        assert_whole(tmux)
        lines = tmux.wait(APP)
        row = next(at for at, line in enumerate(lines) if line.startswith(APP))
        tmux.click(3, row)
        tmux.click(3, row)
        tmux.wait(f"Connections of {APP}")
        tmux.wait(f"{FAR}:{PORT}")


def test_screen_continues_when_the_agent_restarts(network: Wire, tmp_path: Path) -> None:
    with Session(display=False, netns=network.near) as desktop:
        desktop.start_agent()
        with terminal(desktop, tmp_path) as tmux:
            assert_whole(tmux)
            desktop.stop("agent", signal.SIGKILL)
            wait_for(lambda: tmux.lines()[1] != "─" * 80, 15, "a notice reports it", lambda: "\n".join(tmux.lines()))
            desktop.start_agent()
            assert_whole(tmux)
            tmux.keys("q")
            wait_for(lambda: tmux.modes()["alternate_on"] == "0", 15, "it ends")


def test_an_agent_that_hangs_is_reported(network: Wire, tmp_path: Path) -> None:
    with Session(display=False, netns=network.near) as desktop:
        desktop.start_agent()
        with terminal(desktop, tmp_path) as tmux:
            assert_whole(tmux)
            os.kill(desktop.pid("agent"), signal.SIGSTOP)
            try:
                tmux.wait("The agent does not answer")
            finally:
                os.kill(desktop.pid("agent"), signal.SIGCONT)
            assert_whole(tmux)


def test_screen_without_an_agent_measures_by_itself(network: Wire, tmp_path: Path) -> None:
    with Session(display=False, netns=network.near) as desktop, Tmux(tmp_path, desktop.environment) as tmux:
        tmux.type([*inside(network.near), *PROGRAM, "watch"])
        tmux.wait("no agent is running", 30)
        lines = tmux.wait("MB/s")
        assert "uplink" in lines[0]
        tmux.wait(APP)
        tmux.keys("q")
        wait_for(lambda: tmux.modes()["alternate_on"] == "0", 15, "it ends")


@pytest.mark.parametrize(
    "words", [["watch", "--once"], ["watch", "--json", "--count", "1"], ["watch", "--format", "text", "--count", "1"]]
)
def test_watch_options_print_lines_on_a_terminal(words: list[str], desktop: Session, tmp_path: Path) -> None:
    with Tmux(tmp_path, desktop.environment, 120, 24) as tmux:
        tmux.type(["sh", "-c", f"{' '.join([*PROGRAM, *words])}; echo the end"])
        lines = tmux.wait("the end\n")
        assert tmux.modes()["alternate_on"] == "0"
        assert not any("─" in line for line in lines)


def test_watch_prints_lines_to_a_pipe(desktop: Session) -> None:
    with subprocess.Popen([*PROGRAM, "watch"], stdout=subprocess.PIPE, text=True, env=desktop.environment) as watch:
        try:
            assert watch.stdout is not None
            assert re.match(r"\d\d:\d\d:\d\d  ↓ ", watch.stdout.readline())
        finally:
            watch.send_signal(signal.SIGINT)
            assert watch.wait(PATIENCE) == 0
