"""States of the terminal's screen for tests: a busy machine, and hostile names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from netwatch_tray.event import Event, NewApp, Severity
from netwatch_tray.feed.protocol import AppsMessage, ConnectionsMessage, EventsMessage, HostsMessage, TickMessage
from netwatch_tray.history.usage import Days, outlook
from netwatch_tray.model import App, Connection, GapReason, HostAmount, InterfaceTick, Tick, Total, Why, WhyCode
from netwatch_tray.settings import Settings
from netwatch_tray.tui.state import Link, State
from netwatch_tray.tui.stored import Amounts, Stored

NOW = datetime(2026, 11, 26, 14, 26, 8, tzinfo=UTC)
NAMES = ("Firefox", "Syncthing", "apt", "Thunderbird", "ssh", "Container: web")
HOSTILE = (
    "a\x1b[2J\x1b[31mred\nline", "字字字字字字字字字字字字字字字字", "e\u0301" * 30, "مرحبا بالعالم", "\u202egnp.exe",
    "👨\u200d👩\u200d👧 🇩🇪",
    "\u0301\u0302", "", "a\tb\rc", "x" * 300, "\x9b31m", "한글 프로그램", "क्षि", "<b>[red]x[/red]</b>",
)  # fmt: skip


def interface(index: int, name: str, rates: tuple[float | None, float | None], why: Why) -> InterfaceTick:
    zeros: dict[str, Any] = dict.fromkeys(
        "rx_bytes tx_bytes rx_packets tx_packets rx_errors tx_errors rx_drops tx_drops".split(), 0
    )
    is_uplink = why.code is WhyCode.DEFAULT_ROUTE
    return InterfaceTick(
        index=index, name=name, is_up=True, is_uplink=is_uplink, why=why, rx_rate=rates[0], tx_rate=rates[1], **zeros
    )


def tick(at: datetime, rx: float | None, tx: float | None, uplink: str = "wlan0") -> Tick:
    return Tick(
        at=at,
        interval_s=None if rx is None else 1.0,
        gap=GapReason.ASLEEP if rx is None else None,
        total=Total(rx_rate=rx, tx_rate=tx, uplinks=(uplink,)),
        interfaces=(
            interface(2, uplink, (rx, tx), Why(WhyCode.DEFAULT_ROUTE)),
            interface(3, "wg0", (1.19e6, 30.4e3), Why(WhyCode.COUNTED_BELOW, (uplink,))),
            interface(4, "docker0", (592e3, 14.7e3), Why(WhyCode.INTERNAL, (uplink,))),
        ),
    )


def app(name: str, down: float | None, up: float | None, key: str = "") -> App:
    return App(
        key=key or name, name=name, processes=1, connections=2, rx_bytes=1, tx_bytes=1, rx_rate=down, tx_rate=up,
        local_rx_bytes=0, local_tx_bytes=0,
    )  # fmt: skip


def connection(number: int, name: str, **more: Any) -> Connection:
    return Connection(
        key=str(number), protocol="TCP", local_address="192.0.2.24", local_port=4000 + number,
        remote_address=f"203.0.113.{number}", remote_port=443, pid=1000 + number, process=name, app=name,
        rx_rate=1e6 / (number + 1), tx_rate=1e4, rtt_s=0.02, **{"state": "ESTABLISHED", **more},
    )  # fmt: skip


def stored(names: Sequence[str], uplink: str = "wlan0", cap: int | None = 400_000_000_000) -> Stored:
    today, month = (_amounts(names, uplink, scale) for scale in (1, 25))
    return Stored(
        today,
        month,
        outlook(338_000_000_000, cap, Days(date(2026, 11, 1), date(2026, 11, 30)), NOW.date(), 0.6),
    )


def _amounts(names: Sequence[str], uplink: str, scale: int) -> Amounts:
    apps = {name: scale * 5_580_000_000 // (at + 1) for at, name in enumerate(names)}
    interfaces = {uplink: scale * 16_800_000_000, "wg0": scale * 1_420_000_000, "docker0": scale * 611_000_000}
    return Amounts(scale * 16_800_000_000, apps, interfaces, scale * 41_000_000, 0)


def event(number: int, severity: Severity = Severity.ALERT, *, at: datetime = NOW, **more: Any) -> Event:
    return Event(
        id=number, first=at.timestamp(), last=at.timestamp() + number, severity=severity, key=str(number),
        evidence=NewApp(program="/usr/bin/steam"), app="steam", host="video.example", **{"app_name": "Steam", **more},
    )  # fmt: skip


def busy(names: Sequence[str] = NAMES, uplink: str = "wlan0") -> State:
    """Return a state with five minutes of rates and a gap, apps, connections and a history."""
    state = State(Settings())
    state.link = Link.AGENT
    for ago in range(300, -1, -1):
        rx = None if 220 < ago < 240 else 4e6 + 2e6 * math.sin(ago / 20) + (6e6 if 90 < ago < 120 else 0)
        tx = None if rx is None else 2e5 + 1e5 * math.cos(ago)
        state.receive(TickMessage(tick(NOW - timedelta(seconds=ago), rx, tx, uplink)))
    apps = tuple(app(name, 5.51e6 / 4**at, 1e5 / 2**at, f"key{at}") for at, name in enumerate(names))
    state.receive(AppsMessage(apps=apps, interval_s=2.0, other=(42_000, 6_000)))
    rows = tuple(connection(number, names[number % len(names)]) for number in range(40))
    state.receive(ConnectionsMessage(reset=True, added=rows))
    hosts = tuple(
        HostAmount(
            host=name, origin="TLS", address=None, scope="internet", country=None, rx_bytes=10**at,
            tx_bytes=10 ** (at // 2), last_at=0,
        )
        for at, name in reversed(list(enumerate(names)))
    )  # fmt: skip
    state.receive(HostsMessage(app="key0", since=(NOW - timedelta(hours=24)).timestamp(), hosts=hosts))
    events = tuple(event(number, Severity(1 + number % 3), app_name=names[number % len(names)]) for number in range(30))
    state.receive(EventsMessage(reset=True, events=events, unseen=3))
    state.set_stored(stored(names, uplink))
    return state
