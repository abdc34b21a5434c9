"""Upload rates above a limit for a long time."""

from __future__ import annotations

from netwatch_tray.engine.detectors import Moment
from netwatch_tray.engine.detectors.rate import TOTAL, RateWatch, Uploaded
from netwatch_tray.event import Finding, HeldRate

MB = 1_000_000


class Uploads:
    """Uploads of an app beside a detector whose limit is 1 MB/s for a minute."""

    def __init__(self, limit: float | None = MB) -> None:
        self.watch = RateWatch(limit, 60.0)
        self.at = 0.0

    def run(self, seconds: int, rate: int, app: str = "app", elapsed: float | None = 1.0) -> list[Finding]:
        found: list[Finding] = []
        for _ in range(seconds):
            self.at += 1
            sent: dict[str, tuple[str | None, int]] = {app: ("App", rate)}
            found += self.watch.take(Uploaded(elapsed, sent), Moment(1.7e9 + self.at, self.at))
        return found


def test_held_rate_is_one_finding_until_it_falls() -> None:
    uploads = Uploads()
    (begun,) = uploads.run(200, 2 * MB)
    assert begun.evidence == HeldRate(rate=2 * MB, seconds=60.0, rule_rate=MB, rule_seconds=60.0)
    assert (begun.app, begun.app_name, begun.since) == ("app", "App", 1.7e9)
    (ended,) = uploads.run(60, 0)
    assert ended.goes_on
    assert isinstance(ended.evidence, HeldRate)
    assert ended.evidence.seconds == 200.0


def test_finding_about_the_total_has_no_app() -> None:
    (begun,) = Uploads().run(60, MB, TOTAL)
    assert begun.app is None


def test_short_and_slow_uploads_raise_no_finding() -> None:
    uploads = Uploads()
    assert uploads.run(50, 9 * MB) == []
    assert uploads.run(300, MB // 2) == []


def test_pause_of_a_second_does_not_end_a_held_rate() -> None:
    uploads = Uploads()
    findings = [each for _ in range(20) for part in ((4, 2 * MB), (1, 0)) for each in uploads.run(*part)]
    assert len(findings) == 1


def test_gap_restarts_the_duration_and_no_limit_raises_no_finding() -> None:
    uploads = Uploads()
    assert uploads.run(50, 2 * MB) + uploads.run(1, 2 * MB, elapsed=None) + uploads.run(50, 2 * MB) == []
    assert Uploads(None).run(600, 99 * MB) == []
