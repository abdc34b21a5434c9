"""The monitor's ticks from made-up samples: what is kept from one tick to the next, and what never is."""

from __future__ import annotations

from netwatch_tray.engine.monitor import Monitor
from netwatch_tray.model import PAUSED, CounterRow, Interface, Sample


class Samples:
    """A source whose samples the test writes; a second passes from one to the next."""

    name = "test"
    note = None

    def __init__(self) -> None:
        self.interfaces = {
            index: Interface(index=index, name=name, is_up=True) for index, name in ((2, "eth0"), (3, "eth1"))
        }
        self.counters: dict[int, CounterRow] = {2: (0,) * 8, 3: (0,) * 8}
        self._now = 100.0

    def sample(self) -> Sample:
        self._now += 1
        return Sample(boottime=self._now, counters=dict(self.counters), interfaces=self.interfaces, counter_bits=64)

    def close(self) -> None:
        """Nothing to close."""


def test_a_still_interface_is_the_same_object_until_it_moves_or_something_is_learnt_of_it() -> None:
    source = Samples()
    monitor = Monitor(source, 1.0, {})
    monitor.tick()
    first, second = monitor.tick(), monitor.tick()
    assert [each.rx_rate for each in second.interfaces] == [0.0, 0.0]
    assert all(old is new for old, new in zip(first.interfaces, second.interfaces, strict=True))

    source.counters[2] = (1, 0, 500, 0, 0, 0, 0, 0)
    moved = monitor.tick()
    assert (moved.interfaces[0].rx_bytes, moved.interfaces[0].rx_rate) == (500, 500.0)
    assert moved.interfaces[1] is second.interfaces[1]
    calm = monitor.tick()
    assert (calm.interfaces[0].rx_bytes, calm.interfaces[0].rx_rate) == (500, 0.0)

    source.interfaces = {**source.interfaces, 3: Interface(index=3, name="renamed", is_up=False)}
    learnt = monitor.tick()
    assert (learnt.interfaces[1].name, learnt.interfaces[1].is_up) == ("renamed", False)
    monitor.choose({"renamed": True})
    assert monitor.tick().interfaces[1].is_uplink


def test_rates_are_unknown_while_it_is_paused_and_in_the_first_tick_after() -> None:
    monitor = Monitor(Samples(), 1.0, {})
    monitor.tick()
    assert monitor.tick().interfaces[0].rx_rate == 0.0
    monitor.pause()
    paused = monitor.tick()
    assert (paused.gap, paused.interfaces[0].rx_rate) == (PAUSED, None)
    monitor.resume()
    back = monitor.tick()
    assert (back.gap, back.interfaces[0].rx_rate) == ("paused until now", None)
    assert monitor.tick().interfaces[0].rx_rate == 0.0
