"""One request at a time: what it trusts, what it never tells, and what each answer means."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
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
from netwatch_tray.cloud.client import Answer, ServerClient, UnreachableError
from netwatch_tray.cloud.privacy import Scope
from netwatch_tray.cloud.uploader import Pace, Uploader
from netwatch_tray.cloud.verdict import Again, Aside, Each, Paused, Smaller, judge

LONG = 60.0


def body() -> bytes:
    health = wire.AgentHealth(collectors_ok=True, dropped_count=0, queue_depth=1)
    return wire.encode_envelope(host(), "test/1", [wire.encode(snapshot(datetime.now(UTC)))], health)


def test_a_certificate_that_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    with IngestServer(tls=server_side(certificate(tmp_path, "127.0.0.1"))) as server:
        client = ServerClient(account(server), "test/1", timeout=LONG)
        with pytest.raises(UnreachableError, match=r"certificate .* is not to be trusted.*Nothing was sent"):
            client.post(body())
        assert server.requests == []


def test_a_certificate_of_another_host_gets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = certificate(tmp_path, "netwatch.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    with IngestServer(tls=server_side(files)) as server:
        client = ServerClient(account(server), "test/1", timeout=LONG)
        with pytest.raises(UnreachableError, match=r"is not to be trusted.*IP address mismatch"):
            client.post(body())
        assert server.requests == []


def test_a_trusted_certificate_carries_many_requests_over_one_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    with IngestServer(tls=server_side(files)) as server:
        client = ServerClient(account(server), "test/1", timeout=LONG)
        assert [client.post(body()).status for _ in range(5)] == [200] * 5
        assert server.connections == 1
        client.close()


def test_a_hanging_tls_server_is_cut_off_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = certificate(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    with IngestServer(tls=server_side(files), script=scripted(["drip", "hang"])) as server:
        client = ServerClient(account(server), "test/1", timeout=0.5)
        while server.script:  # on a loaded machine a request may be late before it is sent
            with pytest.raises(UnreachableError, match="did not answer in time"):
                client.post(body())
        client.close()
        again = ServerClient(account(server), "test/1", timeout=LONG)
        assert again.post(body()).status == 200
        again.close()


def test_a_handshake_without_end_is_cut_off_in_time() -> None:
    """A byte now and then, so that no single read is late."""

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
        with pytest.raises(UnreachableError, match="did not answer in time"):
            client.post(body())
        server.join(60)
        assert not server.is_alive()


GOOD = (
    b"HTTP/1.1 200 OK\r\nDate: Sat, 31 Jan 2026 12:00:00 GMT\r\nRetry-After: 7\r\nContent-Length: 67\r\n\r\n"
    b'{"accepted":1,"rejected":0,"host_id":"6f1c","results":[],"more":{}}'
)


class Parrot:
    """A server that responds with given bytes and closes the connection, to one client at a time."""

    def __init__(self) -> None:
        self.words = b""
        self.closed = 0
        """Connections, as far as a client can notice it."""
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
                    # The client sends head and body apart. Closing with unread input would reset the connection.
                    if request.endswith(b"\r\n\r\n{}"):
                        connection.sendall(self.words)
                        break
            self.closed += 1

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
def test_whatever_comes_back_is_an_answer_or_unreachable(parrot: Parrot, said: bytes) -> None:
    parrot.words = said
    client = ServerClient(account_at(f"http://127.0.0.1:{parrot.port}"), "test/1", timeout=0.5)
    with suppress(UnreachableError):
        answer = client.post(b"{}")
        assert 100 <= answer.status <= 999
        judge(answer, 1, None)
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
def test_every_way_to_end_an_answer_is_understood(parrot: Parrot, said: bytes) -> None:
    parrot.words = said
    client = ServerClient(account_at(f"http://127.0.0.1:{parrot.port}"), "test/1", timeout=LONG)
    for _ in range(2):
        before = parrot.closed
        answer = client.post(b"{}")
        assert (answer.status, json.loads(answer.body)["accepted"], answer.retry_after) == (200, 1, 7.0)
        # The client can notice that the connection was closed only afterwards.
        wait_for(lambda before=before: parrot.closed > before, "the server has closed the connection")
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
        (b"HTTP/1.1 200 " + b"o" * 70_000, "more than any answer needs"),
        (GOOD.replace(b": 67", b": 99999999999"), "closed the connection in the middle"),
        (GOOD.replace(b": 67", b": 99999999999") + b" " * (1 << 20), "more than any answer needs"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (1 << 20) + b"x", "more than any answer needs"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 90_000 + GOOD, "more than any answer needs"),
        (
            GOOD.partition(b"Content")[0] + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + b" " * (3 << 20),
            "more than any answer needs",
        ),
    ],
)
def test_a_malformed_or_endless_response_is_refused(parrot: Parrot, said: bytes, reason: str) -> None:
    parrot.words = said
    client = ServerClient(account_at(f"http://127.0.0.1:{parrot.port}"), "test/1", timeout=LONG)
    with pytest.raises(UnreachableError, match=reason):
        client.post(b"{}")
    client.close()


def test_a_response_after_an_interim_one_is_not_taken_for_the_next_requests(parrot: Parrot) -> None:
    parrot.words = b"HTTP/1.1 103 Early Hints\r\n\r\n" + GOOD
    client = ServerClient(account_at(f"http://127.0.0.1:{parrot.port}"), "test/1", timeout=LONG)
    assert [client.post(b"{}").status for _ in range(2)] == [103, 103]
    client.close()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (b"7", 7.0),
        (b"Sat, 31 Jan 2026 12:01:30 GMT", 90.0),
        (b"Sat, 31 Jan 2026 11:00:00 GMT", 0.0),
        (b"soon", None),
        (b"-5", None),
        (b"99999999999999999999", 999999.0),
    ],
)
def test_how_long_the_server_asks_to_wait(parrot: Parrot, header: bytes, seconds: float | None) -> None:
    parrot.words = GOOD.replace(b"Retry-After: 7", b"Retry-After: " + header)
    client = ServerClient(account_at(f"http://127.0.0.1:{parrot.port}"), "test/1", timeout=LONG)
    assert client.post(b"{}").retry_after == seconds
    client.close()


def test_stopping_does_not_wait_for_a_server_that_hangs(tmp_path: Path) -> None:
    with IngestServer(script=scripted(["hang"])) as server:
        spool = spool_in(tmp_path)
        keys = fill(spool, 1)
        sender = uploader(spool, Witness(account(server), timeout=60.0), FAST._replace(timeout=60.0))
        sender.start()
        wait_for(lambda: bool(server.requests), "the server is asked")
        sender.stop(within=0.1)
        assert sender.wait(60)
        assert spool.level().waiting == len(keys)
        spool.close()


def test_what_came_last_is_sent_before_the_end(tmp_path: Path) -> None:
    """Although the next request would not have been due for long."""
    with IngestServer() as server:
        spool = spool_in(tmp_path)
        keys = fill(spool, 1)
        sender = uploader(spool, Witness(account(server), timeout=LONG), FAST._replace(gap=1000.0))
        sender.start()
        wait_for(lambda: spool.level().waiting == 0, "it is sent")
        keys |= fill(spool, 3)
        sender.wake()
        sender.stop()
        assert sender.wait(60)
        assert server.stored() == keys
        spool.close()


def test_the_key_is_in_no_log_error_or_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, expected_logs: list[str]
) -> None:
    expected_logs.append("Uploading is paused")
    caplog.set_level(logging.DEBUG)
    script = ["401", "redirect", "not HTTP", "reset", "half an answer", "500", "422", "no JSON"]
    with IngestServer(script=scripted(script)) as server:
        spool = spool_in(tmp_path)
        fill(spool, 2)
        sender = uploader(spool, Witness(account(server)))
        words = []
        for _ in range(len(script) + 3):
            sender.send_once()
            words.append(str(sender.state()))
        assert spool.level().waiting == 0
        told = "".join(words) + caplog.text + repr(sender.__dict__) + repr(account(server))
        assert KEY not in told
        assert KEY.removeprefix("nw_ak_") not in told
        spool.close()


def test_a_wrong_key_pauses_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, expected_logs: list[str]
) -> None:
    expected_logs.append("Uploading is paused: The server does not accept the API key")
    with IngestServer(key="another") as server:
        spool = spool_in(tmp_path)
        fill(spool, 2)
        told: list[str] = []
        client = Witness(account(server))
        sender = Uploader(spool, client, host, tell=told.append, pace=Pace(gap=0.0, paused=900.0))
        server.script = scripted(["none", "503", "none", "reset", "402"])
        for _ in range(6):
            sender.send_once()
        assert caplog.text.count("is paused") == 1
        assert [text.partition(".")[0] for text in told] == ["The server does not accept the API key"]
        assert sender.state().needs_person
        assert "does not accept the API key" in str(sender.state())
        assert spool.level().waiting == 2
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
        while spool.level().waiting:
            assert sender.send_once()
        assert server.stored() == keys
        assert {request.answer for request in server.requests} == {200}
        assert len(server.requests) == 3
        spool.close()


def test_one_poisonous_snapshot_is_found_and_set_aside_alone(tmp_path: Path) -> None:
    with IngestServer() as server:
        spool = spool_in(tmp_path)
        keys = fill(spool, 20)
        spool.append(HOST_ID, time.time() - 10.5, b'{"timestamp":"2026-01-01","interfaces":[]}', Scope())
        client = ServerClient(account(server), "test/1", timeout=LONG)
        sender = uploader(spool, client)
        for _ in range(60):
            sender.send_once()
        assert server.stored() == keys
        assert spool.level()[:2] == (0, 1)
        assert "HTTP 422" in str(sender.state())
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
        assert spool.level()[:2] == (0, 4)
        assert "HTTP 415: Expected request with" in (spool.level().reason or "")
        spool.close()


def test_a_clock_that_is_days_off_is_told_and_loses_nothing_until_it_is_right(
    tmp_path: Path, expected_logs: list[str]
) -> None:
    expected_logs.append("Uploading is paused: The server takes nothing from a computer whose clock is that wrong")
    with IngestServer(clock_offset=3 * 86400) as server:
        spool = spool_in(tmp_path)
        keys = fill(spool, 3)
        sender = uploader(spool, Witness(account(server), timeout=LONG))
        for _ in range(8):
            assert not sender.send_once()
        assert spool.level()[:2] == (3, 0)
        state = sender.state()
        assert state.clock_skew == pytest.approx(-3 * 86400, abs=5)
        assert "This computer's clock is 3 days behind the server's: set it." in str(state)
        server.clock_offset = 0
        assert sender.send_once()
        assert server.stored() == keys
        assert sender.state().clock_skew is None
        spool.close()


def test_too_old_for_the_server_with_clocks_that_agree_is_final() -> None:
    answer = Answer(400, _answer(0, 1, [(0, 400, "Timestamp outside ±24 hour window")]), None, None, None)
    assert judge(answer, 1, 2.0) == Each((("rejected", "Timestamp outside ±24 hour window"),))
    assert judge(answer, 1, 90000.0) == Each((("wait", "Timestamp outside ±24 hour window"),))


def test_a_snapshot_that_the_server_always_stumbles_over_is_given_up(tmp_path: Path) -> None:
    """The self-hosted server answers 500 for it, for ever, where its database dislikes what is in it."""
    with IngestServer(rules="dashboard", script=scripted(["200 with rejections"] * 50)) as server:
        spool = spool_in(tmp_path)
        keys = sorted(fill(spool, 2))
        sender = uploader(spool, Witness(account(server), timeout=LONG))
        sender.send_once()
        assert server.stored() == {keys[0]}
        for _ in range(5):
            sender.send_once()
        assert spool.level().waiting == 0
        spool.close()


def test_a_server_that_can_store_nothing_blames_no_snapshot(tmp_path: Path) -> None:
    """Its disk is full, say: however long that lasts, they arrive when it is mended."""
    with IngestServer(rules="dashboard", script=scripted(["stores nothing"] * 30)) as server:
        spool = spool_in(tmp_path)
        keys = fill(spool, 3)
        sender = uploader(spool, Witness(account(server), timeout=LONG))
        for _ in range(30):
            assert not sender.send_once()
        assert "could not store" in str(sender.state())
        assert spool.level()[:2] == (3, 0)
        assert sender.send_once()
        assert server.stored() == keys
        spool.close()


def test_switched_off_nothing_more_is_sent(tmp_path: Path) -> None:
    with IngestServer() as server:
        spool = spool_in(tmp_path)
        fill(spool, 1)
        sender = uploader(spool, Witness(account(server), timeout=LONG), FAST._replace(gap=1000.0))
        sender.start()
        wait_for(lambda: spool.level().waiting == 0, "it is sent")
        fill(spool, 3)
        sender.wake()
        sender.stop(drain=False)
        assert sender.wait(60)
        assert len(server.stored()) == 1
        assert spool.level().waiting == 3
        spool.close()


def test_what_does_not_get_through_in_time_is_sent_in_smaller_parts(tmp_path: Path) -> None:
    """After a day offline a line may be too slow for a hundred at once."""
    with IngestServer(script=scripted(["hang", "reset"])) as server:
        spool = spool_in(tmp_path)
        keys = fill(spool, 8)
        client = Witness(account(server), timeout=0.5)
        sender = uploader(spool, client)
        assert not sender.send_once()
        client._timeout = LONG  # no other request is late
        while spool.level().waiting:
            sender.send_once()
        assert [len(request.keys) for request in server.requests] == [8, 4, 4, 4]
        assert server.stored() == keys
        spool.close()


def test_a_bug_over_one_batch_does_not_end_uploading(tmp_path: Path, expected_logs: list[str]) -> None:
    class Broken(Witness):
        is_broken = True

        def post(self, body: bytes) -> Answer:
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
FATES = (("accepted", "OK"), ("rejected", "Failed to insert snapshot"), ("failed", "Transaction error"))


@pytest.mark.parametrize(
    ("status", "content", "verdict"),
    [
        (200, _answer(3, 0, []), Each((("accepted", ""),) * 3)),
        (200, MIXED, Each(FATES)),
        (207, MIXED, Each(FATES)),
        (400, MIXED, Each(FATES)),
        (200, b"", Again),
        (207, b"<html>", Again),
        (400, b"", Smaller),
        (400, b'{"error":"no snapshots"}', Smaller),
        (413, b"length limit exceeded", Smaller),
        (422, b"missing field", Smaller),
        (415, b"", Aside),
        (401, b"", Paused),
        (402, b"", Paused),
        (403, b"", Paused),
        (404, b"", Paused),
        (308, b"", Paused),
        (429, b"Too many requests", Again),
        (500, b"", Again),
        (503, b"", Again),
        (418, b"", Again),
    ],
)
def test_what_each_answer_means(status: int, content: bytes, verdict: Any) -> None:
    found = judge(Answer(status, content, None, None, None), 3, None)
    assert found == verdict if isinstance(verdict, Each) else isinstance(found, verdict)


@given(status=st.integers(100, 599), content=st.binary(max_size=100), count=st.integers(1, 100))
def test_any_answer_has_a_meaning_and_only_a_good_one_ends_a_snapshot(status: int, content: bytes, count: int) -> None:
    found = judge(Answer(status, content, None, None, "somewhere\x1b[31m"), count, None)
    assert not isinstance(found, Each)  # random bytes are no answer of a server
    assert found.reason.isprintable()


def test_a_servers_words_hold_no_surprise_for_a_terminal() -> None:
    answer = Answer(207, _answer(0, 1, [(0, 400, "no\x1b]0;x\x07 \n" + "o" * 999)]), None, None, None)
    found = judge(answer, 1, None)
    assert isinstance(found, Each)
    ((_, words),) = found.fates
    assert words.isprintable()
    assert len(words) == 200


def test_what_the_server_does_not_name_is_sent_again() -> None:
    found = judge(Answer(207, _answer(1, 1, [(0, 200, "OK"), (77, 200, "OK")]), None, None, None), 2, None)
    assert isinstance(found, Each)
    assert [fate for fate, _ in found.fates] == ["accepted", "failed"]


def test_waits_grow_to_a_cap_and_are_random(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netwatch_tray.clock.boottime", lambda: 1000.0)

    class Dead(ServerClient):
        def post(self, body: bytes) -> Answer:  # noqa: ARG002  it does not get that far
            raise UnreachableError("no network")

    spool = spool_in(tmp_path)
    fill(spool, 1)
    with IngestServer() as server:
        for luck, waits in (
            (1.0, [22, 44, 88, 176, 300, 300, 300]),
            (0.5, [11, 22, 44, 88, 150, 150, 150]),
            (0.0, [11] * 7),
        ):
            dead = Dead(account(server), "test/1", timeout=1.0)
            sender = Uploader(spool, dead, host, pace=Pace(), jitter=lambda luck=luck: luck)
            found = []
            for _ in waits:
                sender.send_once()
                found.append(sender._not_before - 1000.0)
            assert found == waits
    spool.close()


def test_a_key_of_another_kind_is_sent_as_it_is() -> None:
    """The self-hosted server takes any."""
    with IngestServer(rules="dashboard", key="ndk_abc-_123") as server:
        client = ServerClient(account(server, "ndk_abc-_123"), "test/1", timeout=LONG)
        assert client.post(body()).status == 200
        assert Key("ndk_abc-_123").reveal() == server.key
        client.close()
