"""A machine that does not exist, for pictures: the same rates and connections every time.

Addresses are those for documentation (RFC 5737, RFC 3849), the time stands still.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

from netwatch_tray import __version__
from netwatch_tray.feed.protocol import (
    VERSION,
    ConnectionsMessage,
    Hello,
    RecentTick,
    ServerMessage,
    Status,
    TickMessage,
)
from netwatch_tray.model import Connection, InterfaceTick, Tick, Total
from netwatch_tray.settings import Settings

_NOW = datetime(2026, 11, 14, 14, 24, 31, tzinfo=UTC)
_PAST_S = 330
_ASLEEP = range(190, 228)
"""Seconds before now."""
_COUNTED = "counted: carries the default route"
_INTERFACES = (
    # index, name, up, why, download and upload as fractions of the uplink's
    (2, "wlan0", True, _COUNTED, 1.0, 1.0),
    (3, "eth0", False, "not counted: down", 0.0, 0.0),
    (5, "wg0", True, "not counted: traffic of wg0 already passes wlan0", 0.17, 0.12),
    (4, "docker0", True, "not counted: what it exchanges with the outside passes wlan0", 0.09, 0.07),
    (1, "lo", True, "not counted: traffic of this computer with itself", 0.21, 3.1),
)


def _noise(seed: int, second: int) -> float:
    """-1 to 1, the same on every machine."""
    return math.sin(seed * 12.9898 + second * 78.233) * 43758.5453 % 2 - 1


def _rates(index: int, second: int, down: float, up: float) -> tuple[float, float]:
    """bytes/s this many seconds ago: a video's bursts, a backup's plateau, some noise."""
    burst = math.exp(-(((second - 14 + index) / 2.6) ** 2)) + 0.8 * math.exp(-(((second - 118) / 9) ** 2))
    plateau = 1 / (1 + math.exp((second - 40 - 3 * index) / 3))
    swell = 0.5 + 0.5 * math.sin((second + 20 * index) / 17)
    received = 2.4e6 + 4.4e6 * plateau + 6.2e6 * burst + 1.3e6 * swell + 3.5e5 * _noise(index, second)
    sent = 2.1e5 + 3.8e5 * math.exp(-(((second - 26) / 6) ** 2)) + 1.6e5 * swell + 3e4 * _noise(index + 9, second)
    return received * down, sent * up


def _recent() -> tuple[RecentTick, ...]:
    ticks = []
    for second in range(_PAST_S, -1, -1):
        if second in _ASLEEP:
            continue
        gap = "asleep" if second == _ASLEEP[0] - 1 else None
        rates: dict[int, tuple[float | None, float | None]] = {
            index: (None, None) if gap or not up else _rates(index, second, down, sent)
            for index, _name, up, _why, down, sent in _INTERFACES
        }
        ticks.append(RecentTick(_NOW.timestamp() - second, gap, rates[2], rates))
    return tuple(ticks)


def _tick(now: RecentTick) -> Tick:
    interfaces = tuple(
        InterfaceTick(
            index=index, name=name, is_up=up, is_uplink=index == 2, why=why, rx_bytes=0, tx_bytes=0, rx_packets=0,
            tx_packets=0, rx_errors=2 if name == "docker0" else 0, tx_errors=0, rx_drops=0, tx_drops=0,
            rx_rate=now.rates[index][0], tx_rate=now.rates[index][1],
        )
        for index, name, up, why, _down, _sent in _INTERFACES
    )  # fmt: skip
    total = Total(rx_rate=now.total[0], tx_rate=now.total[1], uplinks=("wlan0",))
    return Tick(at=_NOW, interval_s=1.0, gap=None, total=total, interfaces=interfaces)


def _connections() -> tuple[Connection, ...]:
    here, here6 = "192.0.2.24", "2001:db8:4::24"
    rows: list[tuple[str | None, int | None, str, str, int, str | None, int | None, str | None]] = [
        ("firefox", 4121, "TCP", here, 51544, "203.0.113.18", 443, "ESTABLISHED"),
        ("firefox", 4121, "TCP", here, 51560, "203.0.113.42", 443, "ESTABLISHED"),
        ("firefox", 4121, "TCP", here6, 51602, "2001:db8:9::50", 443, "ESTABLISHED"),
        ("firefox", 4121, "TCP", here6, 51610, "2001:db8:9::51", 443, "CLOSE_WAIT"),
        ("firefox", 4163, "UDP", here, 60122, "198.51.100.7", 443, None),
        ("syncthing", 1902, "TCP", here, 22000, "198.51.100.77", 22000, "ESTABLISHED"),
        ("syncthing", 1902, "TCP", here, 40112, "198.51.100.80", 443, "ESTABLISHED"),
        ("syncthing", 1902, "TCP", "*", 22000, None, None, "LISTEN"),
        ("syncthing", 1902, "UDP", "*", 21027, None, None, None),
        ("thunderbird", 4410, "TCP", here, 38104, "203.0.113.93", 993, "ESTABLISHED"),
        ("thunderbird", 4410, "TCP", here, 38110, "203.0.113.93", 993, "ESTABLISHED"),
        ("ssh", 8801, "TCP", here, 47010, "198.51.100.22", 22, "ESTABLISHED"),
        ("sshd", 912, "TCP", "*", 22, None, None, "LISTEN"),
        ("cupsd", 1033, "TCP", "127.0.0.1", 631, None, None, "LISTEN"),
        ("postgres", 1188, "TCP", "127.0.0.1", 5432, None, None, "LISTEN"),
        ("python3", 9310, "TCP", here, 38822, "203.0.113.7", 80, "SYN_SENT"),
        ("avahi-daemon", 702, "UDP", "*", 5353, None, None, None),
        ("systemd-resolved", 655, "UDP", "127.0.0.53", 53, None, None, None),
        ("systemd-resolved", 655, "TCP", "127.0.0.53", 53, None, None, "LISTEN"),
        (None, None, "TCP", here, 51488, "203.0.113.18", 443, "TIME_WAIT"),
        (None, None, "TCP", here, 51490, "203.0.113.18", 443, "TIME_WAIT"),
    ]  # fmt: skip
    return tuple(
        Connection(
            key=str(number), process=process, pid=pid, protocol=protocol, local_address=local, local_port=local_port,
            remote_address=remote, remote_port=remote_port, state=state,
        )
        for number, (process, pid, protocol, local, local_port, remote, remote_port, state) in enumerate(rows)
    )  # fmt: skip


def last_tick() -> Tick:
    """What the tray shows at that moment."""
    return _tick(_recent()[-1])


def messages() -> list[ServerMessage]:
    """What an agent would say until the pictures are taken."""
    recent = _recent()
    hello = Hello(
        protocol=VERSION, version=__version__, pid=1, interval_s=1.0, settings=Settings(), recent=recent[:-1]
    )  # fmt: skip
    status = Status(
        version=__version__, pid=1, uptime_s=7200, cpu_s=14.4, rss_bytes=24_300_000, interfaces="", tray="", clients=1
    )
    connections = ConnectionsMessage(reset=True, added=_connections(), source="lsof")
    return [hello, TickMessage(last_tick()), connections, status]
