"""Sockets from ss(8), where the kernel's answers may be read by that program but not by this one."""

from __future__ import annotations

import re
from collections.abc import Mapping

from netwatch_tray import clock
from netwatch_tray.collect import tools
from netwatch_tray.collect.sockets import Changes, Socket, SocketSample, add_row, numeric_endpoint, tcp_state
from netwatch_tray.errors import CollectError, ParseError, UnsupportedError

_USER = re.compile(r'users:\(\("(?P<name>.*?)",pid=(?P<pid>\d{1,10}),fd=\d+\)')
"""The first of those that share the socket. A name may hold spaces, quotes and parentheses."""
_NUMBER = re.compile(r" (uid|ino|bytes_sent|bytes_retrans|bytes_received):(\d{1,20})(?= |$)")
_COOKIE = re.compile(r" sk:([0-9a-f]{1,16})(?= |$)")
_RTT = re.compile(r" rtt:(\d{1,12}(?:\.\d{1,12})?)/")
_RETRANSMITS = re.compile(r" retrans:\d+/(\d{1,12})(?= |$)")
_AFTER_PEERS_FIN = {"CLOSE_WAIT", "LAST_ACK", "CLOSING"}
_WITHOUT_COUNTERS = {"LISTEN", "TIME_WAIT", "SYN_RECV"}


class SsSource:
    """Runs ss once per reading."""

    name = "ss"
    is_costly = True
    is_monotonic = False
    descriptor: int | None = None

    def __init__(self) -> None:
        """Runs it once. Raises UnsupportedError: not installed, or it fails."""
        self.note: str | None = "ss misses the last bytes of connections that close between two readings."
        self._command = [tools.find("ss"), "-H", "-tunapie"]
        self._changes = Changes()
        try:
            self._sockets()
        except CollectError as error:
            raise UnsupportedError(str(error)) from error

    def catch_up(self) -> None:
        """Nothing happens between two readings."""

    def read(self) -> SocketSample:
        return self._changes.since_last(clock.boottime(), self._sockets())

    def close(self) -> None:
        """Holds nothing open."""

    def _sockets(self) -> Mapping[str, Socket]:
        return parse(tools.output(self._command))


def parse(written: bytes) -> Mapping[str, Socket]:
    """What `ss -H -tunapie` wrote; details may follow on a line of their own. A line that was cut is left out.

    Raises ParseError.
    """
    sockets: dict[str, Socket] = {}
    lines = written.decode(errors="replace").split("\n")
    lines.pop()
    joined: list[str] = []
    for line in lines:
        if line[:1].isspace() and joined:
            joined[-1] += " " + line.strip()
        elif line.strip():
            joined.append(line.rstrip())
    for line in joined:
        key, found = _socket(line)
        add_row(sockets, key, found)
    return sockets


def _socket(line: str) -> tuple[str, Socket]:
    words = line.split(maxsplit=6)
    if len(words) < 6 or words[0] not in {"tcp", "udp"}:
        raise ParseError(f"ss wrote a line that is not understood: {line[:80]!r}.")
    details = f" {words[6]}" if len(words) > 6 else ""
    user = _USER.search(details)
    if user is not None:  # so that no name is taken for a detail
        details = details[: user.start()] + " " + details[user.end() :]
    is_tcp, state = words[0] == "tcp", tcp_state(words[1])
    local_address, local_port = numeric_endpoint(words[4])
    remote_address, remote_port = numeric_endpoint(words[5])
    numbers = {name: int(value) for name, value in _NUMBER.findall(details)}
    rtt, retransmits, cookie = _RTT.search(details), _RETRANSMITS.search(details), _COOKIE.search(details)
    inode = numbers.get("ino") or None
    # ss leaves out what is 0: the counters of a connection that has details, and root's uid.
    has_counters = is_tcp and state not in _WITHOUT_COUNTERS and rtt is not None
    received = numbers.get("bytes_received", 0)
    found = Socket(
        protocol=words[0].upper(),
        local_address=local_address,
        local_port=local_port,
        remote_address=remote_address if remote_port else None,
        remote_port=remote_port,
        state=state if is_tcp else None,
        rx_bytes=max(0, received - (state in _AFTER_PEERS_FIN)) if has_counters else None,
        tx_bytes=max(0, numbers.get("bytes_sent", 0) - numbers.get("bytes_retrans", 0)) if has_counters else None,
        rtt_s=float(rtt[1]) / 1e3 if rtt is not None else None,
        retransmits=(int(retransmits[1]) if retransmits is not None else 0) if has_counters else None,
        uid=numbers.get("uid", 0) if inode else None,
        inode=inode,
        pid=int(user["pid"]) if user is not None else None,
        process=user["name"] if user is not None else None,
    )
    return cookie[1] if cookie is not None else " ".join((words[0], *words[4:6])), found
