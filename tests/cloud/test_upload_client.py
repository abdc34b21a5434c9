"""Requests of the uploader: certificates, malformed responses, deadlines, the key's secrecy, and each decision."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, strategies as st
from ingest_server import KEY, IngestServer, scripted
from uploading import (
    FAST,
    HOST_ID,
    Witness,
    account,
    account_at,
    certificate,
    fill,
    host,
    server_side,
    snapshot,
    spool_in,
    uploader,
    wait_for,
)

from netwatch_tray.cloud import wire
from netwatch_tray.cloud.account import Key
from netwatch_tray.cloud.client import LateError, Response, ServerClient, UnreachableError
from netwatch_tray.cloud.privacy import Scope
from netwatch_tray.cloud.response_policy import Outcome, Pause, PerSnapshot, Retry, SetAside, SlowDown, Split, decide
from netwatch_tray.cloud.uploader import Pace, Uploader
from netwatch_tray.errors import Message

LONG = 60.0


def body() -> bytes:
    health = wire.AgentHealth(collectors_ok=True, dropped_count=0, queue_depth=1)
    return wire.encode_envelope(host(), "test/1", [wire.encode(snapshot(datetime.now(UTC)))], health)


def test_an_untrusted_certificate_gets_no_request(tmp_path: Path) -> None:
    with IngestServer(tls=server_side(certificate(tmp_path, "127.0.0.1"))) as server:
        client = ServerClient(account(server), "test/1", timeout=LONG)
        with pytest.raises(UnreachableError, match=r"certificate .* is not trusted.*Nothing was sent"):
            client.post(body())
        assert server.requests == []


def test_a_certificate_of_another_host_gets_no_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = certificate(tmp_path, "netwatch.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    with IngestServer(tls=server_side(files)) as server:
        client = ServerClient(account(server), "test/1", timeout=LONG)
        with pytest.raises(UnreachableError, match=r"is not trusted.*IP address mismatch"):
            client.post(body())
        assert server.requests == []


def test_many_requests_use_one_tls_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    with IngestServer(tls=server_side(files)) as server:
        client = ServerClient(account(server), "test/1", timeout=LONG)
        assert [client.post(body()).status for _ in range(5)] == [200] * 5
        assert server.connections == 1
        client.close()


def test_a_hanging_tls_server_is_cut_off_at_the_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    with IngestServer(tls=server_side(files), script=scripted(["drip", "hang"])) as server:
        client = ServerClient(account(server), "test/1", timeout=0.5)
        while server.script:  # on a loaded machine a request may be late before it is sent
            with pytest.raises(UnreachableError, match="did not respond in time"):
                client.post(body())
        client.close()
        again = ServerClient(account(server), "test/1", timeout=LONG)
        assert again.post(body()).status == 200
        again.close()


def test_an_endless_handshake_is_cut_off_at_the_deadline() -> None:
    """The server sends a byte now and then, so that no single read times out."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.sendall(b"\x16\x03\x03\x40\x00")  # a record of 16 KiB is on its way
            while True:
                connection.sendall(b"\0")
                time.sleep(0.02)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve)
        server.start()
        client = ServerClient(account_at(f"https://127.0.0.1:{listener.getsockname()[1]}"), "test/1", timeout=0.3)
        with pytest.raises(UnreachableError, match="did not respond in time"):
            client.post(body())
        server.join(60)
        assert not server.is_alive()


GOOD = (
    b"HTTP/1.1 200 OK\r\nDate: Sat, 31 Jan 2026 12:00:00 GMT\r\nRetry-After: 7\r\nContent-Length: 67\r\n\r\n"
    b'{"accepted":1,"rejected":0,"host_id":"6f1c","results":[],"more":{}}'
)


