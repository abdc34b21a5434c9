"""Reads sockets from nettop(1), which counts bytes, and from the kernel's list or lsof, which have owners and states.

A reading starts one or two programs, so it is done only while a client shows connections.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping
from typing import NamedTuple, Protocol

import msgspec

from netwatch_tray import clock
from netwatch_tray.collect import lsof, tools
from netwatch_tray.collect.darwin.pcblist import COUNTS_BYTES, PcblistSource, darwin_release
from netwatch_tray.collect.odd_rows import parsed
from netwatch_tray.collect.sockets import (
    Changes,
    Socket,
    SocketSample,
    add_row,
    numeric_address,
    port_number,
    tcp_state,
)
from netwatch_tray.errors import CollectError, Message, ParseError, UnsupportedError, joined, message
from netwatch_tray.text import decoded

ARGUMENTS = ["-n", "-x", "-L", "1"]
_ANY_FLOW = re.compile(r"^\w+ \S*<->")
_FLOW = re.compile(r"^(tcp|udp|quic)([46]) (.+)<->(.+)$")
_PROCESS = re.compile(r"^(.*)\.(\d{1,10})$")
_RTT = re.compile(r"^(\d{1,12}(?:\.\d{1,12})?) ms$")


class NettopSource:
    """Source of sockets: the bytes are nettop's, the owners are the kernel's or, where the kernel hides
    them, lsof's."""

    is_costly = True
    is_monotonic = False
    descriptor: int | None = None

    def __init__(self) -> None:
        """Raise UnsupportedError if nettop is not installed."""
        self._command = [tools.find("nettop"), *ARGUMENTS]
        self._changes = Changes()
        self.name = ""
        self.note: Message | None = None
        self._owners: _Owners
        try:
            self._take_owners(PcblistSource())
        except UnsupportedError as error:
            self._take_owners(lsof.LsofSource(), error.message)

    def catch_up(self) -> None:
        """Do nothing; this source reports nothing between two readings."""

    def read(self) -> SocketSample:
        flows = parse(tools.output(self._command))
        return self._changes.since_last(clock.boottime(), join(self._listed(), flows))

    def close(self) -> None:
        """Do nothing; no descriptor is kept open."""

    def _listed(self) -> Mapping[str, Socket]:
        try:
            return self._owners.sockets()
        except CollectError as error:
            if isinstance(self._owners, lsof.LsofSource):
                raise
            self._take_owners(lsof.LsofSource(), error.message)
            return self._owners.sockets()

    def _take_owners(self, owners: _Owners, why: Message | None = None) -> None:
        self._owners = owners
        self.name = f"nettop + {owners.name}"
        notes = [
            message("nettop is slow, so connections are read only while you look at them, and short ones are missed.")
        ]
        if darwin_release() not in COUNTS_BYTES:
            notes.append(message("The kernel's own list counts no bytes, or wrong ones, on this macOS."))
        self.note = joined([*notes, *filter(None, [why])])


class _Owners(Protocol):
    name: str

    def sockets(self) -> Mapping[str, Socket]: ...


class _Ends(NamedTuple):
    """Both ends of a connection. Link-local addresses are without scope, because the two lists write it differently."""

    protocol: str
    local_address: str
    local_port: int | None
    remote_address: str | None
    remote_port: int | None


def join(listed: Mapping[str, Socket], flows: Mapping[str, Socket]) -> dict[str, Socket]:
    """Return the sockets of the owners' list (`listed`) with the bytes and RTTs of nettop's (`flows`), and those that
    only nettop lists.

    Several programs, and sockets of both families, may share a port (mDNS: always), so a flow belongs to the socket of
    its process and family. Where both ends of a connection match, the process may differ: nettop and lsof choose
    differently among the processes that share a socket. Each flow is used once, and a socket with bytes keeps the key
    of its flow, whether it is listed or not; under another key its bytes would count again. A socket without a flow has
    no bytes, because those of another source are not comparable from reading to reading.
    """
    flow_of: dict[str, str] = {}
    left = dict(flows)
    for ends in (_with_owner_and_family, _with_owner, _connection):
        keys: dict[Hashable, list[str]] = {}
        for key, flow in left.items():
            keys.setdefault(ends(flow), []).append(key)
        for key, found in listed.items():
            candidates = keys.get(ends(found)) if key not in flow_of else None
            # Within one process and family take the first candidate; across them only an unambiguous one.
            if candidates and (ends is _with_owner_and_family or len(candidates) == 1):
                flow_of[key] = candidates.pop(0)
                del left[flow_of[key]]
    joined = {}
    for key, found in listed.items():
        if key in flow_of:
            joined[flow_of[key]] = _with_flow(found, flows[flow_of[key]])
        else:
            joined[key] = msgspec.structs.replace(found, rx_bytes=None, tx_bytes=None)
    return joined | left


