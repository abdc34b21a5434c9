"""Sockets with bytes from nettop(1), completed by lsof's; two programs per reading, so only while somebody looks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from netwatch_tray import clock
from netwatch_tray.collect import lsof, tools
from netwatch_tray.collect.sockets import (
    Changes,
    Socket,
    SocketSample,
    numeric_address,
    port_number,
    tcp_state,
)
from netwatch_tray.errors import ParseError

_ARGUMENTS = ["-n", "-x", "-L", "1"]
_FLOW = re.compile(r"^(tcp|udp|quic)([46]) (.+)<->(.+)$")
_PROCESS = re.compile(r"^(.*)\.(\d{1,10})$")
_RTT = re.compile(r"^(\d{1,12}(?:\.\d{1,12})?) ms$")


class NettopSource:
    """Runs nettop, then lsof."""

    name = "nettop + lsof"
    is_costly = True
    is_monotonic = False
    descriptor: int | None = None

    def __init__(self) -> None:
        """Raises UnsupportedError: not installed."""
        self.note: str | None = (
            "nettop and lsof are slow, so connections are read only while you look at them, and short ones are missed."
        )
        self._command = [tools.find("nettop"), *_ARGUMENTS]
        self._lsof = lsof.LsofSource()
        self._changes = Changes()

    def catch_up(self) -> None:
        """Nothing happens between two readings."""

    def read(self) -> SocketSample:
        flows = parse(tools.output(self._command))
        return self._changes.since_last(clock.boottime(), join(self._lsof.sockets(), flows))

    def close(self) -> None:
        """Holds nothing open."""


class _Ends(NamedTuple):
    """What nettop and lsof agree on: they write a link-local address's scope in different ways."""

    protocol: str
    local_address: str
    local_port: int | None
    remote_address: str | None
    remote_port: int | None


def join(listed: Mapping[str, Socket], flows: Mapping[str, Socket]) -> dict[str, Socket]:
    """lsof's sockets with nettop's bytes and round trips, and those that only nettop knows (other users')."""
    by_ends = {_ends(flow): key for key, flow in flows.items()}
    joined: dict[str, Socket] = {}
    met = set()
    for key, found in listed.items():
        flow_key = by_ends.get(_ends(found))
        if flow_key is None:
            joined[key] = found
            continue
        met.add(flow_key)
        flow = flows[flow_key]
        joined[key] = msgspec.structs.replace(
            found, rx_bytes=flow.rx_bytes, tx_bytes=flow.tx_bytes, rtt_s=flow.rtt_s, state=flow.state or found.state
        )
    return joined | {key: flow for key, flow in flows.items() if key not in met}


def _ends(found: Socket) -> _Ends:
    remote = None if found.remote_address is None else found.remote_address.partition("%")[0]
    local = found.local_address.partition("%")[0]
    return _Ends(found.protocol, local, found.local_port, remote, found.remote_port)


def parse(written: bytes) -> Mapping[str, Socket]:
    """What `nettop -n -x -L 1` wrote: CSV whose rows of flows follow the row of their process.

    Columns go by their title, because they differ between releases; a line that was cut is left out. Raises ParseError.
    """
    lines = written.decode(errors="replace").split("\n")
    lines.pop()
    if not lines:
        raise ParseError("nettop wrote nothing.")
    titles = lines[0].split(",")
    if "" not in titles or not {"bytes_in", "bytes_out"} <= set(titles):
        raise ParseError(f"nettop's columns are not known: {lines[0][:80]!r}.")
    name_at = titles.index("")
    sockets: dict[str, Socket] = {}
    process, pid = None, None
    for line in lines[1:]:
        fields = line.split(",")
        surplus = len(fields) - len(titles)
        if surplus < 0 or line == lines[0]:  # another sample begins with the titles again
            continue
        # A comma in a process's name is not quoted.
        fields[name_at : name_at + surplus + 1] = [",".join(fields[name_at : name_at + surplus + 1])]
        row = dict(zip(titles, fields, strict=True))
        flow = _FLOW.match(fields[name_at])
        if flow is None:
            owner = _PROCESS.match(fields[name_at])
            process, pid = (owner[1].strip(), int(owner[2])) if owner is not None else (None, None)
            continue
        sockets[f"{pid} {fields[name_at]}"] = _socket(flow, row, process, pid)
    return sockets


def _socket(flow: re.Match[str], row: Mapping[str, str], process: str | None, pid: int | None) -> Socket:
    kind, version, local, remote = flow.groups()
    local_address, local_port = _endpoint(local, version)
    remote_address, remote_port = _endpoint(remote, version)
    rtt = _RTT.match(row.get("rtt_avg", ""))
    return Socket(
        protocol="TCP" if kind == "tcp" else "UDP",
        local_address=local_address,
        local_port=local_port,
        remote_address=remote_address if remote_port else None,
        remote_port=remote_port,
        state=tcp_state(row.get("state", "")) if kind == "tcp" else None,
        rx_bytes=_count(row["bytes_in"]),
        tx_bytes=_count(row["bytes_out"]),
        rtt_s=float(rtt[1]) / 1e3 or None if rtt is not None else None,
        pid=pid,
        process=process,
    )


def _endpoint(text: str, version: str) -> tuple[str, int | None]:
    """`192.0.2.1:443`, `fe80::1%en0.443`, `*.*`. Raises ParseError."""
    host, dot, port = text.rpartition("." if version == "6" else ":")
    if not dot:
        raise ParseError(f"nettop wrote {text[:80]!r} for an address with a port.")
    return numeric_address(host), port_number(port)


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 20 else None
