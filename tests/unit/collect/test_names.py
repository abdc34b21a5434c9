from __future__ import annotations

import threading

from desktop import wait_for

from netwatch_tray.collect import names
from netwatch_tray.collect.names import NameResolver


def test_names_are_asked_once_and_kept() -> None:
    asked: list[str] = []

    def ask(address: str) -> str | None:
        asked.append(address)
        return {"192.0.2.1": "one.example.net"}.get(address)

    resolver = NameResolver(ask)
    for _ in range(2):
        assert resolver.resolve(["192.0.2.1", "192.0.2.2"], 60) == {"192.0.2.1": "one.example.net"}
    assert sorted(asked) == ["192.0.2.1", "192.0.2.2"]


def test_a_resolver_that_does_not_answer_holds_nobody_up_and_its_late_answer_is_kept() -> None:
    answer = threading.Event()

    def ask(address: str) -> str | None:
        if address == "192.0.2.9":
            answer.wait(120)
        return "late.example.net" if address == "192.0.2.9" else "one.example.net"

    resolver = NameResolver(ask)
    wait_for(
        lambda: resolver.resolve(["192.0.2.9", "192.0.2.1"], 0.2) == {"192.0.2.1": "one.example.net"},
        1,
        "the other name is known",
    )
    answer.set()
    assert resolver.resolve(["192.0.2.9"], 60) == {"192.0.2.9": "late.example.net"}


def test_it_remembers_a_bounded_number(monkeypatch) -> None:
    monkeypatch.setattr(names, "_MOST_NAMES", 10)
    resolver = NameResolver(lambda address: f"{address}.example.net")
    found = resolver.resolve([f"192.0.2.{number}" for number in range(50)], 60)
    assert len(resolver._names) == 10
    assert len(resolver._threads) <= 8
    assert found.items() <= {f"192.0.2.{number}": f"192.0.2.{number}.example.net" for number in range(50)}.items()


def test_an_address_that_nobody_names_is_absent() -> None:
    assert NameResolver().resolve(["not an address"], 60) == {}