def _with_flow(found: Socket, flow: Socket) -> Socket:
    return msgspec.structs.replace(
        found,
        rx_bytes=flow.rx_bytes,
        tx_bytes=flow.tx_bytes,
        rtt_s=flow.rtt_s or found.rtt_s,
        state=flow.state or found.state,
        process=found.process or flow.process,
    )


def _with_owner_and_family(found: Socket) -> Hashable:
    return found.pid, found.family, _ends(found)


def _with_owner(found: Socket) -> Hashable:
    return found.pid, _ends(found)


def _connection(found: Socket) -> Hashable:
    """Return a key that a listed socket and nettop's flow of the same connection have in common. The key of a socket
    without a remote end differs from all others."""
    return _ends(found) if found.remote_port else id(found)


def _ends(found: Socket) -> _Ends:
    remote = None if found.remote_address is None else found.remote_address.partition("%")[0]
    local = found.local_address.partition("%")[0]
    return _Ends(found.protocol, local, found.local_port, remote, found.remote_port)


class _Row(NamedTuple):
    """The row of a flow in nettop's output, with the process from the row above it."""

    label: str
    fields: Mapping[str, str]
    process: str | None
    pid: int | None


def parse(written: bytes) -> Mapping[str, Socket]:
    """Parse the output of `nettop -n -x -L 1`: CSV in which the rows of flows follow the row of their process.

    Columns are found by title, because they differ between releases; a truncated last line is left out. A socket that
    is not connected has a row for each interface, whose bytes are summed. Raise ParseError if no flow can be parsed.
    """
    lines = written.split(b"\n")
    lines.pop()
    if not lines:
        raise ParseError("nettop wrote nothing.")
    titles = decoded(lines[0]).split(",")
    if "" not in titles or not {"bytes_in", "bytes_out"} <= set(titles):
        raise ParseError(f"nettop's columns are not known: {decoded(lines[0][:80])!r}.")
    sockets: dict[str, Socket] = {}
    for key, found in parsed("nettop", _flows(titles, lines), _socket):
        add_row(sockets, key, found)
    return sockets


def _flows(titles: list[str], lines: list[bytes]) -> Iterator[_Row]:
    name_at = titles.index("")
    process, pid = None, None
    for line in lines[1:]:
        fields = decoded(line).split(",")
        surplus = len(fields) - len(titles)
        if surplus < 0 or line == lines[0]:  # another sample begins with the titles again
            continue
        # A comma in a process's name is not quoted.
        fields[name_at : name_at + surplus + 1] = [",".join(fields[name_at : name_at + surplus + 1])]
        name = fields[name_at]
        if _ANY_FLOW.match(name):
            yield _Row(name, dict(zip(titles, fields, strict=True)), process, pid)
        else:
            owner = _PROCESS.match(name)
            process, pid = (owner[1].strip(), int(owner[2])) if owner is not None else (None, None)


def _socket(row: _Row) -> tuple[str, Socket]:
    flow = _FLOW.match(row.label)
    if flow is None:
        raise ParseError(f"nettop wrote {row.label[:80]!r} for a flow.")
    kind, version, local, remote = flow.groups()
    local_address, local_port = _endpoint(local, version)
    remote_address, remote_port = _endpoint(remote, version)
    is_connected = remote_port is not None and remote_address != "*"
    rtt = _RTT.match(row.fields.get("rtt_avg", ""))
    found = Socket(
        protocol="TCP" if kind == "tcp" else "UDP",
        family=int(version),
        local_address=local_address,
        local_port=local_port,
        remote_address=remote_address if is_connected else None,
        remote_port=remote_port if is_connected else None,
        state=tcp_state(row.fields.get("state", "")) if kind == "tcp" else None,
        rx_bytes=_count(row.fields["bytes_in"]),
        tx_bytes=_count(row.fields["bytes_out"]),
        rtt_s=float(rtt[1]) / 1e3 or None if rtt is not None else None,
        pid=row.pid,
        process=row.process,
    )
    return f"{row.pid} {row.label}", found


def _endpoint(text: str, version: str) -> tuple[str, int | None]:
    """Parse an address and port: `192.0.2.1:443`, `fe80::1%en0.443` or `*.*`. Programs that use Network.framework may
    have `.50100`, without an address in both families. Raise ParseError if it is anything else."""
    host, dot, port = text.rpartition("." if version == "6" or text.startswith(".") else ":")
    if not dot:
        raise ParseError(f"nettop wrote {text[:80]!r} for an address with a port.")
    return numeric_address(host or "*"), port_number(port)


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 20 else None
