"""Names of many domains that do not exist."""

from __future__ import annotations

from netwatch_tray.engine.detectors import Moment
from netwatch_tray.engine.detectors.nxdomain import DOMAINS, WINDOW_S, Answered, NxdomainWatch
from netwatch_tray.event import Finding, NxdomainStorm

APP = ("app", "App")


def answer(
    watch: NxdomainWatch, domain: str | None, at: float = 1.0, app: tuple[str, str] | None = APP
) -> list[Finding]:
    return list(watch.take(Answered(domain, app), Moment(1.7e9 + at, at)))


def test_many_domains_are_reported_once() -> None:
    watch = NxdomainWatch()
    (finding,) = [each for number in range(200) for each in answer(watch, f"x{number}.example", number / 10)]
    assert isinstance(finding.evidence, NxdomainStorm)
    assert (finding.evidence.nxdomain, finding.app, finding.app_name) == (DOMAINS, "app", "App")


def test_missing_names_in_few_domains_raise_no_finding() -> None:
    watch = NxdomainWatch()
    assert [each for number in range(5000) for each in answer(watch, f"list{number % 20}.example")] == []


def test_mostly_successful_responses_raise_no_finding() -> None:
    watch = NxdomainWatch()
    for number in range(300):
        assert answer(watch, None) + answer(watch, None) + answer(watch, f"x{number}.example") == []


def test_missing_domains_spread_over_time_or_apps_raise_no_finding() -> None:
    watch = NxdomainWatch()
    pause = WINDOW_S / (DOMAINS - 2)
    assert [each for number in range(300) for each in answer(watch, f"x{number}.example", number * pause)] == []
    spread = [
        each for number in range(800) for each in answer(watch, f"x{number}.example", 1e5, (f"app{number % 40}", ""))
    ]
    assert spread == []


def test_queries_of_unknown_apps_are_counted_together() -> None:
    watch = NxdomainWatch()
    assert len([each for number in range(60) for each in answer(watch, f"x{number}.example", app=None)]) == 1
