"""Uploading through a proxy of the environment."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from connect_proxy import ConnectProxy
from ingest_server import IngestServer
from uploading import FAST, Witness, account, account_at, certificate, fill, server_side, spool_in, uploader

from netwatch_tray.cloud.account import parse_endpoint
from netwatch_tray.cloud.client import ServerClient, UnreachableError
from netwatch_tray.cloud.connection import ProxyError, find_proxy, parse_proxy

LONG = 60.0
LETTERS = "p@ss:wörd/"
"""Of a password."""
QUOTED = "p%40ss%3Aw%C3%B6rd%2F"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IngestServer]:
    files = certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    with IngestServer(tls=server_side(files)) as made:
        yield made


def client_of(server: IngestServer, timeout: float = LONG) -> ServerClient:
    return ServerClient(account(server), "test/1", timeout=timeout)


def status(client: ServerClient) -> int:
    """Return the status of the response to a body that is not an envelope."""
    return client.post(b"{}").status


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("scheme", ["http://", ""])
def test_requests_go_through_one_tunnel_of_the_proxy(
    server: IngestServer, monkeypatch: pytest.MonkeyPatch, name: str, scheme: str
) -> None:
    with ConnectProxy() as proxy:
        monkeypatch.setenv(name, f"{scheme}{proxy.address}")
        client = client_of(server)
        assert [status(client) for _ in range(3)] == [422] * 3
        client.close()
        assert proxy.requests == [f"CONNECT 127.0.0.1:{server.port} HTTP/1.1"]
        assert server.connections == 1


def test_snapshots_arrive_through_a_proxy_that_requires_a_password(
    server: IngestServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with ConnectProxy(user=f"user:{LETTERS}") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:{QUOTED}@{proxy.address}")
        spool = spool_in(tmp_path)
        keys = fill(spool, 3)
        client = Witness(account(server), timeout=LONG)
        assert uploader(spool, client).send_once()
        client.close()
        assert server.stored() == keys
        spool.close()


@pytest.mark.parametrize("credentials", ["", "user:wrong@", f"{QUOTED}@"])
def test_a_refused_password_is_reported_and_never_shown(
    server: IngestServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    credentials: str,
) -> None:
    with ConnectProxy(user=f"user:{LETTERS}") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{credentials}{proxy.address}")
        spool = spool_in(tmp_path)
        fill(spool, 1)
        client = Witness(account(server), timeout=LONG)
        sender = uploader(spool, client, FAST)
        assert not sender.send_once()
        client.close()
        shown = f"{sender.state()} {caplog.text}"
        assert f"The proxy {proxy.address} requires another user name and password" in shown
        assert not any(secret in shown for secret in ("wrong", LETTERS, QUOTED))
        assert spool.counts().waiting == 1
        assert server.connections == 0
        spool.close()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (b"HTTP/1.1 403 Forbidden\x1b[31m\r\n\r\n", "refused to connect to 127.0.0.1:[0-9]+: 403 Forbidden\ufffd"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno", "refused to connect .*: 502 Bad Gateway"),
        (b"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1/\r\n\r\n", "refused to connect .*: 301 Moved"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "sent no valid response"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200, "sent no valid response"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000, "sent no valid response"),
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "No encrypted connection to 127.0.0.1|cannot be reached"),
    ],
)
def test_a_failing_proxy_is_reported_with_its_reason(
    server: IngestServer, monkeypatch: pytest.MonkeyPatch, fault: bytes, reason: str
) -> None:
    with ConnectProxy(fault=fault) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        with pytest.raises(UnreachableError, match=reason):
            status(client_of(server))
        assert proxy.requests


@pytest.mark.parametrize("drips", [False, True])
def test_a_hanging_proxy_is_cut_off_at_the_deadline(
    server: IngestServer, monkeypatch: pytest.MonkeyPatch, *, drips: bool
) -> None:
    with ConnectProxy(fault=b"", drips=drips) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        started = time.monotonic()
        with pytest.raises(UnreachableError, match=f"The proxy {proxy.address} did not respond in time"):
            status(client_of(server, timeout=0.3))
        assert 0.3 <= time.monotonic() - started < 30


def test_a_proxy_that_is_not_running_is_named(server: IngestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"user:{QUOTED}@127.0.0.1:{port}")
    with pytest.raises(UnreachableError, match=f"^The proxy 127.0.0.1:{port} cannot be reached: Connection refused.$"):
        status(client_of(server))
    assert server.connections == 0


def test_a_certificate_is_verified_through_the_proxy(
    server: IngestServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate(tmp_path, "netwatch.example")[0]))
    with ConnectProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        with pytest.raises(UnreachableError, match=r"is not trusted.*Nothing was sent"):
            status(client_of(server))
        assert server.requests == []


@pytest.mark.parametrize("exception", ["127.0.0.1", "example.org, 127.0.0.1:{port}", "*"])
def test_servers_of_no_proxy_are_reached_directly(
    server: IngestServer, monkeypatch: pytest.MonkeyPatch, exception: str
) -> None:
    with ConnectProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        monkeypatch.setenv("NO_PROXY", exception.format(port=server.port))
        client = client_of(server)
        assert status(client) == 422
        client.close()
        assert proxy.requests == []


def test_an_unencrypted_request_never_leaves_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request contains the key, and its server is on this host."""
    with IngestServer() as server, ConnectProxy() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.address)
        client = client_of(server)
        assert status(client) == 422
        client.close()
        assert proxy.requests == []


@pytest.mark.parametrize(
    "url", ["socks5://127.0.0.1:1080", "https://user:secret@127.0.0.1:3128", "http://", "127.0.0.1:x"]
)
def test_another_kind_of_proxy_sends_nothing_and_is_reported(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("ALL_PROXY", url)
    with pytest.raises(UnreachableError) as caught:
        status(ServerClient(account_at("https://127.0.0.1:9"), "test/1", timeout=LONG))
    assert "HTTPS_PROXY" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_endpoints_own_name_decides_about_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", ".example.org")
    assert find_proxy(parse_endpoint("https://netwatch.example.org")) is None
    assert find_proxy(parse_endpoint("https://netwatch.example.com")) == ("proxy.example", 3128, None)


def test_a_proxys_credentials_are_in_no_representation() -> None:
    proxy = parse_proxy(f"http://user:{QUOTED}@proxy.example")
    assert proxy == ("proxy.example", 80, "Basic dXNlcjpwQHNzOnfDtnJkLw==")
    assert repr(proxy) == str(proxy) == "proxy.example:80"


def test_a_password_that_is_not_utf8_is_sent_unchanged() -> None:
    assert parse_proxy("http://user:p\udcff@proxy.example").authorization == "Basic dXNlcjpw/w=="


@pytest.mark.parametrize("url", ["http://[::1", "socks4://a", "ftp://b", "http://ü:1"])
def test_an_invalid_proxy_is_refused(url: str) -> None:
    with pytest.raises(ProxyError):
        parse_proxy(url)
