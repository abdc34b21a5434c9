"""Tools that hang, fail, are killed, write without end, or are missing."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest
from desktop import wait_for

from netwatch_tray.collect import tools
from netwatch_tray.errors import CollectError, UnsupportedError


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_tool_runs_in_the_c_locale_and_returns_its_output() -> None:
    assert tools.output(python("import os; print(os.environ['LC_ALL'], end='')")) == b"C"


def test_large_stdout_and_stderr_do_not_block_each_other() -> None:
    code = "import sys; sys.stderr.write('e' * 300000); sys.stdout.write('o' * 300000)"
    assert tools.output(python(code)) == b"o" * 300000


def test_missing_tool_raises_unsupported() -> None:
    with pytest.raises(UnsupportedError, match="not installed"):
        tools.find("no-such-tool-anywhere")
    with pytest.raises(CollectError, match="could not be started"):
        tools.output(["/nonexistent/tool"])


def test_failure_contains_the_error_message_of_the_tool() -> None:
    with pytest.raises(CollectError, match=r"failed with exit code 3: no luck"):
        tools.output(python("import sys; print('no luck', file=sys.stderr); sys.exit(3)"))
    assert tools.output(python("import sys; print('fine', end=''); sys.exit(1)"), harmless=1) == b"fine"
    with pytest.raises(CollectError, match="bad option"):
        tools.output(python("import sys; print('bad option', file=sys.stderr); sys.exit(1)"), harmless=1)


def test_killed_tool_raises_collect_error() -> None:
    with pytest.raises(CollectError, match="killed by signal 9"):
        tools.output(python("import os; os.kill(os.getpid(), 9)"))


def test_endless_output_raises_collect_error() -> None:
    with pytest.raises(CollectError, match="wrote more than 100000 bytes"):
        tools.output(python("while True: print('x' * 1000)"), most_bytes=100_000)


def test_a_tool_that_hangs_is_killed_with_all_it_started(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    # A shell, because it has written the file long before it is stopped.
    code = f"sleep 600 & echo $! > '{pid_file}'; sleep 600"
    with pytest.raises(CollectError, match="did not finish within 2 s"):
        tools.output(["sh", "-c", code], timeout=2)
    child = int(pid_file.read_text())

    def is_gone() -> bool:
        """Return whether it is killed; its parent may still have to reap it."""
        try:
            os.kill(child, 0)
            return b") Z " in Path(f"/proc/{child}/stat").read_bytes()
        except (ProcessLookupError, FileNotFoundError):
            return True

    wait_for(is_gone, 5, "the tool's child is killed")


def test_tool_that_closes_its_output_but_keeps_running_is_late() -> None:
    with pytest.raises(CollectError, match="did not finish"):
        tools.output(python("import os, time; os.close(1); os.close(2); time.sleep(600)"), timeout=1)


def test_only_one_tool_runs_at_once(tmp_path: Path) -> None:
    started, release = tmp_path / "started", tmp_path / "release"
    slow = (
        f"import pathlib, time\npathlib.Path({str(started)!r}).touch()\n"
        f"while not pathlib.Path({str(release)!r}).exists(): time.sleep(0.01)"
    )
    first = threading.Thread(target=tools.output, args=(python(slow),))
    first.start()
    try:
        while not started.exists():
            assert first.is_alive()
        with pytest.raises(CollectError, match="wait for another tool"):
            tools.output(python("pass"), timeout=0.05)
    finally:
        release.touch()
        first.join()
    assert tools.output(python("pass")) == b""
