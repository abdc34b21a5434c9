"""A tunnel over the only other way out: never contradicted by true counters, however late, and always by false ones."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from test_monitor import Samples, measured

from netwatch_tray.engine.carriers import Carriers
from netwatch_tray.engine.monitor import Monitor
from netwatch_tray.engine.rates import InterfaceRates
from netwatch_tray.model import Interface

TUNNEL, CARD = 9, 2
_MEGABYTE = 1 << 20


def rates(rx: int, tx: int) -> InterfaceRates:
    return InterfaceRates(None, None, None, None, rx, tx)


_amounts = st.one_of(st.just(0), st.integers(0, 10**9))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(_amounts, _amounts, st.integers(0, 6)), max_size=60))
def test_late_counters_of_the_card_do_not_contradict_the_presumed_underlay(seconds: list[tuple[int, int, int]]) -> None:
    """Each second: bytes of the tunnel, other bytes of the card, seconds by which the counters of the card are late."""
    carriers = Carriers()
    carriers.suppose({TUNNEL: CARD}, {TUNNEL, CARD})
    passed = [0]
    shown_until = 0
    for now, (tunnel, other, late) in enumerate(seconds, 1):
        passed.append(passed[-1] + tunnel + other)
        before, shown_until = shown_until, max(shown_until, now - late)
        card = passed[shown_until] - passed[before]
        assert not carriers.contradict({TUNNEL: rates(tunnel, tunnel), CARD: rates(card, card)}, float(now))
    assert carriers.alone == frozenset()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(50_000, 10**8), min_size=60, max_size=60), st.booleans(), st.data())
def test_bytes_that_the_card_does_not_carry_contradict_the_presumed_underlay(
    amounts: list[int], is_rx: bool, data: st.DataObject
) -> None:
    carriers = Carriers()
    carriers.suppose({TUNNEL: CARD}, {TUNNEL, CARD})
    ahead, found_at = 0, None
    for now, amount in enumerate(amounts, 1):
        card = data.draw(st.integers(0, amount // 2))
        ahead += amount - card
        moved = (rates(amount, 0), rates(card, 0)) if is_rx else (rates(0, amount), rates(0, card))
        if carriers.contradict(dict(zip((TUNNEL, CARD), moved, strict=True)), float(now)):
            found_at = now
            break
        assert now < 8 or sum(amounts[: now - 6]) <= sum(amounts[:now]) - ahead + _MEGABYTE
    assert found_at is not None
    assert carriers.alone == {TUNNEL}
    carriers.suppose({}, {CARD})
    assert carriers.alone == frozenset(), "it was removed"


def test_counters_that_begin_anew_are_not_compared() -> None:
    carriers = Carriers()
    carriers.suppose({TUNNEL: CARD}, {TUNNEL, CARD})
    for now in range(40):
        found = {TUNNEL: rates(10**6, 0)}
        if now % 5:
            found[CARD] = rates(0, 0)
        assert not carriers.contradict(found, float(now))


def test_total_continues_with_the_tunnel_that_the_card_does_not_carry() -> None:
    """Each byte counts until it is known that the card does not carry it, and from then on."""
    source = Samples()
    card = Interface(index=CARD, name="eth0", kind="ethernet", is_up=True, addresses=("192.0.2.2/24",))
    tunnel = Interface(index=TUNNEL, name="tun0", kind="tun", is_up=True, default_metric=0)
    source.interfaces = {CARD: card, TUNNEL: tunnel}
    source.counters = dict.fromkeys(source.interfaces, (0,) * 8)
    monitor = Monitor(source, 1.0, {})
    monitor.tick()
    for _ in range(30):
        source.carry(TUNNEL, 1000)
        source.carry(CARD, 1060)
        tick = measured(monitor)
        assert (tick.total.uplinks, tick.total.rx_delta) == (("eth0",), 1060)
    waited, memberships = 0, monitor.memberships
    while (tick := measured(monitor)).total.uplinks == ("eth0",):
        source.carry(TUNNEL, _MEGABYTE)
        waited += 1
        assert waited < 12
    decided = monitor.memberships
    assert decided is not memberships, "the routes are made again"
    for _ in range(10):
        source.carry(TUNNEL, 1000)
        source.carry(CARD, 70)
        assert measured(monitor).total.rx_delta == 1000
    assert monitor.memberships is decided, "nothing is decided twice"
    source.interfaces = {CARD: card}
    del source.counters[TUNNEL]
    assert measured(monitor).total.uplinks == ("eth0",)
