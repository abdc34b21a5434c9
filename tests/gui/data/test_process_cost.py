"""CPU usage over a minute."""

from __future__ import annotations

import pytest

from netwatch_tray.window.data.process_cost import ProcessCost


def test_cpu_usage_is_averaged_over_the_last_minute() -> None:
    cost = ProcessCost()
    assert cost.percent is None
    cost.add(1, 5.0, 2.0)
    assert cost.percent is None, "the average since its start is unknown"
    cost.add(1, 15.0, 2.1)
    assert cost.percent == pytest.approx(1.0)
    for second in range(25, 200, 10):
        cost.add(1, second, 2.1)
    assert cost.percent == 0
    cost.add(2, 1000.0, 30.0)
    assert cost.percent == 3, "another process: since its start"
