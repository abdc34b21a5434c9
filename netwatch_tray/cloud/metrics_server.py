"""Serves metrics over HTTP in the scheduler's loop. The text is made only when a client requests it."""

from __future__ import annotations

import errno
import ipaddress
import logging
import socket
from collections.abc import Callable

from netwatch_tray import clock
from netwatch_tray.engine.scheduler import READ, WRITE, Scheduler
from netwatch_tray.errors import SettingsError, reason_of

_log = logging.getLogger(__name__)

MOST_CLIENTS = 16
"""Most clients at a time. One more replaces the oldest, so that idle clients do not exclude others."""
MOST_PER_SECOND = 32
"""Most connections accepted in a second. Others wait in the kernel's queue."""
PATIENCE = 10.0
"""Seconds from accepting a client until it is disconnected if it has not read its response."""
LONGEST_REQUEST = 8192
"""Most bytes of a request. Programs that collect metrics send some hundreds."""
_BACKLOG = 16
_OUT_OF = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
"""Errors of accept(2) that leave the connection in the queue, so that the listening socket stays readable."""
_REASONS = {
    200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    431: "Request Header Fields Too Large",
}  # fmt: skip
_TEXT = "text/plain; charset=utf-8"
_METRICS = "text/plain; version=0.0.4; charset=utf-8"