class Parrot:
    """A server that sends given bytes as its response and closes the connection; it serves one client at a time."""

    def __init__(self) -> None:
        self.words = b""
        self.closed = 0
        """Number of closed connections."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection, suppress(OSError):
                request = b""
                while more := connection.recv(1 << 16):
                    request += more
                    if request == b"end":
                        return
                    # Closing with unread input would reset the connection.
                    if request.endswith(b"\r\n\r\n{}"):
                        connection.sendall(self.words)
                        break
            self.closed += 1

    def wait_until_closed(self, connections: int) -> None:
        wait_for(lambda: self.closed >= connections, "the server has closed the connection")

    def stop(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as ender:
            ender.sendall(b"end")
        self._thread.join()
        self._listener.close()


@pytest.fixture(scope="module")
def parrot() -> Iterator[Parrot]:
    made = Parrot()
    yield made
    made.stop()


@given(
    st.binary(max_size=200)
    | st.tuples(st.integers(0, len(GOOD)), st.integers(0, 9), st.binary(max_size=9)).map(
        lambda change: GOOD[: change[0]] + change[2] + GOOD[change[0] + change[1] :]
    )
)
def test_any_bytes_parse_as_response_or_raise_unreachable_error(parrot: Parrot, said: bytes) -> None:
    parrot.words = said
    client = ServerClient(account_at(f"http://127.0.0.1:{parrot.port}"), "test/1", timeout=0.5)
    with suppress(UnreachableError):
        answer = client.post(b"{}")
        assert 100 <= answer.status <= 999
        decide(answer, 1, None)
    client.close()


@pytest.mark.parametrize(
    "said",
    [
        GOOD,
        GOOD.replace(b"\r\nDate", b"\r\nConnection: close\r\nDate"),
        GOOD.replace(b"Content-Length: 67\r\n", b"Connection: close\r\n"),
        GOOD.replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"Content-Length: 67\r\n", b""),
        GOOD.replace(b"Content-Length: 67\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n43\r\n") + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD,
    ],
)
def test_every_way_to_delimit_a_response_is_parsed(parrot: Parrot, said: bytes) -> None:
    parrot.words = said
    client = ServerClient(account_at(f"http://127.0.0.1:{parrot.port}"), "test/1", timeout=LONG)
    for _ in range(2):
        before = parrot.closed
        answer = client.post(b"{}")
        assert (answer.status, json.loads(answer.body)["accepted"], answer.retry_after) == (200, 1, 7.0)
        # The client can notice that the connection was closed only afterwards.
        parrot.wait_until_closed(before + 1)
    client.close()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"", "closed the connection in the middle"),
        (GOOD[:-1], "closed the connection in the middle"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "does not speak HTTP"),
        (GOOD.replace(b"Content-Length: 67", b"Transfer-Encoding: chunked"), "closed the connection in the middle"),
        (GOOD.partition(b"Content")[0] + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n", "does not speak HTTP"),
        (GOOD.replace(b"Retry-After: 7\r\n", b"A: b\r\n" * 99), "does not speak HTTP"),
        (b"HTTP/1.1 200 " + b"o" * 70_000, "more than any response needs"),
        (GOOD.replace(b": 67", b": 99999999999"), "closed the connection in the middle"),
        (GOOD.replace(b": 67", b": 99999999999") + b" " * (1 << 20), "more than any response needs"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (1 << 20) + b"x", "more than any response needs"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 90_000 + GOOD, "more than any response needs"),
        (
            GOOD.partition(b"Content")[0] + b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n" + b" " * (3 << 20),
            "more than any response needs",
        ),
    ],
)
def test_a_malformed_or_endless_response_is_refused(parrot: Parrot, said: bytes, reason: str) -> None:
    parrot.words = said
    client = ServerClient(account_at(f"http://127.0.0.1:{parrot.port}"), "test/1", timeout=LONG)
    with pytest.raises(UnreachableError, match=reason):
        client.post(b"{}")
    client.close()


def test_an_interim_response_is_skipped(parrot: Parrot) -> None:
    parrot.words = b"HTTP/1.1 103 Early Hints\r\n\r\n" + GOOD
    client = ServerClient(account_at(f"http://127.0.0.1:{parrot.port}"), "test/1", timeout=LONG)
    for _ in range(2):
        before = parrot.closed
        assert client.post(b"{}").status == 200
        # The client can notice that the connection was closed only afterwards.
        parrot.wait_until_closed(before + 1)
    client.close()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (b"7", 7.0),
        (b"Sat, 31 Jan 2026 12:01:30 GMT", 90.0),
        (b"Sat, 31 Jan 2026 11:00:00 GMT", 0.0),
        (b"soon", None),
        (b"-5", None),
        (b"1234567", 999999.0),
        (b"99999999999999999999", 999999.0),
    ],
)
def test_retry_after_is_seconds_or_a_date_by_the_servers_clock(
    parrot: Parrot, header: bytes, seconds: float | None
) -> None:
    parrot.words = GOOD.replace(b"Retry-After: 7", b"Retry-After: " + header)
    client = ServerClient(account_at(f"http://127.0.0.1:{parrot.port}"), "test/1", timeout=LONG)
    assert client.post(b"{}").retry_after == seconds
    client.close()


def test_stop_cuts_off_a_hanging_request(tmp_path: Path) -> None:
    with IngestServer(script=scripted(["hang"])) as server:
        spool = spool_in(tmp_path)
        keys = fill(spool, 1)
        sender = uploader(spool, Witness(account(server), timeout=60.0), FAST._replace(timeout=60.0))
        sender.start()
        wait_for(lambda: bool(server.requests), "the server is asked")
        sender.stop(within=0.1)
        assert sender.wait(60)
        assert spool.counts().waiting == len(keys)
        spool.close()


def test_connection_refused_after_the_deadline_is_reported_as_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    client = ServerClient(account_at(f"http://127.0.0.1:{port}"), "test/1", timeout=LONG)
    client.hurry(1.0)
    wait_for(lambda: client._was_cut, "the time is up")
    with pytest.raises(UnreachableError, match="cannot be reached"):
        client.post(b"{}")


@given(count=st.integers(1, 40), timeout=st.floats(0.5, 120.0))
def test_the_deadline_holds_for_all_addresses_of_a_host_together(count: int, timeout: float) -> None:
    """No address responds, so each takes all of the time that it gets."""
    now, tried = 1000.0, []

    class Silent(socket.socket):
        def connect(self, address: Any) -> None:
            nonlocal now
            wait = self.gettimeout()
            assert wait is not None
            assert wait > 0
            now += wait
            tried.append(address)
            raise TimeoutError("timed out")

    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (f"192.0.2.{number}", 443)) for number in range(count)]
    with pytest.MonkeyPatch.context() as patch:
        unreachable = SimpleNamespace(**{**vars(socket), "socket": Silent, "getaddrinfo": lambda *_, **__: addresses})
        patch.setattr("netwatch_tray.cloud.connection.socket", unreachable)
        patch.setattr("netwatch_tray.cloud.connection.time", SimpleNamespace(monotonic=lambda: now))
        with pytest.raises(LateError, match="did not respond in time"):
            ServerClient(account_at("https://many.example"), "test/1", timeout=timeout).post(b"{}")
    assert tried == [address for *_, address in addresses]
    assert now - 1000.0 <= timeout + 1e-6


@pytest.fixture
def refusing() -> Iterator[tuple[int, tuple[str, int]]]:
    """Family and address of a port that nobody else can have, and at which nothing listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield socket.AF_INET, bound.getsockname()


