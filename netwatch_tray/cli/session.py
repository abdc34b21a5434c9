"""Shared by the subcommands: exit codes, parsing, printing, the connection to the agent, and the settings."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from netwatch_tray.errors import AgentBusyError, AgentUnreachableError, Message, NetWatchError, message
from netwatch_tray.language import said, translate
from netwatch_tray.text import csv_cell, printable, printable_json, printable_lines

if TYPE_CHECKING:
    from netwatch_tray.feed.client import FeedClient
    from netwatch_tray.feed.protocol import Command, Hello, Status
    from netwatch_tray.history.reader import HistoryReader
    from netwatch_tray.settings import Settings

DONE, WRONG, USAGE, NO_AGENT = 0, 1, 2, 3

_ANSWER_TIMEOUT = 5.0
"""Seconds for the agent to answer a command."""
_TRY_AGAIN = 0.05


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Return a function that parses a number within these bounds, as an argparse `type`."""

    def parse(text: str) -> int:
        with contextlib.suppress(ValueError):
            if least <= (number := int(text)) <= most:
                return number
        from argparse import ArgumentTypeError

        problem = translate("Terminal", "must be a whole number from {least} to {most}, not {text!r}")
        raise ArgumentTypeError(problem.format(least=least, most=most, text=text))

    return parse


def feed_socket() -> Path:
    """Return the path of the agent's socket. Raise AgentUnreachableError if there is no private directory for it: then
    no agent can listen, and what needs none still works."""
    from netwatch_tray import paths

    try:
        return paths.feed_socket()
    except NetWatchError as error:
        raise AgentUnreachableError(error.message) from error


def connect() -> tuple[FeedClient, Hello]:
    """Connect to the agent; return the client and its greeting. Try for five seconds while the agent is busy.

    Raise AgentUnreachableError if no agent runs; its subclass AgentBusyError if the agent is still busy or has too many
    clients; NetWatchError if it accepts the connection and sends no greeting.
    """
    path = feed_socket()
    deadline = time.monotonic() + _ANSWER_TIMEOUT
    while True:
        try:
            return _greeted(path)
        except AgentBusyError:
            if time.monotonic() > deadline:
                raise
        time.sleep(_TRY_AGAIN)


def _greeted(path: Path) -> tuple[FeedClient, Hello]:
    from netwatch_tray.feed.client import FeedClient
    from netwatch_tray.feed.protocol import Hello

    client = FeedClient(path)
    try:
        for message in client.wait(_ANSWER_TIMEOUT):
            if isinstance(message, Hello):
                return client, message
    except AgentUnreachableError as error:  # it took the connection, and closed it
        client.close()
        raise AgentBusyError("The agent is running, but has too many clients. Close some of them.") from error
    client.close()
    raise NetWatchError("The agent is running, but does not answer. End it and start it again.")


def send(command: Command) -> FeedClient:
    """Send a command to the agent. Return the connected client. Raise the errors of `connect`."""
    client, _hello = connect()
    client.send(command)
    return client


def reload_agent() -> bool:
    """Make the agent read the settings and the API key again. Return whether an agent runs."""
    from netwatch_tray.feed.protocol import Command

    try:
        send(Command("reload")).close()
    except AgentBusyError:
        pass  # it reads the file by itself within ten seconds
    except AgentUnreachableError:
        return False
    return True


def save(section: str, **chosen: Any) -> tuple[Settings, bool]:
    """Change these settings of a section in the file, and make the agent read it. Return all settings, and whether an
    agent runs."""
    import msgspec

    from netwatch_tray import paths, settings_writer

    def modify(before: Settings) -> Settings:
        return msgspec.structs.replace(before, **{section: msgspec.structs.replace(getattr(before, section), **chosen)})

    return settings_writer.change(paths.settings_file(), modify), reload_agent()


def state_in_agent(part: Callable[[Status], Message | None]) -> Message:
    """Return the part of the agent's status that `part` selects (`off` if it is None), or why there is no status."""
    try:
        return part(ask_status()) or message("off")
    except AgentBusyError as error:
        return error.message
    except AgentUnreachableError:
        return message("the agent is not running")


def ask_status() -> Status:
    """Request the status of the agent. Raise the errors of `connect`."""
    from netwatch_tray.feed.protocol import Command, Status

    client = send(Command("status"))
    deadline = time.monotonic() + _ANSWER_TIMEOUT
    try:
        while (left := deadline - time.monotonic()) > 0:
            for message in client.wait(left):  # messages for every client may come first
                if isinstance(message, Status):
                    return message
    finally:
        client.close()
    raise NetWatchError("The agent is running, but does not answer. End it and start it again.")


def load_settings() -> Settings:
    """Return the settings for a subcommand that changes or sends something. Raise SettingsError if one is faulty."""
    from netwatch_tray import paths, settings

    return settings.load(paths.settings_file())


