"""Serves metrics on the loopback, to this machine alone."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable

_LOOPBACK = "127.0.0.1"
_TIMEOUT = 10.0
"""Seconds for a request to arrive."""


class MetricsServer:
    """Answers GET /metrics and GET /healthz from threads of its own until it is closed."""

    def __init__(self, port: int, metrics: Callable[[], str]) -> None:
        """`port`: 0 takes any. `metrics`: called for each scrape, one at a time. Raises OSError: the port is taken."""
        lock = threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            timeout = _TIMEOUT

            def do_GET(self) -> None:
                host = (self.headers.get("Host") or "").rpartition(":")[0] or self.headers.get("Host")
                if host not in {_LOOPBACK, "localhost"}:  # a page of the web that says it is us (DNS rebinding)
                    self._say(403, "text/plain", "Only this machine may ask.\n")
                elif self.path == "/healthz":
                    self._say(200, "text/plain", "ok\n")
                elif self.path == "/metrics":
                    with lock:
                        text = metrics()
                    self._say(200, "text/plain; version=0.0.4; charset=utf-8", text)
                else:
                    self._say(404, "text/plain", "Here are /metrics and /healthz.\n")

            def _say(self, status: int, kind: str, text: str) -> None:
                content = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """A scrape is no news."""

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
