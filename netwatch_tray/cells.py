"""Widths of texts in terminal cells, and cutting texts to a number of cells.

If terminal and program disagree about a width, the rest of the line is shifted. So characters whose width differs
between terminals (joined emoji, variation selectors, skin tones, flags) are replaced by `certain`.
"""

from __future__ import annotations

import unicodedata

from netwatch_tray.text import REPLACEMENT, printable

ELLIPSIS = "…"

_WIDE = frozenset("WF")
_NO_CELL = frozenset(("Mn", "Me"))


def certain(text: str) -> str:
    """Return the text as one printable line, with characters replaced whose width differs between terminals."""
    if text.isascii():
        return text if text.isprintable() else printable(text)
    return "".join(each if _is_certain(each) else REPLACEMENT for each in printable(unicodedata.normalize("NFC", text)))


def _is_certain(character: str) -> bool:
    if character.isascii():
        return True
    code = ord(character)
    if 0xFE00 <= code <= 0xFE0F or 0x1F1E6 <= code <= 0x1F1FF or 0x1F3FB <= code <= 0x1F3FF:
        return False
    if 0x1160 <= code <= 0x11FF or 0xD7B0 <= code <= 0xD7FF:  # Hangul vowels and finals join the syllable before
        return False
    # Invisible characters, spacing marks of India's scripts, and code points that have no character yet
    return unicodedata.category(character) not in ("Cf", "Cn", "Co", "Mc", "Me", "Zl", "Zp")


def width(text: str) -> int:
    """Return the number of cells that a text occupies."""
    return len(text) if text.isascii() else sum(map(width_of, text))


def width_of(character: str) -> int:
    """Return the number of cells that a character occupies: 0 for a combining mark, else 1 or 2."""
    if unicodedata.category(character) in _NO_CELL:
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1


def cut(text: str, most: int) -> str:
    """Return the text in at most this many cells; a longer one ends in an ellipsis."""
    if width(text) <= most:
        return text
    if most <= 0:
        return ""
    kept: list[str] = []
    left = most - 1
    for character in text:
        left -= width_of(character)
        if left < 0:
            break
        kept.append(character)
    return f"{''.join(kept)}{ELLIPSIS}"


def wrapped(text: str, most: int, lines: int) -> list[str]:
    """Return the text in at most `lines` lines of `most` cells, broken between words. The last line is cut if
    necessary."""
    found: list[str] = []
    for word in text.split():
        if found and width(found[-1]) + 1 + width(word) <= most:
            found[-1] = f"{found[-1]} {word}"
        elif len(found) < lines:
            found.append(word)
        else:
            found[-1] = f"{found[-1]} {word}"
            break
    return [cut(line, most) for line in found]


def left(text: str, cells: int) -> str:
    """Return the text cut to this many cells and padded to them on the right."""
    text = cut(text, cells)
    return text + " " * (cells - width(text))


def right(text: str, cells: int) -> str:
    """Return the text cut to this many cells and padded to them on the left."""
    text = cut(text, cells)
    return " " * (cells - width(text)) + text
