"""An HTTP proxy on the loopback that connects to servers on request (CONNECT), or fails in a chosen way."""

from __future__ import annotations

import base64
import contextlib
import select
import socket
import threading
from typing import Self


class ConnectProxy:
    """A proxy that listens while the context is open."""

    def __init__(self, *, user: str | None = None, fault: bytes | None = None, drips: bool = False) -> None:
        """`user`: `name:password` that clients must send. `fault`: sent in place of a response to CONNECT, then the
        connection is closed; empty: nothing is ever sent. `drips`: send a response byte by byte, for ever."""
        self._user, self._fault, self._drips = user, fault, drips
        self.requests: list[str] = []
        """First lines of the requests."""
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def _start(self, target: object, *arguments: object) -> None:
        self._threads.append(threading.Thread(target=target, args=arguments))  # type: ignore[arg-type]
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.settimeout(0.1)
            head = b""
            while not head.endswith(b"\r\n\r\n") and not self._closing.is_set():
                with contextlib.suppress(TimeoutError):
                    received = client.recv(1)
                    if not received:
                        return
                    head += received
            lines = head.decode("latin-1").split("\r\n")
            self.requests.append(lines[0])
            if self._drips:
                self._drip(client)
            elif self._fault is None:
                self._connect(client, lines)
            elif self._fault:
                client.sendall(self._fault)
            else:
                while not self._closing.is_set() and not _has_ended(client):
                    pass

    def _drip(self, client: socket.socket) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nVia: ")
        while not self._closing.wait(0.02):
            client.sendall(b"x")

    def _connect(self, client: socket.socket, lines: list[str]) -> None:
        method, target, _version = lines[0].split()
        assert method == "CONNECT"
        if self._user is not None:
            expected = f"Proxy-Authorization: Basic {base64.b64encode(self._user.encode()).decode()}"
            if expected not in lines:
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n")
                return
        host, _, port = target.rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port))) as server:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            while not self._closing.is_set():
                readable, _, _ = select.select([client, server], [], [], 0.1)
                for each in readable:
                    content = each.recv(1 << 16)
                    if not content:
                        return
                    (server if each is client else client).sendall(content)


def _has_ended(client: socket.socket) -> bool:
    try:
        return not client.recv(1)
    except TimeoutError:
        return False
