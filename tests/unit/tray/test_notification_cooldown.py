"""A notification is shown at most once an hour; times before that are forgotten."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from netwatch_tray import clock
from netwatch_tray.tray.backends import Cooldown

_HOUR = 3600.0


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0, 1800.0, 3599.0, 3600.0]), st.sampled_from("abc")), max_size=60))
def test_a_notification_key_is_allowed_at_most_once_an_hour(steps: list[tuple[float, str]]) -> None:
    cooldown, now, shown = Cooldown(), 0.0, dict[str, float]()
    with pytest.MonkeyPatch.context() as patch:
        for pause, key in steps:
            now += pause
            patch.setattr(clock, "boottime", lambda at=now: at)
            may_be_shown = now - shown.get(key, -_HOUR) >= _HOUR
            assert cooldown.allows(key) is may_be_shown
            if may_be_shown:
                shown[key] = now


def test_memory_is_bounded_though_each_event_has_a_key_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    cooldown = Cooldown()
    for number in range(1000):
        monkeypatch.setattr(clock, "boottime", lambda at=60.0 * number: at)
        assert cooldown.allows(f"event {number}")
    assert len(cooldown._told) <= 60
