"""Events and mutes are unchanged after they were stored or sent."""

from __future__ import annotations

import math
from typing import get_args

import msgspec
import pytest
from hypothesis import assume, given, strategies as st

from netwatch_tray import event
from netwatch_tray.event import (
    KINDS,
    Event,
    EventKind,
    Mute,
    Offline,
    Severity,
    mutes_for,
    packed,
    unpacked,
)

texts = st.text(min_size=1, max_size=30)


@given(st.one_of(*map(st.from_type, get_args(event.Evidence))))
def test_evidence_is_unpacked_as_it_was_packed(evidence: event.Evidence) -> None:
    numbers = [each for each in msgspec.structs.astuple(evidence) if isinstance(each, float)]
    assume(all(map(math.isfinite, numbers)))
    assert unpacked(packed(evidence)) == evidence


def test_every_kind_that_is_stored_has_evidence() -> None:
    assert {each.kind for each in get_args(event.Evidence)} == set(KINDS.values())


def test_unknown_kind_becomes_unknown() -> None:
    assert EventKind(77) is EventKind.UNKNOWN
    assert "unknown" not in KINDS


@given(st.sampled_from([None, *KINDS.values()]), st.none() | texts, st.none() | texts)
def test_mute_code_round_trips(kind: EventKind | None, app: str | None, host: str | None) -> None:
    for mute in (Mute(kind, app=app), Mute(kind, host=host)):
        if any(part is not None for part in mute):
            assert Mute.parsed(mute.code) == mute


@pytest.mark.parametrize("code", ["", "any", "beacons", "beacon app", "beacon app ", "beacon port 22", "any any"])
def test_other_codes_mute_nothing(code: str) -> None:
    assert Mute.parsed(code) is None


def make(**fields: object) -> Event:
    return Event(id=1, first=0, last=1, severity=Severity.ALERT, key="line", evidence=Offline(), **fields)  # type: ignore[arg-type]


def test_mutes_of_an_event_cover_it_and_begin_with_the_narrowest() -> None:
    found = make(app="executable:/bin/a b", host="example.org")
    assert [each.code for each in mutes_for(found)] == ["line app executable:/bin/a b", "line host example.org", "line"]
    assert all(each.covers(found.kind, found.app, found.host) for each in mutes_for(found))
    assert not Mute(EventKind.SCAN).covers(found.kind, found.app, found.host)
    assert not Mute(app="executable:/bin/a").covers(found.kind, found.app, found.host)


@pytest.mark.parametrize(("fields", "counts"), [({}, True), ({"is_seen": True}, False), ({"is_muted": True}, False)])
def test_an_alert_counts_on_the_bell_until_it_is_seen_or_muted(fields: dict[str, object], counts: bool) -> None:
    assert make(**fields).is_unseen_alert is counts
