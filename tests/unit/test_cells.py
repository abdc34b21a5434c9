from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, strategies as st

from netwatch_tray import cells

_TEXTS = st.text(st.characters() | st.sampled_from("\x1b\n\u202e\u200d\ufe0f🇩👍🏽字é\u0301क्षि한"), max_size=40)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 0), ("abc", 3), ("字", 2), ("e\u0301", 1), ("한", 2), ("🙂", 2), ("…–↓", 3), ("\u2007", 1)],
)
def test_characters_of_certain_width_have_that_width(text: str, expected: int) -> None:
    assert cells.width(text) == expected


@given(_TEXTS)
def test_certain_text_has_nothing_that_moves_or_joins(text: str) -> None:
    shown = cells.certain(text)
    assert cells.certain(shown) == shown
    for character in shown:
        assert unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Mc", "Me"}


@pytest.mark.parametrize("text", ["👨‍👩‍👧", "🇩🇪", "👍🏽", "❤\ufe0f", "a\x1b[2Jb", "a\u202eb"])
def test_characters_of_uncertain_width_are_replaced(text: str) -> None:
    assert "\ufffd" in cells.certain(text)


@given(_TEXTS, st.integers(0, 30))
def test_padded_text_has_the_requested_width(text: str, width: int) -> None:
    shown = cells.certain(text)
    assert cells.width(cells.left(shown, width)) == width
    assert cells.width(cells.right(shown, width)) == width


def test_a_cut_text_ends_in_an_ellipsis() -> None:
    assert cells.cut("abcdef", 6) == "abcdef"
    assert cells.cut("abcdef", 4) == "abc…"
    assert cells.cut("字字字", 4) == "字…"
    assert cells.cut("abc", 0) == ""


@given(_TEXTS, st.integers(1, 20), st.integers(1, 4))
def test_wrapped_text_stays_within_its_lines(text: str, width: int, lines: int) -> None:
    found = cells.wrapped(text, width, lines)
    assert len(found) <= lines
    assert all(cells.width(line) <= width for line in found)


def test_text_is_wrapped_between_words() -> None:
    assert cells.wrapped("one two three four", 8, 3) == ["one two", "three", "four"]
    assert cells.wrapped("one two three four", 8, 2) == ["one two", "three f…"]