def usable_settings() -> Settings:
    """Return the settings for a subcommand that only shows something. If the file is invalid, report that on stderr and
    return those settings that are valid, with nothing turned on that sends or probes."""
    from netwatch_tray import paths, settings

    found, error = settings.read(paths.settings_file())
    if error:
        using = translate("Terminal", "Using defaults until the file is fixed.")
        complain(f"{said(error.message)} {using}")
    return found


@contextlib.contextmanager
def open_history() -> Iterator[HistoryReader]:
    """Context manager: open the history for reading. Raise HistoryError if that fails, and if the reader fails in the
    block."""
    from netwatch_tray import paths
    from netwatch_tray.errors import HistoryError, NoHistoryYetError
    from netwatch_tray.history.reader import HistoryReader
    from netwatch_tray.history.schema import CorruptHistoryError

    try:
        with contextlib.closing(HistoryReader(paths.history_file())) as reader:
            yield reader
    except NoHistoryYetError:
        _explain_missing_history()
        raise
    except CorruptHistoryError as error:
        raise HistoryError(
            "{error} Live rates still work. A running agent sets the file aside and begins a new one.", error=error
        ) from error


def _explain_missing_history() -> None:
    """Raise HistoryError with the agent's reason why there is no history. Return if no agent runs."""
    from netwatch_tray.errors import HistoryError

    try:
        client, hello = connect()
        client.close()
        faults = ask_status().faults if hello.settings.history.on else ()
    except NetWatchError:
        return
    if not hello.settings.history.on:
        raise HistoryError("There is no history: it is off. Turn it on in the settings.")
    if faults:
        raise HistoryError("There is no history yet. The agent reports: {fault}", fault=faults[0])
    raise HistoryError("There is no history yet: the first minute is being recorded. Try again in a minute.")


def has_display() -> bool:
    """Return whether windows can be shown: always on macOS, elsewhere if the environment names an X or
    Wayland server."""
    return sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def can_print(sign: str) -> bool:
    """Return whether stdout can show this character. On the kernel's text console the font may lack it although the
    encoding has it: such a font has about 500 characters."""
    if sys.stdout.isatty() and os.environ.get("TERM") in ("linux", "dumb"):
        return sign.isascii()
    try:
        sign.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def print_json(document: object) -> None:
    """Print a document as one line of JSON."""
    import msgspec

    print(printable_json(msgspec.json.encode(document).decode()), flush=True)


def complain(what: str) -> None:
    """Print a text to stderr, with control characters replaced. An error of stderr is ignored."""
    with contextlib.suppress(OSError):  # a full disk below it, or a closed terminal
        print(f"netwatch-tray: {printable_lines(what)}", file=sys.stderr, flush=True)


def print_pairs(pairs: Mapping[str, str | Sequence[str]]) -> None:
    """Print a line for each name and its value. Further lines of a value are printed below its first line."""
    width = max(map(len, pairs))
    for name, value in pairs.items():
        for line in [value] if isinstance(value, str) else value:
            print(f"{printable(name):{width}}  {printable(line)}")
            name = ""  # noqa: PLW2901  the lines below have no name


class Fit(NamedTuple):
    """How a column of a table may shrink when the terminal is too narrow."""

    least: int = 0
    """Width in cells to which the column may be cut; 0 if its texts are never cut."""
    rank: int = 0
    """The column with the highest rank is left out first; one with rank 0 always stays."""


def terminal_size() -> os.terminal_size | None:
    """Return the size of the terminal on stdout, or None if stdout is not a terminal."""
    try:
        size = os.get_terminal_size(sys.stdout.fileno()) if sys.stdout.isatty() else None
    except (OSError, ValueError):
        return None
    return size if size and size.columns and size.lines else None


def bar(share: float, most: int) -> str:
    """Return a bar whose length is `share` (0 to 1) of `most` cells, in characters that the terminal can show."""
    from netwatch_tray.tui.look import Look, bar, is_unicode

    return Look(is_unicode()).text(bar(share, most))


def print_table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], alignment: str, fits: Sequence[Fit] | None = None
) -> None:
    """Print a table whose columns are as wide as their widest text. `alignment` has a letter for each column: `<` left,
    `>` right.

    `fits`: how each column may shrink in a narrow terminal. If stdout is not a terminal, everything is printed.
    """
    from netwatch_tray import cells
    from netwatch_tray.tui.tables import Width, fit

    table = [heads, *([printable(cell) for cell in row] for row in rows)]
    widths: list[int | None] = [max(cells.width(row[column]) for row in table) for column in range(len(heads))]
    if fits is not None and (size := terminal_size()) is not None:
        needed = [
            Width(width or 0, each.least or width or 0, each.rank) for width, each in zip(widths, fits, strict=True)
        ]
        widths = fit(needed, size.columns)
    for row in table:
        shown = [
            (cells.left if side == "<" else cells.right)(cell, width)
            for cell, side, width in zip(row, alignment, widths, strict=True)
            if width is not None
        ]
        print("  ".join(shown).rstrip())


def print_csv(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print CSV by RFC 4180, one line a row. Unknown values are empty fields. A text that a spreadsheet would take for
    a formula is changed so that it is none."""
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(map(csv_cell, row) for row in rows)
