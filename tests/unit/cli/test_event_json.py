"""`events --json` has what a script needs: codes, evidence, and what would silence an event."""

from __future__ import annotations

import msgspec

from netwatch_tray.cli.events import as_json
from netwatch_tray.event import Event, Evidence, Offline, SentMuch, Severity
from netwatch_tray.settings import Settings


def make(evidence: Evidence, app: str | None = None, host: str | None = None) -> Event:
    return Event(id=1, first=0, last=1, severity=Severity.ALERT, key="key", evidence=evidence, app=app, host=host)


def test_json_has_labels_in_place_of_codes() -> None:
    found = as_json(make(Offline(), host="example.org"))
    assert (found["kind"], found["severity"], found["rule"]) == ("line", "alert", "offline")
    assert found["evidence"] == {"until": None, "interfaces": ()}
    assert msgspec.json.encode(found)


def test_json_has_the_rules_limits_and_the_applicable_mutes() -> None:
    evidence = SentMuch(sent=9, usual=1, greatest=2, days=28, rule_times=4, rule_least=5)
    found = as_json(make(evidence, app="executable:/bin/a"))
    assert found["rule"] == "sent-much"
    limits = {name: value for name, value in found["evidence"].items() if name.startswith("rule_")}
    assert limits == {"rule_times": 4, "rule_least": 5}
    assert found["mutes"] == ["upload app executable:/bin/a", "upload"]
    assert found["settings"]
    for key in found["settings"]:
        section, _, name = key.partition(".")
        assert hasattr(getattr(Settings(), section), name)
