from __future__ import annotations

from collections import Counter
from datetime import date, datetime

from happened import BEACON, KINDS, NEW_APP, PORT, SCAN, SENT_MUCH, alert, happened
from hypothesis import given, strategies as st

from netwatch_tray.event import EventKind
from netwatch_tray.window.pages.events.kinds import Group, group_of, words_of
from netwatch_tray.window.pages.events.rows import Day, EventFilter, Hidden, Row, counts, heading, key, order, timeline
from netwatch_tray.window.pages.events.seen import LOOKED_AT_S, LookedAt
from netwatch_tray.window.widgets.event_glyphs import glyph_of, is_event_glyph

_events = st.lists(
    st.builds(
        lambda evidence, days, is_alert: (alert if is_alert else happened)(evidence, ago=days * 86400.0),
        st.sampled_from(KINDS),
        st.integers(0, 5),
        st.booleans(),
    ),
    max_size=30,
)
_groups = st.sets(st.sampled_from(Group))


@given(_events, _groups, st.none() | st.sampled_from(Group), st.booleans())
def test_every_event_is_shown_once_or_counted_as_hidden(events, muted, group, is_uncovered) -> None:  # type: ignore[no-untyped-def]
    days = {_day(event.last) for event in events}
    uncovered = {(day, each) for day in days for each in muted} if is_uncovered else set()
    lines = list(timeline(events, muted, EventFilter(group, None, uncovered)))
    wanted = [event for event in events if group is None or group_of(event.kind) is group]
    shown = [line.event.id for line in lines if isinstance(line, Row)]
    hidden = Counter({(line.day, line.group): line.events for line in lines if isinstance(line, Hidden)})
    assert len(shown) == len(set(shown))
    assert len(shown) + hidden.total() == len(wanted)
    assert not hidden or (group is None and not is_uncovered)
    headings = {line.day: line for line in lines if isinstance(line, Day)}
    assert set(headings) == {_day(event.last) for event in wanted}, "no day without events"
    for day, line in headings.items():
        own = [event for event in wanted if _day(event.last) == day]
        assert line.events == len(own)
        assert line.unseen == sum(event.is_unseen_alert for event in own)
        assert line.hidden == sum(count for (each, _group), count in hidden.items() if each == day)
    assert len({key(line) for line in lines}) == len(lines)


@given(_events)
def test_only_days_have_no_heading_and_hidden_lines_sort_below_all_events(events) -> None:  # type: ignore[no-untyped-def]
    lines = list(timeline(events, {Group.BEACON}, EventFilter()))
    for line in lines:
        above = heading(line)
        assert (above is None) == isinstance(line, Day)
        if isinstance(line, Hidden):
            assert all(order(line) < order(each) for each in lines if isinstance(each, Row))


@given(_events)
def test_counts_add_up_to_all_events(events) -> None:  # type: ignore[no-untyped-def]
    assert counts(events).total() == len(events)


def test_every_kind_has_a_group_with_words_and_a_glyph() -> None:
    for kind in EventKind:
        assert kind in group_of(kind).kinds
        assert is_event_glyph(glyph_of(kind))
    assert sorted(kind for group in Group for kind in group.kinds) == sorted(EventKind)
    for group in Group:
        words = words_of(group)
        assert all(words)
        assert "{span}" in words.none
        assert "{count}" in words.hidden
        assert is_event_glyph(group.value)


def test_a_muted_kind_is_shown_when_its_chip_is_chosen() -> None:
    events = [happened(BEACON), happened(PORT), alert(SCAN), alert(SENT_MUCH), happened(NEW_APP)]
    lines = list(timeline(events, {Group.BEACON}, EventFilter(Group.BEACON)))
    (row,) = (line for line in lines if isinstance(line, Row))
    assert row.is_quiet
    assert not any(isinstance(line, Hidden) for line in lines)


def test_event_in_view_for_long_enough_is_returned_once() -> None:
    looked = LookedAt()
    looked.show({1, 2}, 0.0)
    looked.show({2, 3}, LOOKED_AT_S - 0.1)
    looked.show({2, 3, 1}, LOOKED_AT_S + 0.1)
    assert looked.leave(LOOKED_AT_S + 0.2) == {2}, "1 was in view for shorter, twice; 3 came later"
    looked.show({4}, 10.0)
    assert looked.leave(10.0 + LOOKED_AT_S) == {4}
    assert looked.leave(99.0) == set()


def _day(at: float) -> date:
    return datetime.fromtimestamp(at).astimezone().date()
