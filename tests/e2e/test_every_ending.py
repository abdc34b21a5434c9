"""Every subcommand under every condition ends with a documented exit code, and never with a traceback."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from desktop import Session

from netwatch_tray.cli.parser import build

PROGRAM = [sys.executable, "-m", "netwatch_tray"]
BOUND = 120

COMMANDS = """
--version
--help
--change-settings
--xembed-icon
nonsense
window
quit
watch --once
watch --once --json
watch --replay /nonexistent
record /nonexistent/file
helper status
status
connections
apps --json
usage
events
events --json
export --json
import /nonexistent
history delete
history delete --from 2020-01-01 --to 2020-01-02 --yes
history backup /nonexistent/file
history restore /nonexistent
history restore /nonexistent --yes
history merge /nonexistent
doctor
doctor --show
selftest
desktop
autostart on
autostart off
autostart status
snapshot
upload setup
upload on
upload off
upload status
upload test
otlp on
otlp off
otlp status
otlp show
otlp test
""".strip().splitlines()
"""One of each subcommand that ends by itself."""
TALKATIVE = ["watch --once", "status", "connections", "apps --json", "events", "doctor", "upload status", "upload off"]
"""These run beside an agent as well."""
ENDLESS = ["agent --headless", "serve-metrics --port {port}"]
"""These run until a signal."""

ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
CONDITIONS: dict[str, tuple[str, dict[str, str]]] = {
    # What a shell appends to the command, and the environment.
    "ordinary": ("", {}),
    "stdin closed": ("<&-", {}),
    "stdout closed": (">&-", {}),
    "stderr closed": ("2>&-", {}),
    "all closed": ("<&- >&- 2>&-", {}),
    "stdout full": (">/dev/full", {}),
    "both full": (">/dev/full 2>&1", {}),
    "no reader": ("| true", {}),
    "ASCII": ("", ASCII),
    "ISO 8859-1": ("", {"PYTHONIOENCODING": "iso-8859-1"}),
    "ASCII by name": ("", {"PYTHONIOENCODING": "ascii", "LANG": "de_DE.ISO-8859-1"}),
    "nothing can be made": (
        "",
        dict.fromkeys(("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"), "/sys/none"),
    ),
    "no runtime directory": ("", {"XDG_RUNTIME_DIR": "/sys/none"}),
    "long runtime directory": ("", {"XDG_RUNTIME_DIR": f"/sys/{'x' * 120}"}),
}


@pytest.fixture(scope="module")
def desktop() -> Iterator[Session]:
    with Session(display=False) as desktop:
        yield desktop


@pytest.fixture(scope="module")
def served(desktop: Session) -> Iterator[Session]:
    """Run the session with an agent, and a name in the settings that no narrow encoding can express."""
    file = Path(desktop.environment["XDG_CONFIG_HOME"]) / "netwatch-tray" / "settings.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("[total]\n'日本' = 'no'\n", "utf-8")
    desktop.start_agent()
    yield desktop
    desktop.stop("agent")
    file.unlink()


def _subcommands(parser: argparse.ArgumentParser, words: tuple[str, ...] = ()) -> Iterator[str]:
    inner = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    for action in inner:
        for name, each in action.choices.items():
            yield from _subcommands(each, (*words, name))
    if words and not inner:
        yield " ".join(words)


def test_list_of_endings_covers_each_subcommand() -> None:
    named = [*COMMANDS, *ENDLESS]
    assert not [each for each in _subcommands(build()) if not any(line.startswith(each) for line in named)]


def start(command: str, desktop: Session, condition: str) -> subprocess.Popen[bytes]:
    redirection, environment = CONDITIONS[condition]
    script = f"{shlex.join([*PROGRAM, *command.split()])} {redirection}"
    # The shell's own exit code would be that of the reader.
    script = f"set -o pipefail; {script}" if redirection.startswith("|") else f"exec {script}"
    return subprocess.Popen(
        ["bash", "-c", script],
        env={**desktop.environment, "HOME": str(desktop.directory), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def failed(
    command: str, condition: str, process: subprocess.Popen[bytes], allowed: frozenset[int] = frozenset({0, 1, 2, 3})
) -> list[str]:
    """Return sentences about what is wrong with the end of a process; none if nothing is."""
    printed = process.communicate(timeout=BOUND)[0].decode(errors="replace")
    is_well = process.returncode in allowed and "Traceback" not in printed and "Exception ignored" not in printed
    return [] if is_well else [f"{command} ({condition}): {process.returncode}\n{printed}"]


def run_all(commands: list[str], desktop: Session, condition: str) -> list[str]:
    """Run the commands, two at a time. Return what is wrong with any of them."""

    def run(command: str) -> list[str]:
        return failed(command, condition, start(command, desktop, condition))

    with ThreadPoolExecutor(2) as pool:
        return [text for texts in pool.map(run, commands) for text in texts]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_subcommands_end_as_documented_without_an_agent(condition: str, desktop: Session) -> None:
    assert not run_all(COMMANDS, desktop, condition)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_endless_subcommand_ends_by_sigint(condition: str, desktop: Session) -> None:
    for command in ENDLESS:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        process = start(command.format(port=port), desktop, condition)

        def is_ready(process: subprocess.Popen[bytes] = process, port: int = port) -> bool:
            if process.poll() is not None or desktop.agent_status():
                return True
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                return True
            return False

        desktop.wait_for(is_ready, BOUND, f"{command} serves, or ends")
        if "|" in CONDITIONS[condition][0]:
            with contextlib.suppress(psutil.NoSuchProcess):
                for child in psutil.Process(process.pid).children():
                    child.send_signal(signal.SIGINT)
        else:
            process.send_signal(signal.SIGINT)
        # Where it ends by itself, the signal may come after its own end.
        assert not failed(command, condition, process, frozenset({0, 1, 2, 3, -signal.SIGINT, 128 + signal.SIGINT}))


@pytest.mark.parametrize("condition", CONDITIONS)
def test_subcommands_end_as_documented_beside_an_agent(condition: str, served: Session) -> None:
    assert not run_all(TALKATIVE, served, condition)


def test_unwritable_output_fails_with_a_message(served: Session) -> None:
    for command in ("status", "status --json", "watch --once", "--help", "--version"):
        process = start(f"{command}", served, "stdout full")
        printed = process.communicate(timeout=BOUND)[0].decode()
        assert printed.splitlines()[-1] == "netwatch-tray: The output cannot be written: No space left on device."
        assert process.returncode == 1, command


def test_characters_missing_in_the_encoding_are_replaced(served: Session) -> None:
    process = start("watch --once", served, "ASCII")
    printed = process.communicate(timeout=BOUND)[0].decode("ascii")
    assert process.returncode == 0
    assert "?" in printed


def test_too_long_runtime_directory_is_named_in_the_error(desktop: Session) -> None:
    process = start("status", desktop, "long runtime directory")
    printed = process.communicate(timeout=BOUND)[0].decode()
    assert process.returncode == 3  # there can be no agent
    assert printed.startswith("/sys/xxx")
    assert "Set XDG_RUNTIME_DIR to a shorter directory of your own" in printed


def test_watch_reports_an_agent_that_hangs_and_continues(served: Session) -> None:
    with subprocess.Popen(
        [*PROGRAM, "watch"], env=served.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as watch:
        assert watch.stdout is not None
        assert watch.stderr is not None
        try:
            watch.stderr.readline()  # the fault in the settings
            assert watch.stdout.readline()
            os.kill(served.pid("agent"), signal.SIGSTOP)
            try:
                said = watch.stderr.readline()
            finally:
                os.kill(served.pid("agent"), signal.SIGCONT)
            assert said == "netwatch-tray: The agent has sent nothing for 5 s. Still waiting.\n"
            assert watch.stdout.readline()
            assert watch.poll() is None
        finally:
            watch.kill()


def test_watch_continues_when_the_agent_restarts() -> None:
    with Session(display=False) as desktop:
        desktop.start_agent()
        with subprocess.Popen(
            [*PROGRAM, "watch"], env=desktop.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as watch:
            assert watch.stdout is not None
            assert watch.stderr is not None
            try:
                assert watch.stdout.readline()
                desktop.stop("agent")
                said = watch.stderr.readline()
                assert said == "netwatch-tray: The agent ended. Measuring without it until it runs again.\n"
                assert watch.stdout.readline()
                desktop.start_agent()
                subscribers = lambda: (status := desktop.agent_status()) and status.clients > 1  # noqa: E731
                desktop.wait_for(subscribers, BOUND, "watch is connected again")
                assert watch.stdout.readline()
                assert watch.poll() is None
            finally:
                watch.kill()


FULL = """
mount -t tmpfs -o size=4k,nr_inodes=2,mode=700 tmpfs "$1" && touch "$1/fill" || exit 9
shift; exec "$@"
"""


@pytest.mark.parametrize("variable", ["XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"])
def test_subcommands_end_as_documented_on_a_full_disk(variable: str, desktop: Session) -> None:
    """The directory is a file system without room for another file, in a separate mount namespace."""
    full = desktop.directory / "full"
    full.mkdir(exist_ok=True)
    for command in ("agent --headless", "doctor --show", "upload off", "autostart on", "usage"):
        if command.startswith("agent") and variable != "XDG_RUNTIME_DIR":
            continue  # it runs
        done = subprocess.run(
            ["unshare", "-rm", "sh", "-c", FULL, "sh", full, *PROGRAM, *command.split()],
            env={**desktop.environment, "HOME": str(desktop.directory), variable: str(full)},
            capture_output=True,
            text=True,
            timeout=BOUND,
            check=False,
        )
        if "unshare failed" in done.stderr or done.returncode == 9:
            pytest.skip("no mount namespace can be made here")
        assert done.returncode in {0, 1, 3}, done.stderr
        assert "Traceback" not in done.stderr
