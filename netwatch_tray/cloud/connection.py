"""An HTTP/1.1 connection to one server, directly or through a proxy, on which each request has one deadline.

The deadline covers the proxy, the TLS handshake, the request and the whole response. A timeout of the socket alone
applies to each single read, so a server that sends a byte a minute would never time out.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import select
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from netwatch_tray.cloud.account import Endpoint
from netwatch_tray.cloud.http_response import (
    ClosedEarlyError,
    HttpResponse,
    ResponseError,
    ResponseTooLargeError,
    read_response,
)
from netwatch_tray.collect import own_sockets
from netwatch_tray.errors import Message, message
from netwatch_tray.text import printable, without_credentials

_MAX_BODY = 1 << 20
"""Most bytes of a response's body. The results for a hundred snapshots take a hundredth of it."""
_MAX_RECEIVED = 2 << 20
"""Most bytes received for one request, with all headers and interim responses."""
_RECORD = 1 << 14
"""Bytes read at a time: the greatest size of a TLS record."""
_MAX_REASON = 100
"""Characters quoted of the reason for which a proxy refuses."""
_PROXY_PORT = 80


class ProxyError(OSError):
    """The proxy cannot be used, or refused to connect. `message` is a sentence for the user."""

    def __init__(self, reason: Message) -> None:
        super().__init__(str(reason))
        self.message = reason


class Proxy(NamedTuple):
    """An HTTP proxy."""

    host: str
    port: int
    authorization: str | None
    """Value of the header Proxy-Authorization (RFC 7617); None if there are no credentials."""

    def __repr__(self) -> str:
        """Return host and port only, because credentials must not get into a log."""
        return f"{self.host}:{self.port}"


class Connection:
    """A connection to one server. It connects when a request needs it, and again if the server has closed it. Not
    thread-safe, except `shutdown`."""

    def __init__(self, endpoint: Endpoint, trusted: Callable[[], ssl.SSLContext]) -> None:
        """`trusted`: returns the TLS context. Called when it is needed first; may raise OSError."""
        self._endpoint = endpoint
        self._trusted = trusted
        self._limits = _Limits()
        self._tls: ssl.SSLContext | None = None
        self._socket: socket.socket | None = None

    def send(self, request: bytes, timeout: float) -> None:
        """Send a request. `timeout`: seconds until the response must be complete. Raise OSError (ssl.SSLError,
        ProxyError …) if it cannot be sent."""
        self._limits = _Limits(timeout)
        sock = self._socket
        if sock is None or _is_readable(sock):  # the server has closed it in the meantime
            self.disconnect()
            sock = self._connect()
        sock.settimeout(self._limits.left())
        sock.sendall(request)

    def receive(self) -> HttpResponse:
        """Return the response to the request that was sent last. Raise OSError or ResponseError if there is none or it
        is malformed."""
        if self._socket is None:
            raise ClosedEarlyError
        response = read_response(self._receiver(self._socket), _MAX_BODY)
        if response.is_last:
            self.disconnect()
        return response

    def disconnect(self) -> None:
        sock, self._socket = self._socket, None
        if sock is not None:
            sock.close()

    def shutdown(self) -> None:
        """Make the running request fail at once; callable from any thread. While a name is resolved or a connection is
        being established, nothing happens."""
        sock = self._socket
        if sock is not None:
            with contextlib.suppress(OSError):
                # Not SSLSocket's own method, which removes the TLS layer while the other thread reads from it.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _connect(self) -> socket.socket:
        proxy = find_proxy(self._endpoint)
        sock = self._open(self._endpoint.host, self._endpoint.port) if proxy is None else self._open_tunnel(proxy)
        return self._start_tls(sock) if self._endpoint.is_secure else sock

    def _receiver(self, sock: socket.socket) -> Callable[[], bytes]:
        limits = self._limits

        def receive() -> bytes:
            sock.settimeout(limits.left())
            received = sock.recv(_RECORD)
            limits.count(len(received))
            return received

        return receive

    def _open(self, host: str, port: int) -> socket.socket:
        """Connect to the first address of a host that accepts. Each gets an equal share of the time that is left, so
        that all have a chance before the deadline; `socket.create_connection` would give all of it to each. If none
        accepts, raise the error of the first, which is the most likely to be reachable (RFC 6724)."""
        # As bytes, because for text Python would load the rules for names that are not ASCII.
        found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
        failures: list[OSError] = []
        try:
            for family, kind, protocol, _, address in found:
                try:
                    sock = socket.socket(family, kind, protocol)  # fails for IPv6 if the kernel was started without it
                except OSError as error:
                    failures.append(error)
                    continue
                try:
                    sock.settimeout(self._limits.left() / (len(found) - len(failures)))
                    sock.connect(address)
                    break
                except OSError as error:
                    sock.close()
                    failures.append(error)
            else:
                raise failures[0]
        finally:
            failures.clear()  # their tracebacks refer to this frame, and so to themselves
        self._socket = sock
        own_sockets.note(sock)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def _open_tunnel(self, proxy: Proxy) -> socket.socket:
        """Connect to the proxy and make it connect to the server, by CONNECT (RFC 9110, section 9.3.6). Return the
        socket."""
        try:
            return self._request_tunnel(proxy)
        except TimeoutError as error:
            raise ProxyError(message("The proxy {proxy} did not respond in time.", proxy=proxy)) from error

    def _request_tunnel(self, proxy: Proxy) -> socket.socket:
        try:
            sock = self._open(proxy.host, proxy.port)
        except TimeoutError:
            raise
        except OSError as error:
            raise ProxyError(
                message("The proxy {proxy} cannot be reached: {reason}.", proxy=proxy, reason=error)
            ) from error
        host = self._endpoint.host
        target = f"[{host}]:{self._endpoint.port}" if ":" in host else f"{host}:{self._endpoint.port}"
        request = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"
        if proxy.authorization is not None:
            request += f"Proxy-Authorization: {proxy.authorization}\r\n"
        sock.settimeout(self._limits.left())
        sock.sendall(f"{request}\r\n".encode("ascii"))
        try:
            response = read_response(self._receiver(sock), 0, has_body=False)
        except ResponseError as error:
            raise ProxyError(message("The proxy {proxy} sent no valid response.", proxy=proxy)) from error
        if response.status == 407:
            raise ProxyError(
                message(
                    "The proxy {proxy} requires another user name and password. "
                    "Set them in HTTPS_PROXY: http://user:password@host:port",
                    proxy=proxy,
                )
            )
        if not 200 <= response.status < 300:
            reason = printable(f"{response.status} {response.reason}", _MAX_REASON)
            raise ProxyError(
                message(
                    "The proxy {proxy} refused to connect to {target}: {reason}.",
                    proxy=proxy,
                    target=target,
                    reason=reason,
                )
            )
        return sock

    def _start_tls(self, sock: socket.socket) -> socket.socket:
        if self._tls is None:
            self._tls = self._trusted()
        host = self._endpoint.host.encode("ascii")  # as in `_open`
        tls = self._tls.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        self._socket = tls
        tls.settimeout(self._limits.left())
        tls.do_handshake()
        return tls


