"""Reads sockets by the program lsof(8), in its machine-readable format (`-F`). It is available for every system.

Without root it lists only the user's own processes. It has no byte counters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from netwatch_tray import clock
from netwatch_tray.collect import tools
from netwatch_tray.collect.odd_rows import parsed
from netwatch_tray.collect.sockets import Changes, Socket, SocketSample, numeric_endpoint, tcp_state
from netwatch_tray.errors import Message, ParseError, message
from netwatch_tray.text import decoded

# lsof 4.95 leaves out the `f` lines, which separate files, unless they are requested.
_ARGUMENTS = ["-w", "-nP", "-iTCP", "-iUDP", "-F", "pcufdPtTn"]
_NOT_ALL_FOUND = 1
"""lsof's exit code when it found no file, or could not read one process of many."""

_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_CONTROL = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


class LsofSource:
    """Source of sockets that runs lsof once per reading."""

    name = "lsof"
    is_costly = True
    is_monotonic = False
    descriptor: int | None = None

    def __init__(self) -> None:
        """Raise UnsupportedError if lsof is not installed."""
        self.note: Message | None = message("lsof lists your own processes only, without bytes or rates.")
        self._command = [tools.find("lsof"), *_ARGUMENTS]
        self._changes = Changes()

    def read(self) -> SocketSample:
        return self._changes.since_last(clock.boottime(), self.sockets())

    def sockets(self) -> Mapping[str, Socket]:
        """Return all sockets by key. Raise CollectError if lsof fails."""
        return parse(tools.output(self._command, harmless=_NOT_ALL_FOUND))

    def catch_up(self) -> None:
        """Do nothing; this source reports nothing between two readings."""

    def close(self) -> None:
        """Do nothing; no descriptor is kept open."""


def parse(written: bytes) -> Mapping[str, Socket]:
    """Parse the sockets in the output of `lsof -F pcufdPtTn`. A socket that several processes share is returned once.

    A file's record ends where the next one begins, because the state follows the name. If the last line has no newline
    it was truncated, so its record is left out. Files that are no sockets with an address ("no PCB") are left out.
    Raise ParseError if no record can be parsed.
    """
    sockets: dict[str, Socket] = {}
    for key, found in parsed("lsof", filter(_is_socket, _records(written)), _socket):
        sockets.setdefault(key, found)
    return sockets


def _records(written: bytes) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Yield for each open file its fields and those of its process, by lsof's letter for the field. Of several `T`
    fields only the TCP state is kept."""
    process: dict[str, str] = {}
    file: dict[str, str] = {}
    lines = written.split(b"\n")
    was_cut = lines.pop() != b""
    if lines and not any(line.startswith(b"p") for line in lines):
        raise ParseError(f"lsof's form is not understood, it names no process: {lines[0][:40]!r}.")
    for line in map(decoded, lines):
        letter, value = line[:1], line[1:]
        if not letter or (letter == "T" and not value.startswith("ST=")):
            continue
        # Without `f` lines, a second type, protocol or name can only be another file's.
        if file and (letter in "pcuf" or letter in file):
            yield process, file
            file = {}
        if letter == "p":
            process = {}
        (process if letter in "pcu" else file)[letter] = value
    if file and not was_cut:
        yield process, file


def _is_socket(record: tuple[dict[str, str], dict[str, str]]) -> bool:
    _process, file = record
    return file.get("P") in {"TCP", "UDP"} and ":" in file.get("n", "")


def _socket(record: tuple[dict[str, str], dict[str, str]]) -> tuple[str, Socket]:
    process, file = record
    protocol, name = file["P"], file["n"]
    local, _, remote = name.partition("->")
    local_address, local_port = numeric_endpoint(local)
    remote_address, remote_port = numeric_endpoint(remote) if remote else (None, None)
    uid, pid = process.get("u", ""), process.get("p", "")
    found = Socket(
        protocol=protocol,
        family={"IPv4": 4, "IPv6": 6}.get(file.get("t", "")),
        local_address=local_address,
        local_port=local_port,
        remote_address=None if remote_address == "*" else remote_address,
        remote_port=remote_port,
        state=tcp_state(file.get("T", "").removeprefix("ST=")) if protocol == "TCP" else None,
        uid=int(uid) if uid.isascii() and uid.isdecimal() else None,
        pid=_pid(pid),
        process=unescaped(process["c"]) if "c" in process else None,
    )
    # Linux: the inode; macOS: where the kernel has it. Both outlive a fork and never mean two sockets at once.
    device = file.get("d", "")
    place = device if device.strip("0x") else f"{pid}/{file.get('f', '')}"
    return f"{place} {protocol} {local_address} {local_port} {found.remote_address} {remote_port}", found


def _pid(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise ParseError(f"lsof wrote {text[:40]!r} for a process.")
    return int(text)


def unescaped(text: str) -> str:
    r"""Return a name without lsof's escapes: `Google\x20Chrome` becomes `Google Chrome`. Each `\xHH` is a byte of
    UTF-8; the kernel may have cut the name within a character."""
    if "\\" not in text:
        return text
    return decoded(_ESCAPE.sub(_unescaped_byte, text.encode()))


def _unescaped_byte(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 16)]) if found[1] else _CONTROL.get(found[2], found[2])