NO_FAMILY = 9999, ("2001:db8::1", 443)
"""Stands for IPv6 in a kernel that was started without it: no socket can be created."""


def resolve_to(patch: pytest.MonkeyPatch, *addresses: tuple[int, tuple[str, int]]) -> None:
    """Make every name resolve to these addresses (family and address)."""
    answer = [(family, socket.SOCK_STREAM, 0, "", address) for family, address in addresses]
    found = SimpleNamespace(**{**vars(socket), "getaddrinfo": lambda *_, **__: answer})
    patch.setattr("netwatch_tray.cloud.connection.socket", found)


@pytest.mark.parametrize("has_ipv6", [True, False])
def test_a_host_is_reached_at_its_second_address(
    has_ipv6: bool, refusing: tuple[int, tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with IngestServer() as server:
        resolve_to(monkeypatch, refusing if has_ipv6 else NO_FAMILY, (socket.AF_INET, ("127.0.0.1", server.port)))
        assert ServerClient(account(server), "test/1", timeout=LONG).post(body()).status == 200


def test_the_error_of_the_first_address_is_reported(
    refusing: tuple[int, tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system sorts addresses that it cannot reach to the end, so their errors explain nothing."""
    resolve_to(monkeypatch, refusing, NO_FAMILY)
    with pytest.raises(UnreachableError, match=r"many\.example cannot be reached: Connection refused\."):
        ServerClient(account_at("https://many.example"), "test/1", timeout=LONG).post(b"{}")


def test_stop_sends_pending_snapshots_at_once(tmp_path: Path) -> None:
    """Without `stop`, `Pace.gap` would delay the next request."""
    with IngestServer() as server:
        spool = spool_in(tmp_path)
        keys = fill(spool, 1)
        sender = uploader(spool, Witness(account(server), timeout=LONG), FAST._replace(gap=1000.0))
        sender.start()
        wait_for(lambda: spool.counts().waiting == 0, "it is sent")
        keys |= fill(spool, 3)
        sender.wake()
        sender.stop()
        assert sender.wait(60)
        assert server.stored() == keys
        spool.close()


def test_the_key_is_in_no_log_state_or_representation(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, expected_logs: list[str]
) -> None:
    expected_logs.append("Sending is paused")
    caplog.set_level(logging.DEBUG)
    script = ["401", "redirect", "not HTTP", "reset", "half an answer", "500", "422", "no JSON"]
    with IngestServer(script=scripted(script)) as server:
        spool = spool_in(tmp_path)
        fill(spool, 2)
        sender = uploader(spool, Witness(account(server)))
        words = []
        for _ in range(len(script) + 3):
            sender.send_once()
            words.append(str(sender.state().message))
        assert spool.counts().waiting == 0
        told = "".join(words) + caplog.text + repr(sender.__dict__) + repr(account(server))
        assert KEY not in told
        assert KEY.removeprefix("nw_ak_") not in told
        spool.close()


def test_a_wrong_key_pauses_and_notifies_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, expected_logs: list[str]
) -> None:
    expected_logs.append("Sending is paused: The server does not accept the API key")
    with IngestServer(key="another") as server:
        spool = spool_in(tmp_path)
        fill(spool, 2)
        told: list[Message] = []
        client = Witness(account(server), timeout=LONG)
        sender = Uploader(spool, client, host, notify=told.append, pace=Pace(gap=0.0, paused=900.0))
        server.script = scripted(["none", "503", "none", "reset", "402"])
        for _ in range(6):
            sender.send_once()
        assert caplog.text.count("is paused") == 1
        assert [str(text).partition(".")[0] for text in told] == ["The server does not accept the API key"]
        assert sender.state().needs_user
        assert "does not accept the API key" in str(sender.state().message)
        assert spool.counts().waiting == 2
        spool.close()


def test_a_body_over_two_mebibytes_is_never_sent(tmp_path: Path) -> None:
    big = snapshot(datetime.now(UTC))
    with IngestServer() as server:
        spool = spool_in(tmp_path)
        names = "x" * 60_000
        keys = set()
        for number in range(100):
            at = datetime.now(UTC) - timedelta(seconds=100 - number)
            made = wire.Snapshot(
                timestamp=wire.timestamp(at),
                interfaces=big.interfaces,
                processes=(
                    wire.ProcessBandwidth(
                        process_name=names, rx_bytes=0, tx_bytes=0, rx_rate=0.0, tx_rate=0.0, connection_count=0
                    ),
                ),
            )
            spool.append(HOST_ID, at.timestamp(), wire.encode(made), Scope())
            keys.add((HOST_ID, made.timestamp))
        sender = uploader(spool, Witness(account(server), timeout=LONG))
        while spool.counts().waiting:
            assert sender.send_once()
        assert server.stored() == keys
        assert {request.answer for request in server.requests} == {200}
        assert len(server.requests) == 3
        spool.close()


def test_only_the_refused_snapshot_is_set_aside(tmp_path: Path) -> None:
    with IngestServer() as server:
        spool = spool_in(tmp_path)
        keys = fill(spool, 20)
        spool.append(HOST_ID, time.time() - 10.5, b'{"timestamp":"2026-01-01","interfaces":[]}', Scope())
        client = ServerClient(account(server), "test/1", timeout=LONG)
        sender = uploader(spool, client)
        for _ in range(60):
            sender.send_once()
        assert server.stored() == keys
        assert spool.counts()[:2] == (0, 1)
        assert "HTTP 422" in str(sender.state().message)
        spool.close()


def test_415_sets_the_batch_aside_with_its_reason(tmp_path: Path) -> None:
    class NoType(ServerClient):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._headers["Content-Type"] = "text/plain"

    with IngestServer() as server:
        spool = spool_in(tmp_path)
        fill(spool, 4)
        sender = uploader(spool, NoType(account(server), "test/1", timeout=LONG))
        assert not sender.send_once()
        assert spool.counts()[:2] == (0, 4)
        assert "HTTP 415: Expected request with" in (spool.counts().reason or "")
        spool.close()


def test_a_wrong_clock_pauses_and_loses_no_snapshot(tmp_path: Path, expected_logs: list[str]) -> None:
    expected_logs.append("Sending is paused: The server accepts nothing from a computer whose clock is that wrong")
    with IngestServer(clock_offset=3 * 86400) as server:
        spool = spool_in(tmp_path)
        keys = fill(spool, 3)
        sender = uploader(spool, Witness(account(server), timeout=LONG))
        for _ in range(8):
            assert not sender.send_once()
        assert spool.counts()[:2] == (3, 0)
        state = sender.state()
        assert state.clock_skew == pytest.approx(-3 * 86400, abs=5)
        assert "This computer's clock is 3 days behind the server's: set it." in str(state.message)
        server.clock_offset = 0
        assert sender.send_once()
        assert server.stored() == keys
        assert sender.state().clock_skew is None
        spool.close()


def test_refusal_as_too_old_is_final_unless_the_clocks_differ() -> None:
    answer = Response(400, _answer(0, 1, [(0, 400, "Timestamp outside ±24 hour window")]), None, None, None)
    assert decide(answer, 1, 2.0) == PerSnapshot(((Outcome.REJECTED, Message("Timestamp outside ±24 hour window")),))
    assert decide(answer, 1, 90000.0) == PerSnapshot(
        ((Outcome.DEFERRED, Message("Timestamp outside ±24 hour window")),)
    )


def test_a_snapshot_that_always_fails_is_set_aside(tmp_path: Path) -> None:
    """The self-hosted server responds 500 each time where its database refuses the contents."""
    with IngestServer(rules="dashboard", script=scripted(["200 with rejections"] * 50)) as server:
        spool = spool_in(tmp_path)
        keys = sorted(fill(spool, 2))
        sender = uploader(spool, Witness(account(server), timeout=LONG))
        sender.send_once()
        assert server.stored() == {keys[0]}
        for _ in range(5):
            sender.send_once()
        assert spool.counts().waiting == 0
        spool.close()


def test_failure_of_every_snapshot_sets_none_aside(tmp_path: Path) -> None:
    """The server's disk may be full. Snapshots arrive when there is room again, however long that takes."""
    with IngestServer(rules="dashboard", script=scripted(["stores nothing"] * 30)) as server:
        spool = spool_in(tmp_path)
        keys = fill(spool, 3)
        sender = uploader(spool, Witness(account(server), timeout=LONG))
        for _ in range(30):
            assert not sender.send_once()
        assert "could not store" in str(sender.state().message)
        assert spool.counts()[:2] == (3, 0)
        assert sender.send_once()
        assert server.stored() == keys
        spool.close()


def test_stop_without_drain_sends_nothing_more(tmp_path: Path) -> None:
    with IngestServer() as server:
        spool = spool_in(tmp_path)
        fill(spool, 1)
        sender = uploader(spool, Witness(account(server), timeout=LONG), FAST._replace(gap=1000.0))
        sender.start()
        wait_for(lambda: spool.counts().waiting == 0, "it is sent")
        fill(spool, 3)
        sender.wake()
        sender.stop(drain=False)
        assert sender.wait(60)
        assert len(server.stored()) == 1
        assert spool.counts().waiting == 3
        spool.close()


def test_a_late_response_halves_the_batch(tmp_path: Path) -> None:
    """After a day offline a link may be too slow for a hundred snapshots at once."""
    with IngestServer(script=scripted(["hang", "reset"])) as server:
        spool = spool_in(tmp_path)
        keys = fill(spool, 8)
        client = Witness(account(server), timeout=0.5)
        sender = uploader(spool, client)
        assert not sender.send_once()
        client._timeout = LONG  # no other request is late
        while spool.counts().waiting:
            sender.send_once()
        assert [len(request.keys) for request in server.requests] == [8, 4, 4, 4]
        assert server.stored() == keys
        spool.close()


def test_an_unexpected_error_does_not_end_uploading(tmp_path: Path, expected_logs: list[str]) -> None:
    class Broken(Witness):
        is_broken = True

        def post(self, body: bytes) -> Response:
            if self.is_broken:
                self.is_broken = False
                raise KeyError("a bug")
            return super().post(body)

    expected_logs.append("Unexpected error; uploading goes on")
    with IngestServer() as server:
        spool = spool_in(tmp_path)
        keys = fill(spool, 2)
        sender = uploader(spool, Broken(account(server), timeout=LONG))
        sender.start()
        wait_for(lambda: server.stored() == keys, "all is sent")
        sender.stop()
        assert sender.wait(60)
        spool.close()


def _answer(accepted: int, rejected: int, results: list[tuple[int, int, str]]) -> bytes:
    keys = ("index", "status", "message")
    found = [dict(zip(keys, each, strict=True)) for each in results]
    return json.dumps({"accepted": accepted, "rejected": rejected, "host_id": HOST_ID, "results": found}).encode()


MIXED = _answer(1, 2, [(0, 200, "OK"), (1, 400, "Failed to insert snapshot"), (2, 500, "Transaction error")])
OUTCOMES = (
    (Outcome.ACCEPTED, Message("OK")),
    (Outcome.REJECTED, Message("Failed to insert snapshot")),
    (Outcome.FAILED, Message("Transaction error")),
)


@pytest.mark.parametrize(
    ("status", "content", "decision"),
    [
        (200, _answer(3, 0, []), PerSnapshot(((Outcome.ACCEPTED, Message("")),) * 3)),
        (200, MIXED, PerSnapshot(OUTCOMES)),
        (207, MIXED, PerSnapshot(OUTCOMES)),
        (400, MIXED, PerSnapshot(OUTCOMES)),
        (200, b"", Retry),
        (207, b"<html>", Retry),
        (400, b"", Split),
        (400, b'{"error":"no snapshots"}', Split),
        (413, b"length limit exceeded", Split),
        (422, b"missing field", Split),
        (415, b"", SetAside),
        (401, b"", Pause),
        (402, b"", Pause),
        (403, b"", Pause),
        (404, b"", Pause),
        (308, b"", Pause),
        (429, b"Too many requests", SlowDown),
        (500, b"", Retry),
        (503, b"", Retry),
        (418, b"", Retry),
    ],
)
def test_each_response_decides_what_is_done_with_the_snapshots(status: int, content: bytes, decision: Any) -> None:
    found = decide(Response(status, content, None, None, None), 3, None)
    assert found == decision if isinstance(decision, PerSnapshot) else isinstance(found, decision)


@given(status=st.integers(100, 599), content=st.binary(max_size=100), count=st.integers(1, 100))
def test_no_snapshot_is_settled_by_random_bytes(status: int, content: bytes, count: int) -> None:
    found = decide(Response(status, content, None, None, "somewhere\x1b[31m"), count, None)
    assert not isinstance(found, PerSnapshot)  # random bytes are no answer of a server
    assert str(found.reason).isprintable()


def test_a_servers_message_is_printable_and_short() -> None:
    answer = Response(207, _answer(0, 1, [(0, 400, "no\x1b]0;x\x07 \n" + "o" * 999)]), None, None, None)
    found = decide(answer, 1, None)
    assert isinstance(found, PerSnapshot)
    ((_, words),) = found.outcomes
    assert str(words).isprintable()
    assert len(str(words)) == 200


def test_snapshots_missing_in_the_results_are_sent_again() -> None:
    found = decide(Response(207, _answer(1, 1, [(0, 200, "OK"), (77, 200, "OK")]), None, None, None), 2, None)
    assert isinstance(found, PerSnapshot)
    assert [outcome for outcome, _ in found.outcomes] == [Outcome.ACCEPTED, Outcome.FAILED]


def test_back_off_doubles_to_a_limit_with_full_jitter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netwatch_tray.clock.boottime", lambda: 1000.0)

    class Dead(ServerClient):
        def post(self, body: bytes) -> Response:  # noqa: ARG002  it does not get that far
            raise UnreachableError(Message("no network"))

    spool = spool_in(tmp_path)
    fill(spool, 1)
    with IngestServer() as server:
        for luck, waits in (
            (1.0, [22, 44, 60, 60, 60, 60, 60]),
            (0.5, [11, 22, 30, 30, 30, 30, 30]),
            (0.0, [11] * 7),
        ):
            dead = Dead(account(server), "test/1", timeout=1.0)
            sender = Uploader(spool, dead, host, pace=Pace(), jitter=partial(float, luck))
            found = []
            for _ in waits:
                sender.send_once()
                found.append(sender._not_before - 1000.0)
            assert found == waits
    spool.close()


def test_a_key_of_another_form_is_sent_unchanged() -> None:
    """The self-hosted server accepts keys of any form."""
    with IngestServer(rules="dashboard", key="ndk_abc-_123") as server:
        client = ServerClient(account(server, "ndk_abc-_123"), "test/1", timeout=LONG)
        assert client.post(body()).status == 200
        assert Key("ndk_abc-_123").reveal() == server.key
        client.close()
