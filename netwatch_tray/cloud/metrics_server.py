"""Serves metrics on the loopback interface only."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable

_LOOPBACK = "127.0.0.1"
_TIMEOUT = 10.0
"""Seconds for a request to arrive."""


class MetricsServer:
    """Responds to GET /metrics and GET /healthz in threads of its own until `close`."""

    def __init__(self, port: int, metrics: Callable[[], str]) -> None:
        """`port`: 0 chooses a free one. `metrics`: called for each scrape, not concurrently. Raise OSError."""
        lock = threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            timeout = _TIMEOUT

            def do_GET(self) -> None:
                host = (self.headers.get("Host") or "").rpartition(":")[0] or self.headers.get("Host")
                if host not in {
                    _LOOPBACK,
                    "localhost",
                }:  # a web page under a name that resolves to the loopback (DNS rebinding)
                    self._respond(403, "text/plain", "Only requests to 127.0.0.1 or localhost are served.\n")
                elif self.path == "/healthz":
                    self._respond(200, "text/plain", "ok\n")
                elif self.path == "/metrics":
                    with lock:
                        text = metrics()
                    self._respond(200, "text/plain; version=0.0.4; charset=utf-8", text)
                else:
                    self._respond(404, "text/plain", "Not found. There are /metrics and /healthz.\n")

            def _respond(self, status: int, kind: str, text: str) -> None:
                content = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Log no scrapes."""

        self._server = http.server.ThreadingHTTPServer((_LOOPBACK, port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://{_LOOPBACK}:{self._server.server_address[1]}/metrics"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
