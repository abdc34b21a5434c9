"""Reads sockets by the program ss(8), on systems where it may use sock_diag and this process may not."""

from __future__ import annotations

import re
from collections.abc import Mapping

from netwatch_tray import clock
from netwatch_tray.collect import tools
from netwatch_tray.collect.odd_rows import parsed
from netwatch_tray.collect.sockets import Changes, Socket, SocketSample, add_row, numeric_endpoint, tcp_state
from netwatch_tray.errors import CollectError, Message, ParseError, UnsupportedError, message
from netwatch_tray.kinds import TcpState
from netwatch_tray.text import decoded

_USERS = re.compile(r'users:\(\("(?P<name>.*?)",pid=(?P<pid>\d{1,10}),fd=\d+\)(?:.*,fd=\d+\))?\)', re.DOTALL)
"""Pattern of the processes that share a socket; its groups are the first one's. A name may contain any character except
NUL, even newlines."""
_NUMBER = re.compile(r" (uid|ino|bytes_sent|bytes_retrans|bytes_acked|bytes_received|segs_out):(\d{1,20})(?= |$)")
_COOKIE = re.compile(r" sk:([0-9a-f]{1,16})(?= |$)")
_RTT = re.compile(r" rtt:(\d{1,12}(?:\.\d{1,12})?)/")
_RETRANSMITS = re.compile(r" retrans:\d+/(\d{1,12})(?= |$)")
_AFTER_PEERS_FIN = {TcpState.CLOSE_WAIT, TcpState.LAST_ACK, TcpState.CLOSING, TcpState.CLOSED}
_WITHOUT_COUNTERS = {TcpState.LISTEN, TcpState.TIME_WAIT, TcpState.SYN_RECV}
_EVIDENCE = {"bytes_sent", "bytes_acked", "bytes_received", "segs_out"}
"""Fields (since Linux 4.2) whose presence shows that kernel and ss count bytes, so that another missing counter is 0. A
connection has sent at least one segment, so one of them is there."""
_NAME_BEGUN = re.compile(rb'users:\(\((?:.*,\()?"((?:(?!",pid=).){0,15})$', re.DOTALL)
_NAME_ENDS = re.compile(rb'.{0,15}(?:",pid=\d|$)', re.DOTALL)
"""Matches a line that continues a process name: names have at most 15 bytes, and may contain several newlines."""


class SsSource:
    """Source of sockets that runs ss once per reading."""

    name = "ss"
    is_costly = True
    is_monotonic = False
    descriptor: int | None = None

    def __init__(self) -> None:
        """Run ss once. Raise UnsupportedError if it is not installed, or fails."""
        self.note: Message | None = message("ss misses the last bytes of connections that close between two readings.")
        self._command = [tools.find("ss"), "-H", "-tunapie"]
        self._changes = Changes()
        try:
            self._sockets()
        except CollectError as error:
            raise UnsupportedError(error.message) from error

    def catch_up(self) -> None:
        """Do nothing; this source reports nothing between two readings."""

    def read(self) -> SocketSample:
        return self._changes.since_last(clock.boottime(), self._sockets())

    def close(self) -> None:
        """Do nothing; no descriptor is kept open."""

    def _sockets(self) -> Mapping[str, Socket]:
        return parse(tools.output(self._command))


def parse(written: bytes) -> Mapping[str, Socket]:
    """Parse the output of `ss -H -tunapie`. The details of a socket may be on a line of their own. The last line is
    left out if it is truncated.

    Raise ParseError if no line can be parsed.
    """
    sockets: dict[str, Socket] = {}
    for key, found in parsed("ss", _rows(written), _socket):
        add_row(sockets, key, found)
    return sockets


def _rows(written: bytes) -> list[bytes]:
    """Join the lines that belong together: return one row for each socket, with its details. Newlines within process
    names are kept."""
    lines = written.split(b"\n")
    lines.pop()
    rows: list[bytes] = []
    for line in lines:
        if rows and _continues_name(rows[-1], line):
            rows[-1] += b"\n" + line
        elif line[:1].isspace() and rows:
            rows[-1] += b" " + line.strip()
        elif line.strip():
            rows.append(line.rstrip())
    return rows


def _continues_name(row: bytes, line: bytes) -> bool:
    """Return whether `row` ends inside a process name whose rest is at the beginning of `line`."""
    begun = _NAME_BEGUN.search(row)
    return begun is not None and _NAME_ENDS.match(begun[1] + b"\n" + line) is not None


def _socket(row: bytes) -> tuple[str, Socket]:
    line = decoded(row)
    words = line.split(maxsplit=6)
    if len(words) < 6 or words[0] not in {"tcp", "udp"}:
        raise ParseError(f"ss wrote a line that is not understood: {line[:80]!r}.")
    details = f" {words[6]}" if len(words) > 6 else ""
    user = _USERS.search(details)
    if user is not None:  # so that no name is taken for a detail
        details = details[: user.start()] + " " + details[user.end() :]
    is_tcp, state = words[0] == "tcp", tcp_state(words[1])
    local_address, local_port = numeric_endpoint(words[4])
    remote_address, remote_port = numeric_endpoint(words[5])
    numbers = {name: int(value) for name, value in _NUMBER.findall(details)}
    rtt, retransmits, cookie = _RTT.search(details), _RETRANSMITS.search(details), _COOKIE.search(details)
    inode = numbers.get("ino") or None
    # ss leaves out values of 0: counters of a connection that has details, and root's UID.
    has_details = is_tcp and state not in _WITHOUT_COUNTERS and rtt is not None
    found = Socket(
        protocol=words[0].upper(),
        local_address=local_address,
        local_port=local_port,
        remote_address=remote_address if remote_port else None,
        remote_port=remote_port,
        state=state if is_tcp else None,
        rx_bytes=_received(numbers, state) if has_details else None,
        tx_bytes=_sent(numbers) if has_details else None,
        rtt_s=float(rtt[1]) / 1e3 if rtt is not None else None,
        retransmits=(int(retransmits[1]) if retransmits is not None else 0) if has_details else None,
        uid=numbers.get("uid", 0) if inode else None,
        inode=inode,
        pid=int(user["pid"]) if user is not None else None,
        process=user["name"] if user is not None else None,
    )
    return cookie[1] if cookie is not None else " ".join((words[0], *words[4:6])), found


def _received(numbers: Mapping[str, int], state: TcpState | None) -> int | None:
    if numbers.keys().isdisjoint(_EVIDENCE):
        return None
    return max(0, numbers.get("bytes_received", 0) - (state in _AFTER_PEERS_FIN))


def _sent(numbers: Mapping[str, int]) -> int | None:
    """Return the payload sent, each byte counted once although it may be sent again. Before Linux 4.19: the payload
    that the peer has acknowledged. None if ss shows no counters."""
    if numbers.keys().isdisjoint(_EVIDENCE):
        return None
    if "bytes_sent" in numbers:
        return max(0, numbers["bytes_sent"] - numbers.get("bytes_retrans", 0))
    return max(0, numbers.get("bytes_acked", 0) - 1)
