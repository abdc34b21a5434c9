"""The programs that move known bytes: a server, and apps that do what they are told. Runs alone, as any user.

    traffic.py server ADDRESS…     TCP and UDP on PORTS of each address
    traffic.py app                 a JSON object a line says what to do; answers with the payload it received and sent
    traffic.py tunnel DEVICE LOCAL REMOTE

Each request has a header that says how much the server shall answer, so that both know when all has arrived.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

PORTS = range(5001, 5005)
TUNNEL_PORT = 4500
REQUEST = struct.Struct("!IIB")
"""Header of a request: number of bytes that follow, number of bytes to answer, and whether the server then resets the
connection."""
DATAGRAM = struct.Struct("!IH")
"""Header of a datagram: size of each answer in bytes, and number of answers."""
_RESET = struct.pack("ii", 1, 0)
_PATIENCE = 60.0


def family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def receive(connection: socket.socket, size: int) -> None:
    while size > 0:
        data = connection.recv(min(size, 1 << 20))
        if not data:
            raise EOFError
        size -= len(data)


def serve_stream(connection: socket.socket) -> None:
    try:
        with connection:
            while True:
                head = connection.recv(REQUEST.size, socket.MSG_WAITALL)
                if len(head) < REQUEST.size:
                    return
                follows, answer, is_reset = REQUEST.unpack(head)
                receive(connection, follows)
                connection.sendall(bytes(answer))
                if is_reset:
                    connection.recv(1)  # the client has everything
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    return
    except (OSError, EOFError):
        pass


def accept(listener: socket.socket) -> None:
    while True:
        threading.Thread(target=serve_stream, args=(listener.accept()[0],), daemon=True).start()


def serve_datagrams(at: socket.socket) -> None:
    while True:
        data, peer = at.recvfrom(1 << 16)
        size, count = DATAGRAM.unpack_from(data)
        for _ in range(count):
            at.sendto(bytes(size), peer)


def server(addresses: list[str]) -> None:
    for address in addresses:
        for port in PORTS:
            listener = socket.create_server((address, port), family=family(address), backlog=512)
            threading.Thread(target=accept, args=(listener,), daemon=True).start()
            at = socket.socket(family(address), socket.SOCK_DGRAM)
            at.bind((address, port))
            threading.Thread(target=serve_datagrams, args=(at,), daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()


class App:
    """Makes traffic as it is told, and counts the payload that it receives and sends."""

    def __init__(self) -> None:
        self.rx = self.tx = 0
        self.kept: list[socket.socket] = []

    def open(self, to: str, port: int, **_more: Any) -> None:
        """Open a connection for a later `stream` with `kept`."""
        self.kept.append(socket.create_connection((to, port), timeout=_PATIENCE))

    def stream(
        self,
        to: str,
        port: int,
        *,
        up: int,
        down: int,
        rounds: int = 1,
        pause: float = 0.0,
        times: int = 1,
        end: str = "close",
        kept: bool = False,
        linger: float = 0.0,
    ) -> None:
        """Make `times` connections with `rounds` requests each, which stay open for `linger` more seconds. `end`:
        close, reset, server-reset or keep."""
        for _ in range(times):
            made = self.kept.pop() if kept else socket.create_connection((to, port), timeout=_PATIENCE)
            for number in range(rounds):
                is_reset = end == "server-reset" and number == rounds - 1
                made.sendall(REQUEST.pack(up, down, is_reset) + bytes(up))
                receive(made, down)
                self.tx += REQUEST.size + up
                self.rx += down
                time.sleep(pause)
            time.sleep(linger)
            if end == "keep":
                self.kept.append(made)
                continue
            if end == "reset":
                made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            elif end == "server-reset":
                made.sendall(b"x")
                self.tx += 1
                with contextlib.suppress(ConnectionResetError):
                    made.recv(1)
            made.close()

    def datagrams(
        self,
        to: str,
        port: int,
        *,
        up: int,
        down: int,
        answers: int = 1,
        rounds: int = 1,
        sockets: int = 1,
        connected: bool = True,
        pause: float = 0.0,
    ) -> None:
        """Exchange datagrams. `connected`: each socket has one peer; else it has one on each port."""
        for _ in range(sockets):
            with socket.socket(family(to), socket.SOCK_DGRAM) as made:
                made.settimeout(_PATIENCE)
                if connected:
                    made.connect((to, port))
                for _ in range(rounds):
                    made.sendto(DATAGRAM.pack(down, answers) + bytes(up), (to, port))
                    for _ in range(answers):
                        self.rx += len(made.recv(1 << 16))
                    self.tx += DATAGRAM.size + up
                    time.sleep(pause)

    def children(self, count: int, request: str, **more: Any) -> None:
        """Make `request` in `count` child processes, each of which exits at once, and add up their bytes."""
        for _ in range(count):
            end, child_end = os.pipe()
            child = os.fork()
            if child == 0:
                mine = App()
                mine.do({"do": request, **more})
                os.write(child_end, json.dumps([mine.rx, mine.tx]).encode())
                os._exit(0)
            os.close(child_end)
            rx, tx = json.loads(os.read(end, 1000))
            os.close(end)
            os.waitpid(child, 0)
            self.rx, self.tx = self.rx + rx, self.tx + tx

    def do(self, request: dict[str, Any]) -> None:
        what: dict[str, Callable[..., None]] = {
            "open": self.open,
            "stream": self.stream,
            "datagrams": self.datagrams,
            "children": self.children,
        }
        kind = request.pop("do")
        what[kind](**request)


def app(name: str) -> None:
    ctypes.CDLL(None).prctl(15, name.encode())  # PR_SET_NAME: some tools show no more than this
    print("ready", flush=True)
    made = App()
    for line in sys.stdin:
        made.do(json.loads(line))
        print(json.dumps([made.rx, made.tx]), flush=True)


def tunnel(device: str, local: str, remote: str) -> None:
    """Be a VPN: carry the packets of a TUN device in datagrams between two addresses."""
    opened = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(opened, 0x400454CA, struct.pack("16sH", device.encode(), 0x1001))  # TUNSETIFF, IFF_TUN | IFF_NO_PI
    outer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    outer.bind((local, TUNNEL_PORT))
    outer.connect((remote, TUNNEL_PORT))
    print("ready", flush=True)
    while True:
        for each in select.select([opened, outer.fileno()], [], [])[0]:
            try:
                if each != opened:
                    os.write(opened, outer.recv(1 << 16))
                else:
                    outer.send(os.read(opened, 1 << 16))
            except ConnectionRefusedError:
                pass  # the other end has not started yet


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["server", *addresses]:
            server(addresses)
        case ["app"]:
            app(os.path.basename(sys.argv[0]))  # noqa: PTH119  text, not a path to open
        case ["tunnel", device, local, remote]:
            tunnel(device, local, remote)
