"""Every event has sentences in both languages, with the numbers of its evidence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import get_args

import pytest
from hypothesis import HealthCheck, assume, given, settings, strategies as st
from msgspec.structs import replace

from netwatch_tray import event_words, language
from netwatch_tray.event import (
    Beacon,
    Event,
    EventKind,
    Evidence,
    GatewaySilent,
    Mute,
    NewApp,
    NewListener,
    NotMeasured,
    Offline,
    PlanUsed,
    PortScan,
    SentMuch,
    Severity,
    TooManyFindings,
    TotalMoved,
    mutes_for,
)
from netwatch_tray.model import GapReason
from netwatch_tray.units import SI_BYTES

pytestmark = pytest.mark.usefixtures("utc")

_PLACE = re.compile(r"\{\w*\}")
APP = "executable:/usr/bin/syncthing"
EXAMPLES: dict[str, tuple[Evidence, str, str]] = {
    "new app": (NewApp(program="/bin/steam"), "Syncthing used the network for the first time", "/bin/steam"),
    "port": (
        NewListener(protocol="TCP", address="*", port=22000, before=("127.0.0.1",)),
        "Syncthing now listens on TCP 22000, all addresses",
        "reachable from the network; before only 127.0.0.1",
    ),
    "upload": (
        SentMuch(
            sent=4_200_000_000, usual=700_000_000, greatest=2_050_000_000, days=28, rule_times=4, rule_least=500_000_000
        ),
        "Syncthing sent 4.20 GB in one day, 6 times its usual day",
        "usual day 700 MB, greatest in 28 days 2.05 GB",
    ),
    "beacon": (
        Beacon(period=60.0, times=41, deviation=0.4, variation=0.01, size=1200, rule_times=6, rule_variation=0.1),
        "Syncthing connects to – every 60 s",
        "41 times, 1.20 kB each, never more than 1 s early or late",
    ),
    "scan": (
        PortScan(
            inbound=True, ports=214, hosts=1, seconds=32.0, answered=(22, 22000), is_local=True, rule_count=20,
            rule_seconds=30.0,
        ),
        "A computer in this network tried 214 ports of yours",
        "within 32 s, answered: 22 and 22000",
    ),
    "plan": (
        PlanUsed(
            percent=80, used=320_000_000_000, cap=400_000_000_000, since="2026-11-01", until="2026-11-30", days_left=5
        ),
        "80 % of the data plan for November used: 320 of 400 GB",
        "days left: 5, 16.0 GB a day",
    ),
    "plan of other days": (
        PlanUsed(
            percent=100, used=10**9, cap=10**9, since="2026-11-05", until="2026-12-04", days_left=3
        ),
        "100 % of the data plan for 5 Nov – 4 Dec used: 1.00 of 1.00 GB",
        "days left: 3",
    ),
    "interface": (
        TotalMoved(before=("eth0",), after=("wlan0",)),
        "The total moved from eth0 to wlan0",
        "the default route changed",
    ),
    "gateway": (
        GatewaySilent(address="192.0.2.1", seconds=40.0),
        "The gateway 192.0.2.1 did not answer for 40 s",
        "still silent",
    ),
    "agent": (
        NotMeasured(reason=GapReason.NOT_RUNNING, seconds=4.0),
        "The agent was restarted, 4 s not measured",
        "",
    ),
    "sleep": (
        NotMeasured(reason=GapReason.ASLEEP, seconds=28_320.0),
        "Slept 06:22 – 14:14",
        "7 h 52 min",
    ),
    "long sleep": (
        NotMeasured(reason=GapReason.ASLEEP, seconds=180_000.0),
        "Slept 2026-09-19 12:14 – 14:14",
        "2 d 2 h",
    ),
    "too many": (
        TooManyFindings(of=EventKind.SCAN, findings=9000, rule_count=10, rule_seconds=3600.0),
        "Further port scans were not kept: 9000",
        "",
    ),
}  # fmt: skip


def make(evidence: Evidence, **fields: object) -> Event:
    return Event(
        id=1,
        first=1_790_000_000.0,
        last=1_790_000_060.0,
        severity=Severity.ALERT,
        key="",
        evidence=evidence,
        app=APP,
        app_name="Syncthing",
        **fields,  # type: ignore[arg-type]
    )


@pytest.fixture(params=["en", "de"])
def chosen(request: pytest.FixtureRequest) -> Iterator[str]:
    language.use(request.param)
    yield request.param
    language.use("en")


@pytest.mark.parametrize("name", EXAMPLES)
def test_sentence_and_detail_have_the_numbers(name: str) -> None:
    evidence, sentence, detail = EXAMPLES[name]
    event = make(evidence)
    assert event_words.sentence(event, SI_BYTES) == sentence
    assert event_words.detail(event, SI_BYTES) == detail


@pytest.mark.usefixtures("chosen")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(*map(st.from_type, get_args(Evidence))),
    st.sampled_from([None, "nas.example"]),
    st.sampled_from([None, "executable:/bin/a"]),
)
def test_every_event_has_words_without_placeholders(evidence: Evidence, host: str | None, app: str | None) -> None:
    if isinstance(evidence, PlanUsed):
        evidence = PlanUsed(percent=80, used=evidence.used, cap=1, since="2026-11-01", until="2026-11-30", days_left=0)
    numbers = [value for name in evidence.__struct_fields__ if isinstance(value := getattr(evidence, name), float)]
    assume(all(0 <= each < 1e9 for each in numbers))
    assume("{" not in repr(evidence))  # a name with braces is shown with them: see below
    event = Event(id=1, first=1e9, last=1e9, severity=Severity.NOTICE, key="", evidence=evidence, app=app, host=host)
    texts = [event_words.title(event), *(each(event, SI_BYTES) for each in (event_words.sentence, event_words.explain))]
    for mute in mutes_for(event):
        texts += [event_words.mute(mute, event), event_words.unmute(mute, event), event_words.muted(mute)]
    for text in texts:
        assert text.strip()
    for text in (*texts, event_words.detail(event, SI_BYTES)):
        assert not _PLACE.search(text), text


@pytest.mark.usefixtures("chosen")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["{}", "{0}", "{app}", "{before", "after}", "%s", "%(app)s"])
    | st.text(min_size=1).filter(lambda name: name != "*")
)
def test_names_are_values_and_never_templates(name: str) -> None:
    neutral = "\ue000"

    def texts(name: str) -> list[str]:
        evidence = [
            NewApp(program=name),
            NewListener(protocol="TCP", address=name, port=1, before=(name, name)),
            Offline(until=1_790_000_540.0, interfaces=(name, name)),
            TotalMoved(before=(name, name), after=(name,)),
            GatewaySilent(address=name, seconds=1.0),
            *(each for each, _, _ in EXAMPLES.values()),
        ]
        found = []
        for each in evidence:
            event = replace(make(each), app=name, app_name=name, host=name)
            found += [event_words.title(event), event_words.explain(event, SI_BYTES)]
            found += [event_words.sentence(event, SI_BYTES), event_words.detail(event, SI_BYTES)]
            for mute in mutes_for(event):
                found += [event_words.mute(mute, event), event_words.unmute(mute, event)]
        return [*found, event_words.muted(Mute(host=name)), event_words.muted(Mute(EventKind.UPLOAD, host=name))]

    assert texts(name) == [text.replace(neutral, name) for text in texts(neutral)]


def test_mutes_name_what_they_cover() -> None:
    event = make(EXAMPLES["upload"][0], host="nas.example")
    assert [event_words.mute(each, event) for each in mutes_for(event)] == [
        "Mute unusual uploads of Syncthing",
        "Mute unusual uploads of nas.example",
        "Mute all unusual uploads",
    ]
    assert event_words.muted(Mute(EventKind.UPLOAD, app=APP)) == "unusual uploads of syncthing"
    assert event_words.muted(Mute(host="nas.example")) == "everything of nas.example"


def test_end_of_an_offline_event_has_both_times_and_its_duration() -> None:
    event = make(Offline(until=1_790_000_540.0, interfaces=("wlan0",)))
    assert re.fullmatch(r"Offline \d\d:\d\d–\d\d:\d\d", event_words.sentence(event, SI_BYTES))
    assert event_words.detail(event, SI_BYTES) == "wlan0, 9 min"
