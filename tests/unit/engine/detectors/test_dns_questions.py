"""Which queries and responses are counted, and how long a response took."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from netwatch_tray.collect.helper_readings import UDP, Flow, Packet, PacketKind
from netwatch_tray.engine.detectors.questions import BUCKETS_MS, Asked, DnsCounts, Questions

UPSTREAM, STUB = "192.0.2.53", "127.0.0.53"


def dns(
    name: str,
    number: int = 7,
    *,
    at: float = 100.0,
    cookie: int = 0xA,
    server: str = UPSTREAM,
    code: int | None = None,
    kind: int = 1,
) -> Packet:
    """Return a query or, with `code`, the response to one."""
    flags = 0x0100 if code is None else 0x8180 | code
    labels = b"".join(bytes([len(each)]) + each.encode() for each in name.split("."))
    payload = number.to_bytes(2, "big") + flags.to_bytes(2, "big") + b"\0\1" + bytes(6) + labels + b"\0"
    payload += kind.to_bytes(2, "big") + b"\0\1"
    what = PacketKind.DNS_QUERY if code is None else PacketKind.DNS_ANSWER
    return Packet(Flow(cookie, UDP, server, 53, 40000), what, 1000, payload, len(payload), 0, at)


def test_a_query_and_its_response_are_counted() -> None:
    questions = Questions()
    found = questions.take([dns("a.example"), dns("a.example", code=0, at=100.012)])
    assert found == [Asked("a.example", 0xA), Asked("a.example", 0xA, 0)]
    assert questions.counts == DnsCounts(1, 1, 0, (0, 0, 1, 0, 0, 0, 0, 0))


def test_missing_names_are_counted() -> None:
    questions = Questions()
    questions.take([dns("a.example"), dns("a.example", code=3)])
    assert (questions.counts.responses, questions.counts.nxdomain) == (1, 1)


@pytest.mark.parametrize(
    ("milliseconds", "bucket"),
    [(0, 0), (4.9, 0), (5, 1), (9.9, 1), (10, 2), (24, 2), (49, 3), (99, 4), (249, 5), (499, 6), (500, 7), (29_000, 7)],
)
def test_latencies_have_the_buckets_of_the_wire_format(milliseconds: float, bucket: int) -> None:
    questions = Questions()
    questions.take([dns("a.example", at=0.0), dns("a.example", code=0, at=milliseconds / 1000)])
    assert [at for at, count in enumerate(questions.counts.latencies) if count] == [bucket]
    assert len(questions.counts.latencies) == len(BUCKETS_MS) + 1 == 8


def test_repeated_query_counts_twice_and_latency_begins_at_the_last_one() -> None:
    questions = Questions()
    found = questions.take([dns("a.example"), dns("a.example", at=105.0), dns("a.example", code=0, at=105.001)])
    assert found == [Asked("a.example", 0xA), Asked("a.example", 0xA, 0)]
    assert (questions.counts.queries, questions.counts.latencies[0]) == (2, 1)


def test_response_to_another_name_has_no_latency() -> None:
    questions = Questions()
    questions.take([dns("a.example"), dns("b.example", code=0), dns("a.example", 8, code=0)])
    assert (questions.counts.responses, sum(questions.counts.latencies)) == (2, 0)


def test_query_forwarded_by_a_local_resolver_counts_once() -> None:
    questions = Questions()
    found = questions.take(
        [
            dns("a.example", server=STUB),
            dns("a.example", 9, cookie=0xB),
            dns("a.example", 9, cookie=0xB, code=0, at=100.02),
            dns("a.example", server=STUB, code=0, at=100.03),
            dns("a.example", 10, cookie=0xC, at=101.0),
        ]
    )
    assert [each.cookie for each in found] == [0xA, 0xA, 0xC]
    assert (questions.counts.queries, questions.counts.responses) == (2, 1)


@given(st.lists(st.binary(max_size=60), max_size=20), st.booleans())
def test_any_bytes_as_dns_packet_raise_no_error(payloads: list[bytes], is_query: bool) -> None:
    kind = PacketKind.DNS_QUERY if is_query else PacketKind.DNS_ANSWER
    Questions().take(
        Packet(Flow(1, UDP, UPSTREAM, 53, 1), kind, 0, payload, len(payload), 0, 1.0) for payload in payloads
    )


_packets = st.builds(
    dns,
    st.sampled_from(["a.example", "b.example", "c.d.example"]),
    st.integers(0, 3),
    at=st.floats(0, 100),
    cookie=st.integers(1, 3),
    server=st.sampled_from([UPSTREAM, STUB]),
    code=st.sampled_from([None, 0, 3]),
)


@given(st.lists(_packets, max_size=60))
def test_counts_and_pending_queries_are_consistent(packets: list[Packet]) -> None:
    questions = Questions()
    questions.take(packets)
    counts = questions.counts
    assert counts.queries <= sum(each.kind is PacketKind.DNS_QUERY for each in packets)
    assert counts.nxdomain <= counts.responses
    assert sum(counts.latencies) <= min(counts.queries, counts.responses)
    local = [each for each in questions._pending.values() if each.is_local]
    assert sum(questions._asked_here.values()) == len(local)


def test_pending_queries_are_bounded() -> None:
    questions = Questions()
    questions.take(dns(f"n{number}.example", number & 0xFFFF, cookie=number, server=STUB) for number in range(5000))
    assert len(questions._pending) <= 1024
    assert sum(questions._asked_here.values()) == len(questions._pending)