class _Limits:
    """What is left of the time and the bytes that one request and its response may take."""

    def __init__(self, timeout: float = 0.0) -> None:
        self._deadline = time.monotonic() + timeout
        self._room = _MAX_RECEIVED

    def left(self) -> float:
        """Return the seconds until the deadline. Raise TimeoutError after it."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def count(self, received: int) -> None:
        """Subtract received bytes. Raise ResponseTooLargeError if there are more than allowed."""
        self._room -= received
        if self._room < 0:
            raise ResponseTooLargeError


def find_proxy(endpoint: Endpoint) -> Proxy | None:
    """Return the proxy for a server by urllib's rules: from HTTPS_PROXY and NO_PROXY, on macOS also from the system's
    settings.

    ALL_PROXY is used if HTTPS_PROXY is not set. Return None to connect directly, as to every unencrypted endpoint,
    because those are on this host. Raise ProxyError if the proxy is not an HTTP proxy.
    """
    if not endpoint.is_secure or not _may_have_proxy():
        return None
    import urllib.request  # noqa: PLC0415  costs half a megabyte

    proxies = urllib.request.getproxies()
    url = proxies.get("https") or proxies.get("all")
    if not url or urllib.request.proxy_bypass(f"{endpoint.host}:{endpoint.port}"):
        return None
    return parse_proxy(url)


def _may_have_proxy() -> bool:
    """Return whether `urllib.request`, a costly import, has to be used: a proxy may be set in the environment, or by
    macOS, whose settings Python reads by the module `_scproxy`."""
    return any(name.lower().endswith("_proxy") for name in os.environ) or bool(importlib.util.find_spec("_scproxy"))


def parse_proxy(url: str) -> Proxy:
    """Parse `http://user:password@host:port`; scheme, credentials and port (80) are optional. Raise ProxyError if it is
    invalid."""
    shown = without_credentials(url)
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ProxyError(
            message("Invalid proxy URL {url}. Correct HTTPS_PROXY.", url=repr(printable(shown)))
        ) from error
    if parts.scheme != "http" or not host or not host.isascii():
        raise ProxyError(
            message(
                "The proxy {url} cannot be used: only HTTP proxies (http://host:port) are supported. "
                "Set HTTPS_PROXY to one, or add the server to NO_PROXY.",
                url=repr(printable(shown)),
            )
        )
    authorization = None
    if parts.username is not None:
        import base64  # noqa: PLC0415  where it is needed

        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        # The environment may hold bytes that are not UTF-8, which Python gives as surrogates.
        octets = credentials.encode("utf-8", "surrogateescape")
        authorization = f"Basic {base64.b64encode(octets).decode()}"
    return Proxy(host, port or _PROXY_PORT, authorization)


def trusted_by_system() -> ssl.SSLContext:
    """Return a TLS context that verifies certificates and host names, by the system's certificate authorities, with TLS
    1.2 at least.

    If the system has a directory with a file for each authority, named by hash, OpenSSL reads only those it needs: all
    of them would take 1.3 MB of memory.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    where = ssl.get_default_verify_paths()
    if where.openssl_cafile_env not in os.environ and where.capath and any(Path(where.capath).glob("*.0")):
        context.load_verify_locations(capath=where.capath)
    else:
        context.load_default_certs()
    return context


def _is_readable(sock: socket.socket) -> bool:
    """Return whether an idle connection has something to read: the end of the stream, or bytes that belong to no
    request. It must not be used any more then."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    if not poll.poll(0):
        return False
    sock.settimeout(0)
    try:
        sock.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):  # what came is of TLS itself, such as a ticket
        return False
    except OSError:
        pass
    return True
