"""DNS messages, written byte by byte."""

from __future__ import annotations

import struct

from netwatch_tray.collect.names.dns import A


def name(text: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".") if label) + b"\0"


def record(owner: bytes, kind: int, value: bytes, ttl: int = 60) -> bytes:
    return owner + struct.pack(">HHIH", kind, 1, ttl, len(value)) + value


def message(asked: str, *answers: bytes, kind: int = A, flags: int = 0x8180) -> bytes:
    return (
        struct.pack(">6H", 7, flags, 1, len(answers), 0, 0)
        + name(asked)
        + struct.pack(">HH", kind, 1)
        + b"".join(answers)
    )


ASKED = b"\xc0\x0c"
"""Pointer to the name in the question."""
