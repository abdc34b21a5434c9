from __future__ import annotations

import pytest

from netwatch_tray.history.gap_reasons import reason_of, sentence_of
from netwatch_tray.model import GapReason


@pytest.mark.parametrize("reason", [reason for reason in GapReason if reason != GapReason.UNKNOWN])
def test_a_stored_sentence_is_read_as_the_same_reason(reason: GapReason) -> None:
    assert reason_of(sentence_of(reason, 12.4)) == reason


def test_an_unknown_sentence_costs_only_the_reason() -> None:
    assert reason_of("struck by lightning") == GapReason.UNKNOWN
