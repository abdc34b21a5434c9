"""Verify the code signature of a Mach-O file without a Mac: every page against the hashes of its code directory.

The layout is that of XNU's osfmk/kern/cs_blobs.h and <mach-o/loader.h>, <mach-o/fat.h>.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_FAT, _MACH_O_64 = 0xCAFEBABE, 0xFEEDFACF
_LC_CODE_SIGNATURE = 0x1D
_SUPERBLOB, _CODE_DIRECTORY = 0xFADE0CC0, 0xFADE0C02
_SLOT_OF_DIRECTORY = 0
_HASHES = {1: "sha1", 2: "sha256"}
AD_HOC = 0x2


class Signature(NamedTuple):
    identifier: str
    flags: int
    special: dict[int, bytes]
    """Hashes of what lies outside: 1: Info.plist, 3: CodeResources, 5: entitlements."""
    blobs: dict[int, bytes]
    """By slot."""


def is_mach_o(file: Path) -> bool:
    with file.open("rb") as opened:
        head = opened.read(4)
    return head in (struct.pack(">I", _FAT), struct.pack("<I", _MACH_O_64))


def verified(file: Path) -> list[Signature]:
    """Verify the file, and return the signature of each architecture. Raise ValueError if there is none, or a page
    differs."""
    return [_verified(part, file) for part in _parts(file.read_bytes())]


def _parts(content: bytes) -> Iterator[bytes]:
    (magic,) = struct.unpack_from(">I", content)
    if magic != _FAT:
        yield content
        return
    (count,) = struct.unpack_from(">I", content, 4)
    for n in range(count):
        _cpu, _kind, offset, size, _align = struct.unpack_from(">5I", content, 8 + 20 * n)
        yield content[offset : offset + size]


def _verified(code: bytes, file: Path) -> Signature:
    blobs = dict(_blobs(code, file))
    directory = blobs[_SLOT_OF_DIRECTORY]
    magic, _length, _version, flags, hashes_at, name_at, specials, pages, limit, size, kind, _platform, shift = (
        struct.unpack_from(">9I4B", directory)
    )
    if magic != _CODE_DIRECTORY or kind not in _HASHES:
        raise ValueError(f"{file}: no code directory")
    for n in range(pages):
        page = code[n << shift : min((n + 1) << shift, limit)]
        at = hashes_at + n * size
        if hashlib.new(_HASHES[kind], page).digest() != directory[at : at + size]:
            raise ValueError(f"{file}: page {n} differs from its signature")
    special = {n: directory[hashes_at - n * size : hashes_at - (n - 1) * size] for n in range(1, specials + 1)}
    identifier = directory[name_at : directory.index(b"\0", name_at)].decode()
    return Signature(identifier, flags, special, blobs)


def _blobs(code: bytes, file: Path) -> Iterator[tuple[int, bytes]]:
    at, end = _signature(code, file)
    magic, _length, count = struct.unpack_from(">3I", code, at)
    if magic != _SUPERBLOB:
        raise ValueError(f"{file}: its signature is none")
    for n in range(count):
        slot, offset = struct.unpack_from(">2I", code, at + 12 + 8 * n)
        (length,) = struct.unpack_from(">I", code, at + offset + 4)
        if at + offset + length > end:
            raise ValueError(f"{file}: its signature is cut")
        yield slot, code[at + offset : at + offset + length]


def _signature(code: bytes, file: Path) -> tuple[int, int]:
    """Return where the signature begins and ends."""
    magic, _cpu, _subtype, _kind, commands = struct.unpack_from("<5I", code)
    if magic != _MACH_O_64:
        raise ValueError(f"{file}: no Mach-O file")
    offset = 32
    for _ in range(commands):
        command, size = struct.unpack_from("<2I", code, offset)
        if command == _LC_CODE_SIGNATURE:
            at, length = struct.unpack_from("<2I", code, offset + 8)
            return at, at + length
        offset += size
    raise ValueError(f"{file}: not signed")
