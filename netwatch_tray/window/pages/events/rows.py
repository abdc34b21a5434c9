"""The lines of the timeline: for each local day a heading, its events, and a line for the hidden events of each muted
group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from datetime import date, datetime
from typing import NamedTuple

from netwatch_tray.event import Event
from netwatch_tray.window.pages.events.kinds import Group, group_of


class Day(NamedTuple):
    """The heading of a local day."""

    day: date
    events: int = 0
    """Number of all events of the day, hidden ones included."""
    unseen: int = 0
    """Number of alerts that are neither seen nor muted."""
    hidden: int = 0
    """Number of events that are hidden because their group is muted."""


class Row(NamedTuple):
    """The line of an event."""

    day: date
    event: Event
    is_muted_kind: bool = False
    """Whether all events of this kind are muted, not only this one by its app or host."""

    @property
    def is_quiet(self) -> bool:
        """Return whether the event is muted, so that it did not notify the user and the bell does not count it."""
        return self.is_muted_kind or self.event.is_muted

    @property
    def is_new(self) -> bool:
        """Return whether the event is an unseen alert, which the bell counts."""
        return self.event.is_unseen_alert and not self.is_muted_kind


class Hidden(NamedTuple):
    """A line at the end of a day: the number of events that are hidden because a group is muted."""

    day: date
    group: Group
    events: int


Line = Day | Row | Hidden


class EventFilter(NamedTuple):
    """Selects the events that the timeline shows."""

    group: Group | None = None
    """The only group to show; None: all groups that are not muted."""
    matches: Callable[[Event], bool] | None = None
    """Returns whether an event contains the words that the user searches for; None: there are none."""
    uncovered: Collection[tuple[date, Group]] = ()
    """Days and muted groups whose events the user has chosen to see."""


def key(line: Line) -> Hashable:
    if isinstance(line, Row):
        return line.event.id
    return (line.day, line.group.value if isinstance(line, Hidden) else "")


def order(line: Line) -> float:
    """Return the sort key of a line; the timeline shows the highest first. Headings of days are compared with each
    other, and events with those of their day. A line of hidden events is the last of its day."""
    if isinstance(line, Day):
        return line.day.toordinal()
    return line.event.last if isinstance(line, Row) else float("-inf")


def heading(line: Line) -> Line | None:
    return None if isinstance(line, Day) else Day(line.day)


def local_day(at: float) -> date:
    return datetime.fromtimestamp(at).astimezone().date()


def counts(events: Iterable[Event]) -> Counter[Group]:
    """Return the number of events in each group."""
    return Counter(group_of(event.kind) for event in events)


def timeline(events: Iterable[Event], muted: Collection[Group], shown: EventFilter) -> Iterator[Line]:
    """Yield the lines of the timeline, unsorted. `muted`: groups whose kinds are all muted. `shown`: which events to
    show."""
    days: dict[date, list[Event]] = {}
    for event in events:
        if (shown.group is None or group_of(event.kind) is shown.group) and (not shown.matches or shown.matches(event)):
            days.setdefault(local_day(event.last), []).append(event)
    for day, members in days.items():
        covered: Counter[Group] = Counter()
        for event in members:
            group = group_of(event.kind)
            is_muted = group in muted
            if is_muted and shown.group is None and (day, group) not in shown.uncovered:
                covered[group] += 1
            else:
                yield Row(day, event, is_muted)
        unseen = sum(event.is_unseen_alert for event in members)
        yield Day(day, len(members), unseen, covered.total())
        for group, count in covered.items():
            yield Hidden(day, group, count)
