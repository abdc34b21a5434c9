"""Names in QUIC Initial packets: the published vectors, and hellos in pieces."""

from __future__ import annotations

import random
from itertools import groupby
from pathlib import Path

import hellos
import pytest
from hellos import V1, V2

from netwatch_tray.collect.names import aes, quic
from netwatch_tray.errors import ParseError

CHROMIUM = Path(__file__).parent / "files" / "chromium-156.hex"
"""Datagrams with the ClientHellos that Chromium 156 sent to a server of ours: in each line the name and a datagram."""
CONNECTION = bytes.fromhex("8394c8f03e515708")

CRYPTO_FRAME = bytes.fromhex(
    "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e868"
    "04fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578"
    "616d706c652e636f6dff01000100000a00080006001d00170018001000070005"
    "04616c706e000500050100000000003300260024001d00209370b2c9caa47fba"
    "baf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b000302030400"
    "0d0010000e0403050306030203080408050806002d00020101001c0002400100"
    "3900320408ffffffffffffffff05048000ffff07048000ffff08011001048000"
    "75300901100f088394c8f03e51570806048000ffff"
)
"""RFC 9001, A.2, and RFC 9369, A.2; there padded to 1162 bytes."""


@pytest.fixture(params=[aes.PythonAes, aes.implementation], ids=["python", "best"])
def cipher(request: pytest.FixtureRequest) -> aes.Aes:
    made: aes.Aes = request.param()
    return made


@pytest.mark.parametrize(
    ("version", "key", "nonce", "header_key"),
    [
        (V1, "1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c", "9f50449e04a0e810283a1e9933adedd2"),
        (V2, "8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f", "45b95e15235d6f45a6b19cbcb0294ba9"),
    ],
)
def test_keys_equal_the_examples_in_the_rfcs(version: int, key: str, nonce: str, header_key: str) -> None:
    keys = quic.client_keys(version, CONNECTION)
    assert [each.hex() for each in keys] == [key, nonce, header_key]


@pytest.mark.parametrize(
    ("version", "begin", "end"),
    [
        (
            V1,
            "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242b123dc9bd8bab936b47d92ec356c",
            "e221af44860018ab0856972e194cd934",
        ),
        (
            V2,
            "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485dd04de806071bf03dceebfa162e75d6c",
            "a18b2faa745b6fe189cf772a9f84cbfc",
        ),
    ],
)
def test_client_initial_of_the_rfcs_is_opened(version: int, begin: str, end: str, cipher: aes.Aes) -> None:
    packet = hellos.seal(CRYPTO_FRAME + bytes(917), CONNECTION, version=version, number=2)
    assert len(packet) == 1200
    assert packet.hex().startswith(begin)
    assert packet.hex().endswith(end)  # the tag, so all between is as published, too
    assert quic.Flows(cipher).take("flow", packet) == ("example.com", False)


@pytest.mark.parametrize("version", [V1, V2])
@pytest.mark.parametrize("answered", [False, True], ids=["at once", "after the server's answer"])
def test_every_scattered_hello_yields_its_name(version: int, answered: bool, cipher: aes.Aes) -> None:
    chance = random.Random(version + answered)
    flows = quic.Flows(cipher)
    for number in range(80):
        name = f"host-{number}.{'long-label.' * chance.randrange(8)}example"
        frames = hellos.scattered(hellos.client_hello(name.encode()), chance)
        original = chance.randbytes(chance.randrange(8, 21))
        server = chance.randbytes(8) if answered else None
        first, second = hellos.datagrams(frames, original, server, version)
        if not answered and number % 2:
            first, second = second, first
        assert flows.take(number, first) is None
        assert flows.take(number, second) == (name, False)


