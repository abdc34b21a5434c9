"""Runs the system's own tools (lsof, ss, nettop) where no kernel API provides the data, with limits of time and output.

Only one runs at a time in the whole program, without a shell, in the C locale, in a separate process group that is
killed when the tool is late. These functions block: call them in a worker thread.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from netwatch_tray.errors import CollectError, UnsupportedError
from netwatch_tray.text import decoded

if TYPE_CHECKING:
    from subprocess import Popen

_SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
"""Directories of the system's programs. lsof is in /usr/sbin on macOS, which is not in the PATH of a program that the
Finder starts."""
_MOST_BYTES = 64 << 20
_MOST_COMPLAINT = 4096

_turn = threading.Lock()


def find(program: str) -> str:
    """Return the full path of a program of the system. Raise UnsupportedError if it is not installed."""
    path = shutil.which(program, path=_SYSTEM_PATH)
    if path is None:
        raise UnsupportedError("{program} is not installed.", program=program)
    return path


def output(
    command: list[str], *, timeout: float = 10.0, most_bytes: int = _MOST_BYTES, harmless: int | None = None
) -> bytes:
    """Run a command and return its output. Any exit code but 0 is a failure; `harmless` is not, unless the tool wrote
    nothing but error messages.

    Raise CollectError with the reason if the tool is missing, late, killed, fails or writes too much.
    """
    import subprocess  # noqa: PLC0415  costs 1 MB, and most systems never need a tool

    name = Path(command[0]).name
    if not _turn.acquire(timeout=timeout):
        raise CollectError(
            "{name} had to wait for another tool for more than {timeout:g} s.", name=name, timeout=timeout
        )
    try:
        with _started(command, name) as process:
            deadline = time.monotonic() + timeout
            try:
                written, complaint = _read(process, deadline, most_bytes)
                code = process.wait(max(0.0, deadline - time.monotonic()))
            except (TimeoutError, subprocess.TimeoutExpired):
                raise CollectError(
                    "{name} did not finish within {timeout:g} s and was stopped.", name=name, timeout=timeout
                ) from None
            except OverflowError:
                raise CollectError(
                    "{name} wrote more than {most_bytes} bytes and was stopped.", name=name, most_bytes=most_bytes
                ) from None
            finally:
                # Kill the group, because a tool may have started others; before it is reaped, so that the ID is not
                # reused.
                if process.returncode is None:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.killpg(process.pid, signal.SIGKILL)
    finally:
        _turn.release()
    if code and (code != harmless or (complaint and not written)):
        words = " ".join(decoded(complaint).split()) or "–"
        if code < 0:
            raise CollectError("{name} was killed by signal {signal}: {words}.", name=name, signal=-code, words=words)
        raise CollectError("{name} failed with exit code {code}: {words}.", name=name, code=code, words=words)
    return written


def _started(command: list[str], name: str) -> Popen[bytes]:
    import subprocess  # noqa: PLC0415  as above

    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": _SYSTEM_PATH, "LC_ALL": "C", "HOME": os.environ.get("HOME", "/")},
            start_new_session=True,
        )
    except OSError as error:
        raise CollectError("{name} could not be started: {reason}.", name=name, reason=error) from error


def _read(process: Popen[bytes], deadline: float, most_bytes: int) -> tuple[bytes, bytes]:
    """Read stdout and stderr to their ends. Raise TimeoutError after the deadline, and OverflowError if there is more
    than `most_bytes`."""
    written, complaint = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        for stream, kept in ((process.stdout, written), (process.stderr, complaint)):
            if stream is not None:
                selector.register(stream, selectors.EVENT_READ, kept)
        while selector.get_map():
            left = deadline - time.monotonic()
            ready = selector.select(left) if left > 0 else []
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                chunk = os.read(key.fd, 1 << 16)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.data is written:
                    written += chunk
                    if len(written) > most_bytes:
                        raise OverflowError
                elif len(complaint) < _MOST_COMPLAINT:
                    complaint += chunk
    return bytes(written), bytes(complaint[:_MOST_COMPLAINT])
