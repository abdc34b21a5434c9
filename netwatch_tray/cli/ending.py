"""Calls a subcommand and ends the process: every error becomes a sentence on stderr and one of the documented exit
codes."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from netwatch_tray.cli.session import DONE, NO_AGENT, WRONG, complain
from netwatch_tray.errors import AgentBusyError, AgentUnreachableError, NetWatchError, reason_of
from netwatch_tray.language import said, translate
from netwatch_tray.text import printable_lines

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_log = logging.getLogger(__name__)


def run(act: Callable[[], int]) -> int:
    """Call `act` after making sure that the standard streams are open and accept any text. Return its exit code; if it
    raises an error, report that on stderr and return the error's exit code.

    SystemExit, which argparse raises, is passed on.
    """
    output = _prepare_streams()
    logging.raiseExceptions = False  # a closed terminal or full disk below stderr; there is nowhere to report it
    try:
        code = _code(act)
    except SystemExit:
        if code := _finish(DONE, output):
            return code
        raise
    return _finish(code, output)


def _code(act: Callable[[], int]) -> int:
    try:
        return act()
    except KeyboardInterrupt:
        return DONE
    except AgentBusyError as error:
        return _fail(said(error.message))
    except AgentUnreachableError as error:
        with contextlib.suppress(OSError):
            print(printable_lines(said(error.message)), file=sys.stderr, flush=True)
        return NO_AGENT
    except NetWatchError as error:
        return _fail(said(error.message))
    except OutputError:
        return WRONG  # `_finish` reports it
    except OSError as error:
        about = translate("Terminal", "The system refused")
        if error.filename is not None:
            about = os.fsdecode(error.filename)
        return _fail(f"{about}: {reason_of(error)}.")
    except UnicodeError as error:
        return _fail(translate("Terminal", "A name or a path is not valid text: {error}.").format(error=error))
    except Exception:  # noqa: BLE001  the guard of the process: whatever else escapes is a bug
        _log.exception("Unexpected error")
        return _fail(translate("Terminal", "This is a bug of NetWatch. Please report it with the lines above."))


def _finish(code: int, output: _Output | None) -> int:
    """Flush stdout and stderr, so that the interpreter's own flush at exit cannot fail and print a traceback. Return
    `code`, or WRONG if stdout could not be written; DONE if the reader of a pipe closed it, as `head` does."""
    with contextlib.suppress(OutputError):
        sys.stdout.flush()
    if output is not None and output.failure is not None:
        _discard(output.fileno())
        if isinstance(output.failure, BrokenPipeError):  # `netwatch-tray watch | head -1`: the reader wants no more
            code = DONE
        else:
            unwritten = translate("Terminal", "The output cannot be written: {reason}.")
            code = _fail(unwritten.format(reason=reason_of(output.failure)))
    try:
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr.fileno())
    return code


def _discard(descriptor: int) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)


class OutputError(OSError):
    """Writing to stdout failed."""


class _Output(io.FileIO):
    """The file below `sys.stdout`. It stores the error of a failed write, because argparse ignores such errors and no
    subcommand can handle them."""

    failure: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.failure = error
            raise OutputError(error.errno, error.strerror) from error


def _fail(text: str) -> int:
    complain(text)
    return WRONG


def _prepare_streams() -> _Output | None:
    """Open standard streams that the caller closed, because a database or socket would get their file descriptors. Make
    stdin and stdout replace characters that their encoding lacks.

    Return the file below stdout, or None if stdout is not this process's own, as in tests.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)  # the lowest free number is the one that was closed
            os.set_inheritable(descriptor, True)
            setattr(sys, name, open(descriptor, mode, encoding="utf-8"))  # noqa: PTH123, SIM115  a descriptor, open as long as the process
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    before = sys.stdout
    if before is not sys.__stdout__ or not isinstance(before, io.TextIOWrapper):
        return None
    output = _Output(before.fileno(), "w", closefd=False)
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(output), before.encoding, "replace", line_buffering=before.line_buffering
    )
    return output
