"""Text from outside the program: decoded where it enters, made printable where it is shown.

Names of processes, control groups, interfaces, mount points and apps are chosen by any user of the machine, names of
hosts by their owners, and responses of servers by their operators. Inside the program such text is a `str` without
surrogates and otherwise unchanged. Everything that shows it passes it through `printable`, or through `csv_cell`.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from types import TracebackType

REPLACEMENT = "\ufffd"

_KEPT = frozenset(
    "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"  # spaces (Zs)
    "\u200c\u200d"  # zero width non-joiner and joiner: emoji, Persian and the scripts of India need them
)
"""Characters that `printable` keeps although `str.isprintable` rejects them, because they do not move the cursor."""
_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

_FORMULA = r"\s*[=+\-@＝＋－＠]"  # compiled by the first table that is exported
"""Pattern of texts that a spreadsheet would evaluate (OWASP, "CSV Injection")."""


def decoded(raw: bytes) -> str:
    """Decode bytes from outside the program as UTF-8. Invalid bytes become U+FFFD."""
    return raw.decode(errors="replace")


def from_os(name: str) -> str:
    """Return a name from `os`, `socket` or psutil with U+FFFD in place of undecodable bytes.

    The result may not be the name of a file any more; to open the file, use the original.
    """
    return name if name.isascii() else os.fsencode(name).decode(errors="replace")


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most similar to a mistyped one, or None if none is similar."""
    from difflib import get_close_matches  # noqa: PLC0415  5 ms, for mistakes alone

    return next(iter(get_close_matches(word, known, n=1, cutoff=0.7)), None)


def printable(text: str, most: int | None = None) -> str:
    """Return the text as one line that cannot change how the text around it is shown.

    Control characters, line and paragraph separators, bidirectional controls, other invisible characters, surrogates
    and unassigned code points become U+FFFD. Spaces of any width stay. `most`: greatest number of characters; a longer
    text ends in an ellipsis.
    """
    if most is not None and len(text) > most:
        text = text[: max(0, most - 1)] + "…"
    # The usual case, each second: live rows, which are padded with figure spaces.
    if text.isprintable() or text.replace("\u2007", " ").isprintable():
        return text
    return "".join([each if each.isprintable() or each in _KEPT else REPLACEMENT for each in text])


def printable_lines(text: str) -> str:
    """Apply `printable` to each line of a text. For texts of this program that contain names from outside."""
    if text.replace("\n", " ").isprintable():  # the usual case, each second: the tooltip
        return text
    return "\n".join(map(printable, text.split("\n")))


def printable_json(encoded: str) -> str:
    r"""Return a JSON document with the same meaning, in which unprintable characters except line feeds are written as
    `\uXXXX`."""
    if encoded.isprintable():
        return encoded
    return "".join(
        [each if each.isprintable() or each in _KEPT or each == "\n" else _json_escape(each) for each in encoded]
    )


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def qt_tool_tip(text: str) -> str:
    """Return a text in a form that Qt's tooltips show literally; Qt would otherwise show a text that looks like HTML as
    such."""
    shown = printable_lines(text)
    if "<" not in shown:
        return shown
    # Without `html`: its table of names would cost the agent half a megabyte.
    escaped = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"<qt>{escaped.replace(chr(10), '<br>')}</qt>"


def qt_label(text: str) -> str:
    """Return a text in a form that Qt's menus show literally; an ampersand would otherwise underline the
    next letter."""
    return printable(text).replace("&", "&&")


def csv_cell(value: object) -> object:
    """Return a value as a cell of a CSV file. None becomes empty; a text becomes one line that no spreadsheet
    evaluates.

    A text that begins like a formula gets an apostrophe in front (OWASP). Numbers stay numbers.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    shown = printable(value)
    return f"'{shown}" if re.match(_FORMULA, shown) else shown


def without_credentials(url: str) -> str:
    """Return a URL, valid or not, with user name and password replaced by an ellipsis: `https://…@example.org/`.

    If the password contains characters that end it in a URL, more than the credentials may be replaced.
    """
    head, at, tail = url.rpartition("@")
    scheme, slashes, rest = head.partition("//")
    if not at or (slashes and ":" not in rest and "/" in rest):  # the @ is in the path
        return url
    return f"{scheme}{slashes}…@{tail}" if slashes else f"…@{tail}"


class LogFormatter(logging.Formatter):
    """Formats a log record as one printable line; each line of a traceback follows as a line of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  the base class' name
        return printable(super().formatMessage(record))

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802  as above
        return printable_lines(super().formatException(ei))
