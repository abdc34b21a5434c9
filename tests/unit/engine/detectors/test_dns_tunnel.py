"""Which names count as a DNS tunnel."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterable

from netwatch_tray.engine.detectors import Moment
from netwatch_tray.engine.detectors.tunnel import LABELS, WINDOW_S, Below, TunnelWatch
from netwatch_tray.event import DnsTunnel, Finding


def ask(labels: Iterable[str], domain: str = "tunnel.example", pause: float = 0.5) -> list[Finding]:
    watch = TunnelWatch()
    found: list[Finding] = []
    for number, each in enumerate(labels):
        at = number * pause
        found += watch.take(Below(domain, each, ("app", "curl")), Moment(1.7e9 + at, at))
    return found


def random_labels(count: int, size: int = 20) -> list[str]:
    chance = random.Random(1)
    return [base64.b32encode(chance.randbytes(size)).decode().lower().rstrip("=") for _ in range(count)]


def test_random_labels_are_reported_once_in_an_hour() -> None:
    first, *more = ask(random_labels(1000))
    assert isinstance(first.evidence, DnsTunnel)
    assert (first.evidence.labels, first.evidence.length, first.host, first.app) == (
        LABELS,
        32,
        "tunnel.example",
        "app",
    )
    assert first.evidence.entropy > 4.5
    assert 0 < len(more) < 10
    assert all(each.goes_on for each in more)


def test_hexadecimal_labels_are_reported() -> None:
    chance = random.Random(2)
    assert len([each for each in ask(chance.randbytes(16).hex() for _ in range(100)) if not each.goes_on]) == 1


def test_repeated_names_raise_no_finding() -> None:
    assert ask(random_labels(LABELS - 1) * 100) == []


def test_short_names_and_reversed_addresses_raise_no_finding() -> None:
    assert ask(f"server{number}" for number in range(1000)) == []
    chance = random.Random(3)
    addresses = ("".join(str(chance.randrange(100, 256)) for _ in range(6)) for _ in range(1000))
    assert ask(addresses, "blocklist.example") == []


def test_few_names_per_window_raise_no_finding() -> None:
    assert ask(random_labels(500), pause=WINDOW_S / (LABELS - 2)) == []


def test_each_domain_is_counted_separately_and_their_number_is_bounded() -> None:
    watch = TunnelWatch()
    found = [
        each
        for number, labels in enumerate(random_labels(5000))
        for each in watch.take(Below(f"d{number % 500}.example", labels, None), Moment(1.7e9, 1.0))
    ]
    assert found == []
    assert len(watch._domains) <= 256
