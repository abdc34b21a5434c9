"""Messages of sock_diag as the kernel writes them (<linux/inet_diag.h>), and the responses to requests for a state."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Mapping

from netwatch_tray.collect.linux.sock_diag import SocketTable

ESTABLISHED, FIN_WAIT_2, TIME_WAIT, CLOSED, CLOSE_WAIT, LISTEN = 1, 5, 6, 7, 8, 10
MARK, CGROUP = (15, b"\0\0\0\0"), (21, struct.pack("=Q", 77))


def attribute(kind: int, value: bytes) -> bytes:
    whole = struct.pack("=HH", len(value) + 4, kind) + value
    return whole + bytes(-len(whole) % 4)


def tcp_info(
    received: int = 0, sent: int = 0, *, again: int = 0, acked: int | None = None, size: int = 280, quiet_ms: int = 0
) -> bytes:
    info = bytearray(size)
    struct.pack_into("=I", info, 56, quiet_ms)
    struct.pack_into("=I", info, 68, 20_000)
    struct.pack_into("=I", info, 100, 3)
    struct.pack_into("=QQ", info, 120, sent - again + 1 if acked is None else acked, received)
    struct.pack_into("=QQ", info, 200, sent, again)
    return bytes(info)


def message(
    cookie: int,
    state: int = ESTABLISHED,
    *,
    info: bytes | None = None,
    before: tuple[tuple[int, bytes], ...] = (MARK, CGROUP),
    kind: int = 18,
    family: int = 2,
    ports: tuple[int, int] = (4000, 443),
    unread: int = 0,
    waiting: int = 0,
    uid: int = 1000,
    inode: int = 9,
) -> bytes:
    address = socket.inet_aton("192.0.2.1") if family == 2 else socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    body = struct.pack("=BBBB", family, state, 0, 0) + struct.pack(">HH16s16s", *ports, address, address)
    body += struct.pack("=IQIIIII", 0, cookie, 0, unread, waiting, uid, inode)
    body += b"".join(attribute(*each) for each in before)
    if info is not None:
        body += attribute(2, info)
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body


DONE = struct.pack("=IHHIIi", 20, 3, 2, 1, 0, 0)


def confirm(table: SocketTable, states: Mapping[int, int]) -> None:
    """Respond to the table's requests for states, as a kernel does whose sockets are in `states`, by cookie."""
    for request in table.state_requests():
        cookie = int.from_bytes(request[48:56], "little")
        if cookie in states:
            response = message(cookie, states[cookie], kind=20, before=())
        else:
            response = struct.pack("=IHHIIi", 20, 2, 0, 1, 0, -errno.ENOENT)
        table.take_state(memoryview(response))