class MetricsServer:
    """HTTP server for GET and HEAD of /metrics and /healthz, one request a connection, until `close`.

    It holds at most MOST_CLIENTS connections, about LONGEST_REQUEST bytes of each, and one text for all of them.
    """

    def __init__(self, scheduler: Scheduler, address: str, port: int, wanted: Callable[[], None]) -> None:
        """`address`: numeric address to listen on. `port`: 0 chooses a free one. `wanted`: called when clients have
        requested the metrics and wait for `publish`.

        Raise OSError if it cannot listen, SettingsError if `address` is not an address.
        """
        self._scheduler = scheduler
        self._wanted = wanted
        self._clients: dict[socket.socket, _Client] = {}
        """Connected clients by socket, oldest first."""
        self._second, self._accepted = 0.0, 0
        """Beginning of the current second, and how many connections were accepted in it."""
        self._sweep_at: float | None = None
        try:
            family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
        except ValueError:
            raise SettingsError("metrics.address must be an IP address, not {address}.", address=address) from None
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((address, port))
            self._socket.listen(_BACKLOG)
        except OSError:
            self._socket.close()
            raise
        self._socket.setblocking(False)
        scheduler.watch(self._socket.fileno(), READ, self._accept)

    @property
    def url(self) -> str:
        address, port = self._socket.getsockname()[:2]
        return f"http://{f'[{address}]' if ':' in address else address}:{port}/metrics"

    @property
    def clients(self) -> int:
        return len(self._clients)

    def publish(self, text: bytes) -> None:
        """Send the text of the metrics to all clients that wait for it."""
        for client in [each for each in self._clients.values() if each.is_waiting]:
            self._respond(client, 200, text, _METRICS)

    def close(self) -> None:
        """Close all connections, and free the port."""
        for client in list(self._clients.values()):
            self._drop(client)
        self._scheduler.unwatch(self._socket.fileno())
        self._socket.close()

    def _accept(self, _events: int) -> None:
        now = clock.boottime()
        if now - self._second >= 1:
            self._second, self._accepted = now, 0
        if self._accepted >= MOST_PER_SECOND:
            self._scheduler.rest(self._socket.fileno())
            return
        try:
            connection, _ = self._socket.accept()
        except OSError as error:
            if error.errno in _OUT_OF:
                _log.warning("No client can read metrics now: %s.", reason_of(error))
                self._scheduler.rest(self._socket.fileno())
            return  # else it hung up before it was accepted
        self._accepted += 1
        if len(self._clients) >= MOST_CLIENTS:
            self._drop(next(iter(self._clients.values())))
        connection.setblocking(False)
        client = self._clients[connection] = _Client(connection, now + PATIENCE)
        self._scheduler.watch(connection.fileno(), READ, lambda _events: self._read(client))
        self._sweep_later()

    def _sweep_later(self) -> None:
        """Set a timer that disconnects the oldest client at its deadline. There is one timer for all clients, because
        they come faster than timers expire."""
        if self._sweep_at is None and self._clients:
            self._sweep_at = next(iter(self._clients.values())).deadline
            self._scheduler.after(self._sweep_at - clock.boottime(), self._sweep)

    def _sweep(self) -> None:
        self._sweep_at = None
        now = clock.boottime()
        for client in [each for each in self._clients.values() if each.deadline <= now]:
            self._drop(client)
        self._sweep_later()

    def _read(self, client: _Client) -> None:
        try:
            data = client.socket.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(client)
            return
        client.received += data
        head, end, _rest = client.received.replace(b"\r\n", b"\n").partition(b"\n\n")
        if end:
            self._execute(client, bytes(head))
        elif len(client.received) > LONGEST_REQUEST:
            self._respond(client, 431, b"The request is too long.\n")

    def _execute(self, client: _Client, head: bytes) -> None:
        request, *lines = head.decode("latin-1").split("\n")
        method, path = [*request.split(" "), "", ""][:2]
        fields = [line.partition(":") for line in lines]
        hosts = [value.strip() for name, _, value in fields if name.lower() == "host"]
        client.is_head = method == "HEAD"
        path = path.partition("?")[0]
        if not request.rpartition(" ")[2].startswith("HTTP/1.") or len(hosts) > 1:
            self._respond(client, 400, b"Not understood.\n")
        elif not is_served(hosts[0] if hosts else ""):
            self._respond(
                client, 403, b"Only requests to an IP address, to localhost or to this host's name are served.\n"
            )
        elif method not in {"GET", "HEAD"}:
            self._respond(client, 405, b"There are GET and HEAD.\n")
        elif path == "/healthz":
            self._respond(client, 200, b"ok\n")
        elif path == "/metrics":
            # Not read any more: what it sends now is of no interest, and may be without end.
            self._scheduler.unwatch(client.socket.fileno())
            client.received.clear()
            client.is_waiting = True
            self._wanted()
        else:
            self._respond(client, 404, b"Not found. There are /metrics and /healthz.\n")

    def _respond(self, client: _Client, status: int, content: bytes, kind: str = _TEXT) -> None:
        client.is_waiting = False
        client.received.clear()
        head = (
            f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n"
            "Connection: close\r\n\r\n"
        )
        client.unsent = [memoryview(head.encode()), *([] if client.is_head else [memoryview(content)])]
        self._scheduler.watch(client.socket.fileno(), WRITE, lambda _events: self._write(client))
        self._write(client)

    def _write(self, client: _Client) -> None:
        try:
            sent = client.socket.sendmsg(client.unsent)
        except BlockingIOError:
            return
        except OSError:
            self._drop(client)
            return
        while client.unsent and sent >= len(client.unsent[0]):
            sent -= len(client.unsent.pop(0))
        if client.unsent:
            client.unsent[0] = client.unsent[0][sent:]
        else:
            self._drop(client)

    def _drop(self, client: _Client) -> None:
        if self._clients.pop(client.socket, None) is not None:
            self._scheduler.unwatch(client.socket.fileno())
            client.socket.close()


class _Client:
    __slots__ = ("deadline", "is_head", "is_waiting", "received", "socket", "unsent")

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self.socket = connection
        self.deadline = deadline
        """Time (boot-time clock) at which the client is disconnected."""
        self.received = bytearray()
        self.is_head = False
        self.is_waiting = False
        """Whether the client has requested the metrics and has not been sent them yet."""
        self.unsent: list[memoryview] = []


def is_served(host: str) -> bool:
    """Return whether requests with this `Host` header are served: it is an IP address or names this machine.

    A web page can make the browser of its reader send requests to a name of its own that resolves to this machine (DNS
    rebinding), but not to an address.
    """
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() and not host.endswith("]") else host
    if name.lower() in {"localhost", socket.gethostname().lower()}:
        return True
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
