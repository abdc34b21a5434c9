"""Text from outside, on the way in and on the way out."""

import csv
import html
import io
import json
import logging
import os
import sys
import unicodedata

import pytest
from hypothesis import given, strategies as st

from netwatch_tray.text import (
    LogFormatter,
    csv_cell,
    decoded,
    from_os,
    printable,
    printable_json,
    printable_lines,
    qt_label,
    qt_tool_tip,
    without_credentials,
)

_ANY = st.text(st.characters(exclude_categories=()))
"""Surrogates, too."""


@given(_ANY)
def test_printable_text_is_one_line_of_printable_characters(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    assert len(shown.splitlines()) <= 1
    for character in shown:
        kind = unicodedata.category(character)
        assert kind[0] in "LMNPSZ" or character in "\u200c\u200d"
        assert kind not in {"Zl", "Zp"}
    assert printable(shown) == shown
    shown.encode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "firefox",
        "Größe – ↓ 12.4\u2007MB/s",
        "\N{WOMAN}\u200d\N{PERSONAL COMPUTER}",
        "e\u0301",
        "می\u200cخواهم",
        "漢字",
    ],
)
def test_ordinary_text_is_unchanged(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    "character",
    [*"\0\t\n\r\x0b\x0c\x1b\x7f\x85\x9b", *"\u2028\u2029\u202e\u2066\u200f\u200b\ufeff\u00ad\udc80\ufffe\U000e0041"],
)
def test_a_character_that_moves_others_is_replaced(character: str) -> None:
    assert printable(f"a{character}b") == "a\ufffdb"


def test_every_unicode_space_is_kept() -> None:
    spaces = [chr(each) for each in range(sys.maxunicode + 1) if unicodedata.category(chr(each)) == "Zs"]
    assert printable("".join(spaces)) == "".join(spaces)


def test_a_long_text_is_cut_with_an_ellipsis() -> None:
    assert printable("x" * 10_000, most=20) == "x" * 19 + "…"
    assert printable("x" * 20, most=20) == "x" * 20


@given(st.binary())
def test_decoded_bytes_have_no_surrogates(raw: bytes) -> None:
    decoded(raw).encode()


@given(st.binary().filter(lambda raw: b"\0" not in raw))
def test_names_of_files_have_no_surrogates_and_valid_ones_stay(raw: bytes) -> None:
    name = from_os(os.fsdecode(raw))
    name.encode()
    assert name == decoded(raw)


@given(_ANY)
def test_csv_cell_is_never_a_formula_and_round_trips(text: str) -> None:
    cell = str(csv_cell(text))
    assert not cell.lstrip().startswith(("=", "+", "-", "@", "\t", "\r"))
    out = io.StringIO(newline="")
    csv.writer(out).writerow([cell, "next"])
    assert list(csv.reader(io.StringIO(out.getvalue(), newline=""))) == [[cell, "next"]]
    assert cell.removeprefix("'") == printable(text).removeprefix("'")


@pytest.mark.parametrize("value", [0, -5, 1.5, -0.25, True])
def test_numbers_stay_numbers_in_csv(value: float) -> None:
    assert csv_cell(value) is value


@given(st.text())
def test_printable_json_means_the_same(text: str) -> None:
    document = json.dumps({"a": text}, ensure_ascii=False)
    shown = printable_json(document)
    assert printable_lines(shown) == shown
    assert json.loads(shown) == {"a": text}


@given(_ANY)
def test_texts_for_qt_show_the_text_and_nothing_else(text: str) -> None:
    tool_tip = qt_tool_tip(text)
    inside = tool_tip.removeprefix("<qt>").removesuffix("</qt>").replace("<br>", "\n")
    assert "<" not in inside
    shown = html.unescape(inside) if tool_tip.startswith("<qt>") else tool_tip
    assert shown == printable_lines(text)
    assert qt_label(text).replace("&&", "") == printable(text).replace("&", "")


def test_printable_lines_keeps_line_breaks() -> None:
    assert printable_lines("a\x1b\nb\r") == "a\ufffd\nb\ufffd"


def test_unknown_is_an_empty_csv_cell() -> None:
    assert csv_cell(None) == ""


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org/api", "https://example.org/api"),
        ("https://example.org/@me", "https://example.org/@me"),
        ("ftp://user:pw@h", "ftp://…@h"),
        ("https://token@h:8443/p?q", "https://…@h:8443/p?q"),
        ("https://user:p/w@h", "https://…@h"),
        ("https://user:p@w@h", "https://…@h"),
        ("https://user:p w#?@h/x", "https://…@h/x"),
        ("user:pw@h", "…@h"),
        ("//user:pw@h", "//…@h"),
        ("", ""),
    ],
)
def test_no_password_stays_in_a_url(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


def test_a_log_record_is_one_line_and_a_traceback_moves_no_cursor() -> None:
    formatter = LogFormatter("%(levelname)s %(message)s")
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "odd %s", ("a\n\x1b[2Jb",), None)
    assert formatter.format(record) == "INFO odd a\ufffd\ufffd[2Jb"
    error = ValueError("a\x1b[2J")
    record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "failed", (), (ValueError, error, None))
    written = formatter.format(record)
    assert written.startswith("ERROR failed\nValueError: a")
    assert "\x1b" not in written