@pytest.mark.parametrize("is_reversed", [False, True], ids=["as sent", "reversed"])
def test_recorded_hellos_of_chromium_yield_their_names(cipher: aes.Aes, *, is_reversed: bool) -> None:
    lines = [line.split() for line in CHROMIUM.read_text().splitlines()]
    for name, sent in groupby(lines, key=lambda line: line[0]):
        datagrams = [bytes.fromhex(datagram) for _, datagram in sent]
        first, second = reversed(datagrams) if is_reversed else datagrams
        flows = quic.Flows(cipher)
        assert flows.take(name, first) is None
        assert flows.take(name, second) == (name, True)


def test_pieces_of_another_flow_are_not_mixed_in() -> None:
    chance = random.Random(1)
    flows = quic.Flows()
    sent = {}
    for name in ("one.example", "two.example"):
        frames = hellos.scattered(hellos.client_hello(name.encode()), chance)
        sent[name] = hellos.datagrams(frames, chance.randbytes(8), chance.randbytes(8))
        assert flows.take(name, sent[name][0]) is None
    assert {name: flows.take(name, sent[name][1]) for name in sent} == {name: (name, False) for name in sent}


def test_packets_coalesced_in_one_datagram_are_all_read() -> None:
    message = hellos.client_hello(b"coalesced.example", key_share=600)
    packets = [
        hellos.seal(hellos.crypto(at, message[at : at + 400]), CONNECTION, number=at)
        for at in range(0, len(message), 400)
    ]
    assert len(packets) == 2
    assert quic.Flows().take("flow", b"".join(packets)) == ("coalesced.example", False)


def test_hello_after_retry_is_opened_with_the_new_id() -> None:
    flows = quic.Flows()
    message = hellos.client_hello(b"retried.example")
    assert flows.take("flow", hellos.seal(hellos.crypto(0, message[:900]), b"firstid0")) is None
    assert flows.take("flow", hellos.seal(hellos.crypto(0, message[:900]), b"retry-id")) is None
    assert flows.take("flow", hellos.seal(hellos.crypto(900, message[900:]), b"retry-id", number=1)) == (
        "retried.example",
        False,
    )


def test_changed_packet_is_refused(cipher: aes.Aes) -> None:
    packet = bytearray(hellos.seal(hellos.crypto(0, hellos.client_hello(b"a.example")), CONNECTION))
    packet[-30] ^= 1
    with pytest.raises(ParseError):
        quic.Flows(cipher).take("flow", bytes(packet))


def test_datagrams_without_an_initial_are_refused() -> None:
    for datagram in (b"", b"\x40" * 1200, b"\xc0\0\0\0\2" + bytes(1200), b"\xf0\0\0\0\1\x08" + bytes(1200)):
        with pytest.raises(ParseError):
            quic.Flows().take("flow", datagram)


def test_memory_for_incomplete_quic_hellos_is_bounded() -> None:
    flows = quic.Flows()
    for number in range(300):
        packet = hellos.seal(hellos.crypto(5, b"piece"), number.to_bytes(8, "big"))
        assert flows.take(number, packet) is None
    assert len(flows._flows) == 128
    for number in range(400):  # more pieces than any client sends: the flow is given up
        assert flows.take("flow", hellos.seal(hellos.crypto(2 * number + 1, b"x"), CONNECTION, number=number)) is None
    assert len(flows._flows["flow"].pieces) <= 256
    with pytest.raises(ParseError):
        flows.take("flow", hellos.seal(hellos.crypto((1 << 14) - 1, b"xx"), CONNECTION, number=401))


def test_aes_in_python_and_in_openssl_give_the_same_result() -> None:
    chance = random.Random(2)
    best = aes.implementation()
    python = aes.PythonAes()
    for size in (0, 1, 15, 16, 17, 100, 1162):
        key, nonce, header, text = (chance.randbytes(each) for each in (16, 12, 22, size))
        assert python.encrypt_block(key, key) == best.encrypt_block(key, key)
        sealed = hellos.gcm_seal(key, nonce, header, text)
        assert python.open(key, nonce, header, sealed) == best.open(key, nonce, header, sealed) == text
        for cipher in (python, best):
            with pytest.raises(ParseError):
                cipher.open(key, nonce, header[:-1], sealed)
