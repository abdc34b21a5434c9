"""ClientHellos, and QUIC packets with them, as clients send them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from netwatch_tray.collect.names import aes, quic

V1, V2 = 1, 0x6B3343CF


def extension(kind: int, value: bytes) -> bytes:
    return kind.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value


def server_name(name: bytes) -> bytes:
    """Return the extension server_name."""
    entry = b"\0" + len(name).to_bytes(2, "big") + name
    return extension(0, len(entry).to_bytes(2, "big") + entry)


def client_hello(name: bytes | None, *, key_share: int = 1216, has_ech: bool = False, before: bytes = b"") -> bytes:
    """Return a handshake message. `key_share`: its size in bytes, by default that of X25519MLKEM768. `before`: other
    extensions."""
    extensions = before + extension(51, bytes(key_share))
    if has_ech:
        extensions += extension(0xFE0D, bytes(180))
    if name is not None:
        extensions += server_name(name)
    body = b"\3\3" + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0" + len(extensions).to_bytes(2, "big") + extensions
    return b"\1" + len(body).to_bytes(3, "big") + body


def records(message: bytes, size: int = 1 << 14) -> bytes:
    """Return the message in TLS records of at most `size` bytes."""
    parts = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(b"\x16\3\1" + len(part).to_bytes(2, "big") + part for part in parts)


def varint(number: int) -> bytes:
    for prefix, size in ((0, 1), (1, 2), (2, 4)):
        if number < 1 << 8 * size - 2:
            return (number | prefix << 8 * size - 2).to_bytes(size, "big")
    raise ValueError(number)


def crypto(offset: int, piece: bytes) -> bytes:
    """Return a CRYPTO frame."""
    return b"\6" + varint(offset) + varint(len(piece)) + piece


def ack() -> bytes:
    """Return an ACK frame with two ranges."""
    return b"\2" + varint(9) + varint(100) + varint(1) + varint(0) + varint(2) + varint(3)


def seal(
    frames: bytes, original: bytes, *, destination: bytes | None = None, version: int = V1, number: int = 0
) -> bytes:
    """Return an Initial packet with a packet number of four bytes, protected with the keys of the ID `original`."""
    keys = quic.client_keys(version, original)
    destination = original if destination is None else destination
    first = 0xC3 | (0x10 if version == V2 else 0)
    before = bytes([first]) + version.to_bytes(4, "big") + bytes([len(destination)]) + destination + b"\0\0"
    before += (0x4000 | 4 + len(frames) + aes.TAG_SIZE).to_bytes(2, "big")
    header = before + number.to_bytes(4, "big")
    nonce = (int.from_bytes(keys.nonce, "big") ^ number).to_bytes(12, "big")
    sealed = gcm_seal(keys.key, nonce, header, frames)
    mask = aes.PythonAes().encrypt_block(keys.header_key, sealed[:16])
    hidden = bytes(one ^ other for one, other in zip(header[-4:], mask[1:], strict=False))
    return bytes([first ^ mask[0] & 0x0F]) + before[1:] + hidden + sealed


def gcm_seal(key: bytes, nonce: bytes, header: bytes, text: bytes) -> bytes:
    cipher = aes.PythonAes()
    stream = b"".join(
        cipher.encrypt_block(key, nonce + each.to_bytes(4, "big")) for each in range(1, 3 + len(text) // 16)
    )
    sealed = bytes(one ^ other for one, other in zip(text, stream[16:], strict=False))
    lengths = (8 * len(header)).to_bytes(8, "big") + (8 * len(sealed)).to_bytes(8, "big")
    padded = [part + bytes(-len(part) % 16) for part in (header, sealed)]
    total = aes._ghash(cipher.encrypt_block(key, bytes(16)), b"".join(padded) + lengths)
    return sealed + bytes(one ^ other for one, other in zip(total, stream[:16], strict=True))


def scattered(message: bytes, chance: random.Random, pieces: int = 20) -> list[bytes]:
    """Return CRYPTO frames of the message, cut at random places and in random order, with PING and
    PADDING in between."""
    cuts = sorted(chance.sample(range(1, len(message)), pieces - 1))
    bounds = zip([0, *cuts], [*cuts, len(message)], strict=True)
    frames = [crypto(start, message[start:end]) for start, end in bounds]
    chance.shuffle(frames)
    return [frame + chance.choice((b"", b"\0" * 7, b"\1", b"\1\0\0")) for frame in frames]


def datagrams(frames: Sequence[bytes], original: bytes, server: bytes | None = None, version: int = V1) -> list[bytes]:
    """Return two datagrams with half of the frames each. `server`: the ID that the server chose between the two."""
    half = len(frames) // 2
    first = _padded(frames[:half])
    second = _padded([ack(), *frames[half:]] if server else frames[half:])
    return [
        seal(first, original, version=version),
        seal(second, original, destination=server, version=version, number=1),
    ]


def _padded(frames: Iterable[bytes]) -> bytes:
    joined = b"".join(frames)
    return joined + bytes(max(0, 1162 - len(joined)))
