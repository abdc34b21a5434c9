"""A NetWatch server to test against, with the rules of both public servers, which fails in chosen ways."""

from __future__ import annotations

import contextlib
import ctypes
import email.utils
import json
import re
import select
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from json_schema import faults

SCHEMA = Path(__file__).parents[2] / "docs" / "snapshot.schema.json"
KEY = "nw_ak_0123456789abcdef0123456789abcdef"
PATH = "/api/v1/ingest"
_CLONE_NEWNET = 0x40000000
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: closing sends RST."""

FAULTS = (
    "hang",  # takes the request, never answers
    "stored, hang",  # the same, but the snapshots are stored
    "reset",
    "stored, reset",
    "half an answer",  # stored
    "slow",  # a byte at a time, but in time
    "drip",  # a byte at a time, for ever
    "hang up",  # answers well and closes the connection without a word
    "500",
    "503",
    "401",
    "402",
    "413",
    "422",
    "429",
    "207",
    "200 with rejections",
    "stores nothing",  # and says so for each
    "wrong JSON",  # stored
    "no JSON",  # stored
    "redirect",
    "not HTTP",
    "bad certificate",  # on the next connection
)


@dataclass
class Request:
    agent: str
    envelope: dict[str, Any]
    answer: int | None
    fault: str
    at: float

    @property
    def keys(self) -> list[tuple[str, str]]:
        host = self.envelope["host"]["host_id"]
        return [(host, each["timestamp"]) for each in self.envelope["snapshots"]]


@dataclass
class IngestServer:
    """A server that listens on the loopback while the context is open."""

    rules: Literal["cloud", "dashboard"] = "cloud"
    key: str = KEY
    tls: ssl.SSLContext | None = None
    bad_tls: ssl.SSLContext | None = None
    """TLS context with the untrusted certificate, used by the fault `bad certificate`."""
    namespace: str | None = None
    """Name of the network namespace whose loopback it listens on; by default the current one."""
    least_gap: float = 0.0
    """Dashboard: seconds between two requests of a host, else 429."""
    clock_offset: float = 0.0
    """Seconds this server's clock is ahead."""
    script: deque[str] = field(default_factory=deque)
    """Faults of the next requests; later ones succeed."""
    list_script: deque[str] = field(default_factory=deque)
    """The same of requests for the list of what is stored, which only the dashboard has."""
    listed: int = 0
    """Number of requests for that list."""
    rows: dict[tuple[str, str], int] = field(default_factory=dict)
    """How many rows each snapshot has. The cloud server's upsert never makes a second one."""
    snapshots: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    """Violations of the protocol by the client."""
    connections: int = 0

    def __enter__(self) -> Self:
        self._schema = json.loads(SCHEMA.read_text())
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()
        self._listener = listener(self.namespace)
        self._open: set[socket.socket] = set()
        self._served: dict[threading.Thread, socket.socket] = {}
        self._closing = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in list(self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def stored(self) -> set[tuple[str, str]]:
        return set(self.rows)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            self._served[thread] = connection
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        self._open.add(connection)
        try:
            if tls := self._tls():
                connection = tls.wrap_socket(connection, server_side=True)
                self._open.add(connection)
                self._served[threading.current_thread()] = connection
            with connection.makefile("rb") as stream:
                while self._one_request(connection, stream):
                    pass
        except (OSError, ValueError):
            pass  # the client went away
        finally:
            connection.close()

    def _tls(self) -> ssl.SSLContext | None:
        with self._lock:
            if not self._is_next_bad():
                return self.tls
            self.script.popleft()
            return self.bad_tls

    def _is_next_bad(self) -> bool:
        return bool(self.script) and self.script[0] == "bad certificate"

    def _one_request(self, connection: socket.socket, stream: Any) -> bool:
        line = stream.readline().decode()
        if not line:
            return False
        headers: dict[str, str] = {}
        while (header := stream.readline().decode().strip()) != "":
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", 0))
        body = stream.read(length)
        if len(body) < length:  # the client ended in the middle of it
            return False
        if line.startswith("GET"):
            self._finish_earlier()
        with self._lock:
            if line.startswith("GET"):
                self.listed += 1
                fault = self.list_script.popleft() if self.list_script else "none"
                status, content = (500, b"") if fault == "500" else self._list(line, headers)
                return self._respond(connection, status, content, fault)
            fault = self.script.popleft() if self.script else "none"
            return self._answer(connection, line, headers, body, fault)

    def _finish_earlier(self) -> None:
        """Wait for earlier connections that the client has closed: what it sent on them is stored before the list is
        made, even if their threads did not run for a while."""
        for thread in self._threads[1 : self._threads.index(threading.current_thread())]:
            if _has_left(self._served[thread]):
                thread.join(5)

    def _answer(self, connection: socket.socket, line: str, headers: dict[str, str], body: bytes, fault: str) -> bool:
        try:
            envelope = json.loads(body)
        except ValueError:
            envelope = {"host": {"host_id": "?"}, "snapshots": []}
        if fault in {"413", "422"} and len(envelope["snapshots"]) < 2:
            fault = "none"  # a single one that is refused would rightly be given up
        request = Request(headers.get("user-agent", ""), envelope, None, fault, time.monotonic())
        self.requests.append(request)
        if fault in {"reset", "hang"}:
            return self._respond(connection, 0, b"", fault)
        forced = {"500": 500, "503": 503, "401": 401, "402": 402, "413": 413, "422": 422, "429": 429}
        extra = ""
        if fault in forced:
            status, content = forced[fault], b""
        elif fault == "redirect":
            status, content, extra = 307, b"", "Location: https://elsewhere.example/api/v1/ingest\r\n"
        else:
            step = {"207": 2, "200 with rejections": 2, "stores nothing": 1}.get(fault)
            status, content = self._judge(line, headers, body, envelope, refused=step)
        if fault == "200 with rejections" and status == 207:
            status = 200
        if fault == "wrong JSON":
            content = b'{"accepted": "all"}'
        elif fault == "no JSON":
            content = b"<html>welcome to the hotel</html>"
        return self._respond(connection, status, content, fault.removeprefix("stored, "), extra, request)

    def _respond(
        self,
        connection: socket.socket,
        status: int,
        content: bytes,
        fault: str,
        extra: str = "",
        request: Request | None = None,
    ) -> bool:
        """Send a response, or fail in the chosen way. Return whether the connection stays open."""
        if fault == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            return False
        if fault == "hang":
            self._idle(connection)
            return False
        now = email.utils.formatdate(time.time() + self.clock_offset, usegmt=True)
        head = f"HTTP/1.1 {status} Said\r\nDate: {now}\r\n{extra}Content-Length: {len(content)}\r\n\r\n".encode()
        if fault == "not HTTP":
            connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            return False
        if fault == "half an answer":
            connection.sendall((head + content)[: len(head) + len(content) // 2])
            return False
        if request is not None:
            request.answer = status  # before the client can know it
        if fault in {"slow", "drip"}:
            for number, byte in enumerate(head + content):
                connection.sendall(bytes([byte]))
                if fault == "drip" and self._closing.wait(0.05):
                    return False
                if number % 40 == 0:
                    time.sleep(0.001)
        else:
            connection.sendall(head + content)
        return fault != "hang up" and not self._is_next_bad()

    def _idle(self, connection: socket.socket) -> None:
        """Wait until the client disconnects."""
        self._lock.release()
        try:
            connection.recv(1)
        except OSError:
            pass
        finally:
            self._lock.acquire()

    def _judge(  # noqa: C901  the list of all reasons to refuse
        self, line: str, headers: dict[str, str], body: bytes, envelope: dict[str, Any], *, refused: int | None
    ) -> tuple[int, bytes]:
        if line.split() != ["POST", PATH, "HTTP/1.1"]:
            return 404, b""
        if headers.get("authorization") != f"Bearer {self.key}":
            return 401, b"" if self.rules == "cloud" else b'{"error":"unauthorized"}'
        if headers.get("content-type") != "application/json":
            return 415, b"Expected request with `Content-Type: application/json`"
        if self.rules == "cloud" and len(body) > 2 << 20:
            return 413, b"length limit exceeded"
        if wrong := faults(envelope, self._schema):
            self.complaints.extend(wrong)
            return 422, wrong[0].encode()
        if len(envelope["snapshots"]) > 100:
            return 413, b""
        host = envelope["host"]["host_id"]
        if self.rules == "dashboard":
            if time.monotonic() - self._seen.get(host, -1e9) < self.least_gap:
                return 429, b'{"error":"rate limited"}'
            self._seen[host] = time.monotonic()
        times = [each["timestamp"] for each in envelope["snapshots"]]
        if times != sorted(times):
            self.complaints.append("not in order")
        results = [
            {"index": number, "status": 500, "message": "Transaction error"}
            if refused and number % refused == refused - 1
            else self._store(host, each, number)
            for number, each in enumerate(envelope["snapshots"])
        ]
        accepted = sum(result["status"] == 200 for result in results)
        answer = {"accepted": accepted, "rejected": len(results) - accepted, "host_id": host, "results": results}
        status = 200
        if self.rules == "cloud" and accepted < len(results):
            status = 207 if accepted else 400
        return status, json.dumps(answer).encode()

    def _list(self, line: str, headers: dict[str, str]) -> tuple[int, bytes]:
        """Return status and body of the list of stored snapshots, as `GET /api/v1/hosts/ID/metrics?from&to` of the
        dashboard, whose rows have more columns."""
        url = urlsplit(line.split()[1])
        path = re.fullmatch(r"/api/v1/hosts/([0-9a-f-]+)/metrics", url.path)
        if self.rules == "cloud" or path is None:
            return 404, b""
        if headers.get("authorization") != f"Bearer {self.key}":
            return 401, b'{"error":"unauthorized"}'
        query = dict(parse_qsl(url.query))
        rows = [
            {"time": at, "cpu_usage_pct": None}
            for (host, at), count in sorted(self.rows.items())
            for _ in range(count)
            if host == path[1] and query["from"] <= at <= query["to"]
        ]
        return 200, json.dumps({"host_id": path[1], **query, "points": rows}).encode()

    def _store(self, host: str, snapshot: dict[str, Any], number: int) -> dict[str, Any]:
        at = datetime.fromisoformat(snapshot["timestamp"])
        age = time.time() + self.clock_offset - at.replace(tzinfo=UTC).timestamp()
        if self.rules == "cloud" and abs(age) > 24 * 3600:
            return {"index": number, "status": 400, "message": "Timestamp outside ±24 hour window"}
        key = (host, snapshot["timestamp"])
        self.rows[key] = 1 if self.rules == "cloud" else self.rows.get(key, 0) + 1
        self.snapshots[key] = snapshot
        return {"index": number, "status": 200, "message": "OK"}


def _has_left(connection: socket.socket) -> bool:
    """Return whether the client has closed the connection, or this server has."""
    if connection.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(connection, getattr(select, "POLLRDHUP", 0))
    return bool(poll.poll(0))


def listener(namespace: str | None, port: int = 0) -> socket.socket:
    """Return a listening socket in a network namespace. It stays there, whatever namespace its thread enters later
    (setns(2))."""
    if namespace is None:
        return socket.create_server(("127.0.0.1", port))
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net", "rb") as home, open(f"/run/netns/{namespace}", "rb") as there:  # noqa: PTH123
        assert libc.setns(there.fileno(), _CLONE_NEWNET) == 0
        try:
            return socket.create_server(("127.0.0.1", port))
        finally:
            assert libc.setns(home.fileno(), _CLONE_NEWNET) == 0


def scripted(faults: Iterable[str]) -> deque[str]:
    return deque(faults)
