"""What the terminal can show: which characters, how many colours, and on which background."""

from __future__ import annotations

import os
import re
import select
import sys
import termios
import time
import tty
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal, NamedTuple

from netwatch_tray import cells

Role = Literal["ink", "strong", "ink2", "ink3", "down", "up", "warn", "track"]
Background = Literal["dark", "light"]
Colours = Literal["none", "16", "256"]

_ASCII = str.maketrans(
    {"↓": "v", "↑": "^", "–": "-", "−": "-", "…": "~", "≈": "~", "─": "-", "━": "#", "╸": "#", "←": "<", "→": ">",
     "\u2007": " ", "“": '"', "”": '"', "„": '"', "·": ".", "ß": "s", "▸": ">"}
)  # fmt: skip
"""ASCII characters that replace others where the terminal shows no Unicode: one for each, so that columns
stay aligned."""

_ANSWER_TIMEOUT = 1.0
"""Seconds to wait for the terminal's response. Every terminal responds to DA1, so only a very slow line
takes as long."""
_QUERY = b"\x1b]11;?\x1b\\\x1b[c"
"""Requests the background colour (OSC 11), then the terminal's type (DA1). Terminals without OSC 11 respond to DA1
alone, which ends the waiting (XTerm Control Sequences)."""
_COLOUR = re.compile(rb"\x1b\]11;rgba?:([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})")
_DA1 = re.compile(rb"\x1b\[\?[\d;]*c")


class Look(NamedTuple):
    """What the terminal can show."""

    is_unicode: bool = True
    """Whether the terminal shows Unicode; otherwise only ASCII is used."""
    colours: Colours = "256"
    background: Background | None = "dark"
    """Whether the terminal's background is dark or light; None if unknown."""

    def text(self, text: str) -> str:
        """Return the text in characters that the terminal supports, each with the assumed width."""
        return cells.certain(text) if self.is_unicode else _in_ascii(text)


def bar(share: float, most: int) -> str:
    """Return a bar whose length is `share` (0 to 1) of `most` cells, rounded to half cells. Shares above 0 have at
    least half a cell."""
    halves = max(1, round(share * most * 2)) if share > 0 else 0
    return "━" * (halves // 2) + "╸" * (halves % 2)


@lru_cache(maxsize=2048)
def _in_ascii(text: str) -> str:
    plain = cells.certain(text).translate(_ASCII)
    if plain.isascii():
        return plain
    # Characters without a plain letter keep their number of cells.
    return "".join(_plain(each) for each in plain)


def _plain(character: str) -> str:
    plain = unicodedata.normalize("NFKD", character)[:1]
    return plain if plain.isascii() and plain.isprintable() else "?" * cells.width_of(character)


def examine(environ: Mapping[str, str] = os.environ) -> Look:
    """Find out what the terminal of this process supports. Call it before anything else reads from the terminal."""
    colours = _colours(environ)
    background = None if colours == "none" else _asked_background() or _background_of(environ.get("COLORFGBG", ""))
    return Look(is_unicode(environ), colours, background)


def is_unicode(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether the terminal shows Unicode, judged by the locale as tmux does. Python itself writes UTF-8 even in
    the C locale (PEP 538)."""
    if (sys.stdout.encoding or "").lower().replace("-", "") != "utf8":
        return False
    locale = next(filter(None, map(environ.get, ("LC_ALL", "LC_CTYPE", "LANG"))), "")
    return "utf8" in locale.lower().replace("-", "")


def _colours(environ: Mapping[str, str]) -> Colours:
    if environ.get("NO_COLOR"):  # no-color.org: not if it is empty
        return "none"
    if "256" in environ.get("TERM", "") or environ.get("COLORTERM"):
        return "256"
    return "16"


def _asked_background() -> Background | None:
    """Request the background colour from the terminal. Return None if the terminal does not respond."""
    try:
        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
    except (OSError, ValueError, termios.error):
        return None
    try:
        tty.setcbreak(descriptor, termios.TCSANOW)
        os.write(sys.stderr.fileno(), _QUERY)
        return background_of_answer(_answer(descriptor))
    except OSError:
        return None
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)


def _answer(descriptor: int) -> bytes:
    """Return all bytes that the terminal sends until its response to DA1, which is the last one."""
    deadline, found = time.monotonic() + _ANSWER_TIMEOUT, b""
    while (left := deadline - time.monotonic()) > 0 and not _DA1.search(found):
        if select.select([descriptor], [], [], left)[0]:
            read = os.read(descriptor, 4096)
            if not read:
                break
            found += read
    return found


def background_of_answer(answer: bytes) -> Background | None:
    """Parse the terminal's response to OSC 11."""
    found = _COLOUR.search(answer)
    if found is None:
        return None
    red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in found.groups())
    return "light" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5 else "dark"


def _background_of(colorfgbg: str) -> Background | None:
    """Parse the environment variable COLORFGBG, which rxvt and Konsole set to values like `15;0` or `0;default;15`."""
    last = colorfgbg.rpartition(";")[2]
    if not last.isdecimal():
        return None
    return "light" if int(last) in (7, *range(9, 16)) else "dark"
