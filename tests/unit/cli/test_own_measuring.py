"""What subcommands measure where no agent runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from netwatch_tray.cli import record
from netwatch_tray.collect.sources import Sources
from netwatch_tray.settings import Settings


@pytest.mark.parametrize("is_on", [True, False])
def test_own_measuring_uses_countries_and_total_of_the_settings(is_on: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[tuple[bool, Mapping[str, bool]]] = []

    def measure(sources: Sources, chosen: Mapping[str, bool]) -> Iterator[None]:
        used.append((sources.countries().is_on, chosen))
        return iter(())

    monkeypatch.setattr(record, "measure", measure)
    assert list(record.measure_here(Settings(countries=is_on, total={"wg0": False}))) == []
    assert used == [(is_on, {"wg0": False})]
