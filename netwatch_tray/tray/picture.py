"""Pictures of the icon as bytes, made without an image library, which would take 2.6 MB of the resident agent.

A mask is one byte a pixel, line by line: the opacity from 0 (nothing drawn) to 255.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import Any

Colour = tuple[int, int, int]

SAMPLES = 4
"""Samples per pixel in each direction, by which slanted edges are smoothed."""
_EVERY = 0b01010101, 0b00110011, 0b00001111
_SHADES = bytes((count * 255 + 8) // SAMPLES**2 if count <= SAMPLES**2 else 0 for count in range(256))
"""Opacity (0 to 255) of a pixel by the number of its samples that are filled."""


class Picture:
    """A square of pixels, shared by everything that shows it."""

    __slots__ = ("argb", "name", "prepared", "size")

    def __init__(self, size: int, argb: bytes, name: str = "") -> None:
        self.size = size
        self.argb = argb
        """The pixels as StatusNotifierItem requires them: alpha, red, green and blue, one byte each."""
        self.name = name
        """Name of the same glyph in the icon theme; empty if it has none."""
        self.prepared: Any = None
        """The form of this picture that a backend has made for its system, cached here, because the same few pictures
        are shown again and again."""

    @property
    def is_empty(self) -> bool:
        return not any(self.argb[::4])

    def rgba(self) -> bytes:
        """Return the pixels as image libraries take them: red, green, blue and alpha, one byte each."""
        pixels = bytearray(len(self.argb))
        for channel in range(4):
            pixels[channel::4] = self.argb[(channel + 1) % 4 :: 4]
        return bytes(pixels)

    def png(self) -> bytes:
        """Return the picture as a PNG file (PNG specification, W3C)."""
        size, width, pixels = self.size, self.size * 4, self.rgba()
        lines = b"".join(b"\0" + pixels[line * width : (line + 1) * width] for line in range(size))
        header = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
        parts = (b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in parts
        )


def inked(size: int, ink: Colour, mask: bytes, name: str = "") -> Picture:
    """Return a picture in one colour, with the opacity of the mask."""
    pixels = bytearray(bytes((0, *ink)) * (size * size))
    pixels[::4] = mask
    return Picture(size, bytes(pixels), name)


def on_plate(size: int, ink: Colour, plate: Colour, mask: bytes, plate_mask: bytes) -> Picture:
    """Return a picture in the colour `ink` where `mask` is not 0, and in the colour `plate` elsewhere, with the opacity
    of `plate_mask`. `mask` has only the values 0 and 255."""
    pixels = bytearray(4 * size * size)
    for channel in range(3):
        pixels[channel + 1 :: 4] = mask.translate(bytes((plate[channel],)) * 255 + bytes((ink[channel],)))
    pixels[::4] = plate_mask
    return Picture(size, bytes(pixels))


class Samples:
    """A square picture of `SAMPLES` × `SAMPLES` samples per pixel, each filled or not. A line of samples is stored as
    an integer whose lowest bit is the leftmost sample."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lines = [0] * (size * SAMPLES)
        # Every second bit, pair of bits and pixel: masks that count the samples of all pixels at once.
        self._ones, self._twos, self._pixels = (int.from_bytes(bytes((each,)) * size, "little") for each in _EVERY)

    def fill(self, left: int, top: int, right: int, bottom: int) -> None:
        """Fill a rectangle given in samples, without its right and lower edges."""
        bits = (1 << right) - (1 << left)
        for line in range(top, bottom):
            self._lines[line] |= bits

    def mask(self) -> bytes:
        return b"".join(map(self._line, range(0, len(self._lines), SAMPLES)))

    def _line(self, first: int) -> bytes:
        """Return one line of the mask. `first`: index of the uppermost of its SAMPLES lines of samples."""
        size, ones, twos, pixels = self._size, self._ones, self._twos, self._pixels
        even = odd = 0
        for samples in self._lines[first : first + SAMPLES]:
            pairs = (samples & ones) + (samples >> 1 & ones)
            counts = (pairs & twos) + (pairs >> 2 & twos)  # four bits a pixel: how many of its samples are ink
            even += counts & pixels
            odd += counts >> 4 & pixels
        line = bytearray(size)
        line[::2] = even.to_bytes(size // 2, "little").translate(_SHADES)
        line[1::2] = odd.to_bytes(size // 2, "little").translate(_SHADES)
        return bytes(line)


def scaled(rows: Iterable[str], scale: int) -> list[bytes]:
    """Return the lines of a mask made from rows of text, in which `#` is a filled pixel. Each pixel becomes `scale` ×
    `scale` pixels."""
    lines = [b"".join((b"\xff" if pixel == "#" else b"\0") * scale for pixel in row) for row in rows]
    return [line for line in lines for _ in range(scale)]
