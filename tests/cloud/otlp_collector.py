"""A collector of OpenTelemetry to test against: it stores what it accepts, checks bodies, and fails in chosen ways."""

from __future__ import annotations

import contextlib
import gzip
import http.server
import json
import socket
import ssl
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import pytest
from ingest_server import listener

_json_format: Any = pytest.importorskip("google.protobuf.json_format")
_metrics: Any = pytest.importorskip("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2")
_logs: Any = pytest.importorskip("opentelemetry.proto.collector.logs.v1.logs_service_pb2")
_REQUESTS = {"/v1/metrics": _metrics.ExportMetricsServiceRequest, "/v1/logs": _logs.ExportLogsServiceRequest}


class Answer(NamedTuple):
    status: int
    body: bytes = b"{}"
    headers: dict[str, str] = {}  # noqa: RUF012  never changed
    is_lost: bool = False
    """The request is processed, and the connection closed without a response."""


class Point(NamedTuple):
    """A point of a metric, as it was received."""

    name: str
    unit: str
    kind: str
    """`gauge`, `sum`, `counter` (a monotonic sum); `delta`: a sum that is not cumulative."""
    attributes: dict[str, Any]
    start: int | None
    """Nanoseconds."""
    at: int
    value: float

    @property
    def series(self) -> tuple[str, frozenset[tuple[str, Any]]]:
        return self.name, frozenset(self.attributes.items())


@dataclass
class Collector:
    """A collector that listens on the loopback while the context is open."""

    script: deque[Answer] = field(default_factory=deque)
    """Responses to the next requests; later ones are accepted."""
    tls: ssl.SSLContext | None = None
    port: int = 0
    """0: any that is free."""
    namespace: str | None = None
    """Name of the network namespace whose loopback it listens on; by default the current one."""
    requests: list[tuple[str, dict[str, str], int]] = field(default_factory=list)
    """Path, headers with names in lower case, and status of the response; 0: lost."""
    metrics: list[dict[str, Any]] = field(default_factory=list)
    """Elements of accepted requests."""
    logs: list[dict[str, Any]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                outer._connections.add(self.connection)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = outer._answer(self.path, headers, body)
                if answer.is_lost:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_: object) -> None: ...

        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._server = http.server.ThreadingHTTPServer(("", 0), Handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listener(self.namespace, self.port)
        self._server.server_address = self._server.socket.getsockname()
        self._server.daemon_threads = True
        self.port = int(self._server.socket.getsockname()[1])
        if self.tls:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for each in self._connections:
            with contextlib.suppress(OSError):  # the client closed it
                each.shutdown(socket.SHUT_RDWR)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def points(self, name: str | None = None) -> list[Point]:
        """Return the points of a metric, by default of all, in the order of arrival."""
        found = []
        for element in self.metrics:
            for scope in element["scopeMetrics"]:
                for metric in scope["metrics"]:
                    found += _points(metric)
        return [each for each in found if name in {None, each.name}]

    def records(self) -> list[dict[str, Any]]:
        """Return the log records in the order of arrival."""
        return [record for element in self.logs for scope in element["scopeLogs"] for record in scope["logRecords"]]

    def _answer(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        with self._lock:
            answer = self.script.popleft() if self.script else Answer(200)
            if headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            try:
                _json_format.Parse(body, _REQUESTS[path]())
                elements = json.loads(body)
            except (KeyError, ValueError, _json_format.ParseError) as error:
                self.complaints.append(f"{path}: {error}")
                answer, elements = Answer(400), {}
            if answer.status == 200 or answer.is_lost:
                self.metrics += elements.get("resourceMetrics", [])
                self.logs += elements.get("resourceLogs", [])
            self.requests.append((path, headers, 0 if answer.is_lost else answer.status))
            return answer


def values(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    """Return OTLP attributes as a dictionary of Python values."""
    return {each["key"]: _value(each["value"]) for each in attributes}


def _value(found: dict[str, Any]) -> Any:
    ((kind, value),) = found.items()
    if kind == "arrayValue":
        return tuple(_value(each) for each in value["values"])
    return int(value) if kind == "intValue" else value


def _points(metric: dict[str, Any]) -> list[Point]:
    data = metric.get("gauge") or metric["sum"]
    kind = "gauge" if "gauge" in metric else "counter" if data.get("isMonotonic") else "sum"
    if kind != "gauge" and data["aggregationTemporality"] != 2:  # cumulative
        kind = "delta"
    return [
        Point(
            metric["name"],
            metric["unit"],
            kind,
            values(each.get("attributes", [])),
            int(each["startTimeUnixNano"]) if "startTimeUnixNano" in each else None,
            int(each["timeUnixNano"]),
            int(each["asInt"]) if "asInt" in each else each["asDouble"],
        )
        for each in data["dataPoints"]
    ]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
