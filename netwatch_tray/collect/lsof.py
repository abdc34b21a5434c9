"""Sockets from lsof(8) in its form for programs (`-F`): every system has it, at the price of a process per reading.

Without root it sees the person's own processes only, and it knows no byte counters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from netwatch_tray import clock
from netwatch_tray.collect import tools
from netwatch_tray.collect.sockets import Changes, Socket, SocketSample, numeric_endpoint, tcp_state
from netwatch_tray.errors import ParseError

# lsof 4.95 leaves out the `f` lines that part one file from the next unless they are asked for.
_ARGUMENTS = ["-w", "-nP", "-iTCP", "-iUDP", "-F", "pcufdPtTn"]
_NOT_ALL_FOUND = 1
"""lsof's exit code when no file matches, or when one process of many could not be read."""

_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_CONTROL = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class LsofSource:
    """Runs lsof once per reading."""

    name = "lsof"
    is_costly = True
    is_monotonic = False
    descriptor: int | None = None

    def __init__(self) -> None:
        """Raises UnsupportedError: not installed."""
        self.note: str | None = "lsof lists your own processes only, without bytes or rates."
        self._command = [tools.find("lsof"), *_ARGUMENTS]
        self._changes = Changes()

    def read(self) -> SocketSample:
        return self._changes.since_last(clock.boottime(), self.sockets())

    def sockets(self) -> Mapping[str, Socket]:
        """All of them, by key. Raises CollectError when lsof fails."""
        return parse(tools.output(self._command, harmless=_NOT_ALL_FOUND))

    def catch_up(self) -> None:
        """Nothing happens between two readings."""

    def close(self) -> None:
        """Holds nothing open."""


def parse(written: bytes) -> Mapping[str, Socket]:
    """The sockets in what `lsof -F pcufdPtTn` wrote, each once, though several processes may hold it.

    A file's record ends where the next begins, because its state follows its name. A last line without its newline was
    cut off, so its record is left out. Files that are no sockets with an address ("no PCB") are not listed.
    Raises ParseError where lsof's form is broken.
    """
    sockets: dict[str, Socket] = {}
    for process, file in _records(written):
        found = _socket(process, file)
        if found is not None:
            # Linux: the inode; macOS: where the kernel has it. Both outlive a fork and never mean two sockets at once.
            device = file.get("d", "")
            shared = bool(device.strip("0x"))
            key = device if shared else f"{process['p']}/{file.get('f', '')}"
            sockets.setdefault(
                f"{key} {found.protocol} {found.local_address} {found.local_port} "
                f"{found.remote_address} {found.remote_port}",
                found,
            )
    return sockets


def _records(written: bytes) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Each file with its process, as fields by their letter; of the `T` lines the state's is kept."""
    process: dict[str, str] = {}
    file: dict[str, str] = {}
    lines = written.decode(errors="replace").split("\n")
    was_cut = lines.pop() != ""
    for line in lines:
        letter, value = line[:1], line[1:]
        if not letter or (letter == "T" and not value.startswith("ST=")):
            continue
        # Without `f` lines, a second type, protocol or name can only be another file's.
        if file and (letter in "pcuf" or letter in file):
            yield process, file
            file = {}
        if letter == "p":
            process = {}
        elif not process:
            raise ParseError(f"lsof began with {line[:40]!r} instead of a process.")
        (process if letter in "pcu" else file)[letter] = value
    if file and not was_cut:
        yield process, file


def _socket(process: Mapping[str, str], file: Mapping[str, str]) -> Socket | None:
    protocol, name = file.get("P"), file.get("n", "")
    if protocol not in {"TCP", "UDP"} or ":" not in name:
        return None
    local, _, remote = name.partition("->")
    local_address, local_port = numeric_endpoint(local)
    remote_address, remote_port = numeric_endpoint(remote) if remote else (None, None)
    uid = process.get("u", "")
    return Socket(
        protocol=protocol,
        local_address=local_address,
        local_port=local_port,
        remote_address=None if remote_address == "*" else remote_address,
        remote_port=remote_port,
        state=tcp_state(file.get("T", "").removeprefix("ST=")) if protocol == "TCP" else None,
        uid=int(uid) if uid.isascii() and uid.isdecimal() else None,
        pid=_pid(process["p"]),
        process=unescaped(process["c"]) if "c" in process else None,
    )


def _pid(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise ParseError(f"lsof wrote {text[:40]!r} for a process.")
    return int(text)


def unescaped(text: str) -> str:
    r"""A name as it is, from lsof's `Google\x20Chrome`."""
    if "\\" not in text:
        return text
    raw = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else _CONTROL.get(found[2], found[2]), text)
    try:  # each \xHH is one byte of UTF-8
        return raw.encode("latin-1").decode()
    except UnicodeError:
        return raw
