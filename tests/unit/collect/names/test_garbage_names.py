"""Whatever bytes arrive, the parsers return or raise ParseError."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable

import hellos
from dns_messages import ASKED, message, name, record
from hypothesis import given, settings, strategies

from netwatch_tray.collect.names import dns, quic, tls
from netwatch_tray.errors import ParseError

HELLO = hellos.client_hello(b"fuzz.example", key_share=40, has_ech=True)
DNS = message(
    "www.example.org",
    record(ASKED, dns.CNAME, name("edge.example.com")),
    record(name("edge.example.com"), dns.A, b"\xc0\0\2\1"),
    record(ASKED, dns.HTTPS, b"\0\1\0\0\4\0\4\xc0\0\2\1\0\5\0\x14\0\x12\xfe\x0d\0\x0e\7\0\x20\0\2ab\0\0\0\3pub\0\0"),
)
INITIAL = hellos.seal(hellos.ack() + hellos.crypto(0, HELLO), b"original", destination=b"original")
FRAMES = hellos.ack() + hellos.crypto(0, HELLO[:90]) + bytes(5) + hellos.crypto(90, HELLO[90:])
CHECKED: tuple[tuple[bytes, Callable[[bytes], object]], ...] = (
    (DNS, dns.parse),
    (HELLO, tls.parse_hello),
    (hellos.records(HELLO, 70), lambda data: tls.Streams().take(1, data)),
    (INITIAL, lambda data: quic.Flows().take(1, data)),
    # As an attacker would send them: sealed, so that what is inside is looked at.
    (FRAMES, quic._pieces),
    (HELLO, lambda data: quic.Flows().take(1, hellos.seal(hellos.crypto(0, data[:300]), b"original"))),
)


def _mutated(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(changed) + 1)
        match chance.randrange(4):
            case 0:
                changed[at : at + 1] = chance.randbytes(1)
            case 1:
                changed[at : at + chance.randrange(20)] = b""
            case 2:
                changed[at:at] = chance.choice((b"\0", b"\xff\xff", b"\xc0\x0c", b"\x7f", changed[:at]))
            case _:
                changed[at:at] = chance.randbytes(4)
    return bytes(changed)


def test_mutated_packets_raise_only_parse_error() -> None:
    chance = random.Random(9001)
    for number in range(30_000):
        data, parse = CHECKED[number % 5 if number % 50 else 5]
        with contextlib.suppress(ParseError):
            parse(_mutated(data, chance))


@settings(max_examples=300, deadline=None)
@given(strategies.binary(max_size=600))
def test_random_bytes_raise_only_parse_error(data: bytes) -> None:
    for _, parse in CHECKED:
        with contextlib.suppress(ParseError):
            parse(data)
