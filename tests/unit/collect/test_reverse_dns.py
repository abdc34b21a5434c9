from __future__ import annotations

import threading

import pytest
from desktop import wait_for

from netwatch_tray.collect import reverse_dns
from netwatch_tray.collect.reverse_dns import NameResolver


def test_each_address_is_looked_up_once() -> None:
    asked: list[str] = []

    def look_up(address: str) -> str | None:
        asked.append(address)
        return {"192.0.2.1": "one.example.net"}.get(address)

    resolver = NameResolver(look_up)
    for _ in range(2):
        assert resolver.resolve(["192.0.2.1", "192.0.2.2"], 60) == {"192.0.2.1": "one.example.net"}
    assert sorted(asked) == ["192.0.2.1", "192.0.2.2"]


def test_a_late_response_delays_no_other_name_and_is_kept() -> None:
    answer = threading.Event()

    def look_up(address: str) -> str | None:
        if address == "192.0.2.9":
            answer.wait(120)
        return "late.example.net" if address == "192.0.2.9" else "one.example.net"

    resolver = NameResolver(look_up)
    wait_for(
        lambda: resolver.resolve(["192.0.2.9", "192.0.2.1"], 0.2) == {"192.0.2.1": "one.example.net"},
        1,
        "the other name is known",
    )
    answer.set()
    assert resolver.resolve(["192.0.2.9"], 60) == {"192.0.2.9": "late.example.net"}


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reverse_dns, "_MOST_NAMES", 10)
    resolver = NameResolver(lambda address: f"{address}.example.net")
    found = resolver.resolve([f"192.0.2.{number}" for number in range(50)], 60)
    assert len(resolver._names) == 10
    assert len(resolver._threads) <= 8
    assert found.items() <= {f"192.0.2.{number}": f"192.0.2.{number}.example.net" for number in range(50)}.items()


def test_an_address_without_a_name_is_absent() -> None:
    assert NameResolver().resolve(["not an address"], 60) == {}
