"""A machine that does not exist, for pictures: the same rates and connections every time.

Addresses are those for documentation (RFC 5737, RFC 3849), the time stands still.
"""

from __future__ import annotations

import math
import select
import socket
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from synthetic_events import synthetic_events

from netwatch_tray import __version__
from netwatch_tray.errors import Message
from netwatch_tray.event import Event, EventKind
from netwatch_tray.feed.protocol import (
    VERSION,
    AppsMessage,
    ClientMessage,
    ConnectionsMessage,
    EventsMessage,
    Hello,
    RecentTick,
    ServerMessage,
    Status,
    TickMessage,
)
from netwatch_tray.history.reader import HistoryReader
from netwatch_tray.history.results import NOTHING, Curve, NetworkUse, Remainder, SlotUse, StoredGap, Used
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import App, Connection, GapReason, InterfaceTick, Role, Tick, Total, Why, WhyCode
from netwatch_tray.settings import DataPlan, Settings

_NOW = datetime(2026, 11, 14, 14, 24, 31, tzinfo=UTC)
_PAST_S = 330
_ASLEEP = range(190, 228)
"""When the synthetic machine slept, in seconds before the end of the data."""
_COUNTED = Why(WhyCode.DEFAULT_ROUTE)


class _Interface(NamedTuple):
    number: int
    name: str
    kind: str
    role: str
    why: Why
    down: float
    """Rates as fractions of the uplink's."""
    up: float
    addresses: tuple[str, ...]
    is_up: bool = True
    over: tuple[str, ...] = ()
    speed: int | None = None
    mtu: int = 1500


_INTERFACES = (
    _Interface(2, "wlan0", "wifi", "uplink", _COUNTED, 1.0, 1.0, ("192.0.2.24/24", "2001:db8:4::24/64"), mtu=1500),
    _Interface(3, "eth0", "ethernet", "other", Why(WhyCode.DOWN), 0.0, 0.0, (), is_up=False),
    _Interface(
        5, "wg0", "wireguard", "tunnel", Why(WhyCode.COUNTED_BELOW, ("wlan0",)), 0.17, 0.12,
        ("198.51.100.7/32", "2001:db8:77::7/128"), over=("wlan0",), mtu=1420,
    ),
    _Interface(
        4, "docker0", "bridge", "bridge", Why(WhyCode.INTERNAL, ("wlan0",)), 0.09, 0.07,
        ("203.0.113.1/24",), over=("wlan0",),
    ),
    _Interface(
        6, "veth3c0f", "veth", "container end", Why(WhyCode.INTERNAL, ("wlan0",)),
        0.07, 0.04, (), over=("docker0",), speed=10_000_000_000,
    ),
    _Interface(
        1, "lo", "loopback", "loopback", Why(WhyCode.LOOPBACK), 0.21, 3.1,
        ("127.0.0.1/8", "::1/128"), mtu=65536,
    ),
)  # fmt: skip


def _noise(seed: int, second: int) -> float:
    """Return a number from -1 to 1 that is the same on every machine."""
    return math.sin(seed * 12.9898 + second * 78.233) * 43758.5453 % 2 - 1


def _rates(index: int, second: int, down: float, up: float) -> tuple[float, float]:
    """Return rates, bytes/s, as of `second` seconds ago: a video's bursts, a backup's plateau, and some noise."""
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
        gap = GapReason.ASLEEP if second == _ASLEEP[0] - 1 else None
        rates: dict[int, tuple[float | None, float | None]] = {
            each.number: (None, None) if gap or not each.is_up else _rates(each.number, second, each.down, each.up)
            for each in _INTERFACES
        }
        ticks.append(RecentTick(_NOW.timestamp() - second, gap, rates[2], rates))
    return tuple(ticks)


def _tick(now: RecentTick) -> Tick:
    interfaces = tuple(
        InterfaceTick(
            index=each.number, name=each.name, kind=each.kind, role=Role(each.role), over=each.over, speed=each.speed,
            mtu=each.mtu, addresses=each.addresses, is_up=each.is_up, is_uplink=each.number == 2, why=each.why,
            rx_bytes=0, tx_bytes=0, rx_packets=0, tx_packets=0, rx_errors=2 if each.name == "docker0" else 0,
            tx_errors=0, rx_drops=0, tx_drops=14 if each.name == "wg0" else 0,
            rx_rate=now.rates[each.number][0], tx_rate=now.rates[each.number][1], error_rate=0.0, drop_rate=0.0,
        )
        for each in _INTERFACES
    )  # fmt: skip
    total = Total(rx_rate=now.total[0], tx_rate=now.total[1], uplinks=("wlan0",))
    return Tick(at=datetime.fromtimestamp(now.at, UTC), interval_s=1.0, gap=None, total=total, interfaces=interfaces)


class _Socket(NamedTuple):
    process: str | None
    pid: int | None
    protocol: str
    local: str
    local_port: int
    remote: str | None
    remote_port: int | None
    state: str | None
    rates: tuple[float, float] | None = None
    rtt_ms: float | None = None
    age_s: float = 3 * 86400.0
    user: str = "ada"
    unit: str | None = None


_HERE, _HERE6 = "192.0.2.24", "2001:db8:4::24"
_SOCKETS = (
    _Socket("firefox", 4121, "TCP", _HERE, 51544, "203.0.113.18", 443, "ESTABLISHED", (4.9e6, 6.2e4), 18, 252),
    _Socket("firefox", 4121, "TCP", _HERE, 51560, "203.0.113.42", 443, "ESTABLISHED", (6.1e5, 2.41e4), 22, 190),
    _Socket("firefox", 4121, "TCP", _HERE6, 51602, "2001:db8:9::50", 443, "ESTABLISHED", (1.2e3, 1.6e4), 31, 7300),
    _Socket("firefox", 4121, "TCP", _HERE6, 51610, "2001:db8:9::51", 443, "CLOSE_WAIT", (0.0, 0.0), 19, 12),
    _Socket("firefox", 4163, "UDP", _HERE, 60122, "198.51.100.7", 443, None, None, None, 41),
    _Socket("syncthing", 1902, "TCP", _HERE, 22000, "198.51.100.77", 22000, "ESTABLISHED", (9.1e5, 1.44e5), 9, 21700),
    _Socket("syncthing", 1902, "TCP", _HERE, 40112, "198.51.100.80", 443, "ESTABLISHED", (2.1e4, 2.1e3), 48, 21700),
    _Socket("syncthing", 1902, "TCP", "*", 22000, None, None, "LISTEN", None, None, 21710),
    _Socket("syncthing", 1902, "UDP", "*", 21027, None, None, None, None, None, 21710),
    _Socket("thunderbird", 4410, "TCP", _HERE, 38104, "203.0.113.93", 993, "ESTABLISHED", (6.0e4, 1.2e4), 26, 5400),
    _Socket("thunderbird", 4410, "TCP", _HERE, 38110, "203.0.113.93", 993, "ESTABLISHED", (0.0, 0.0), 27, 5400),
    _Socket("ssh", 8801, "TCP", _HERE, 47010, "198.51.100.22", 22, "ESTABLISHED", (4.08e4, 6.1e3), 64, 3140),
    _Socket("http", 9310, "TCP", _HERE, 38822, "203.0.113.7", 80, "ESTABLISHED", (8.4e5, 2.4e4), 14, 75),
    _Socket("curl", 9402, "TCP", _HERE, 38830, "203.0.113.9", 443, "SYN_SENT", (0.0, 0.0), None, 1),
    _Socket(None, None, "TCP", "*", 22, None, None, "LISTEN", user="root", unit="sshd.service"),
    _Socket(None, None, "TCP", _HERE, 5432, "192.0.2.31", 50112, "ESTABLISHED", (3.1e3, 4.4e4), 0.4, 9000,
            "postgres", "postgresql.service"),
    _Socket(None, None, "TCP", "127.0.0.1", 631, None, None, "LISTEN", user="root", unit="cups.service"),
    _Socket(None, None, "UDP", "*", 5353, None, None, None, user="avahi", unit="avahi-daemon.service"),
    _Socket(None, None, "UDP", "127.0.0.53", 53, None, None, None, user="systemd-resolve",
            unit="systemd-resolved.service"),
    _Socket(None, None, "UDP", "*", 41641, None, None, None, user="mallory"),
    _Socket(None, None, "TCP", _HERE, 51488, "203.0.113.18", 443, "TIME_WAIT", None, None, 40, ""),
)  # fmt: skip
_NAMES = {"firefox": "Firefox", "syncthing": "Syncthing", "thunderbird": "Thunderbird", "http": "apt"}
_SHARES = {
    "Firefox": (0.38, 0.06), "Syncthing": (0.2, 0.6), "Steam": (0.16, 0.007), "apt": (0.055, 0.006),
    "Spotify": (0.027, 0.018), "Thunderbird": (0.016, 0.14), "ssh": (0.006, 1.3), "postgresql.service": (0.004, 1.1),
}  # fmt: skip
"""What an app received of the month's bytes, and what it sent for each of its own."""


def _connections(second: int = 0) -> tuple[Connection, ...]:
    """Return the connections as of `second` seconds ago."""
    then = [_rate_then(each, second) for each in _SOCKETS]
    return tuple(
        Connection(
            key=f"{number:03}", process=each.process, pid=each.pid, protocol=each.protocol, local_address=each.local,
            local_port=each.local_port, remote_address=each.remote, remote_port=each.remote_port,
            state=TcpState(each.state) if each.state else None,
            app=_app_key(_app_name(each)), app_name=_app_name(each),
            uid=1000 if each.pid else 0, user=each.user or None,
            unit=each.unit or (f"app-{each.process}-{each.pid}.scope" if each.process else None), interface="wlan0",
            rx_rate=rates[0] if rates else None, tx_rate=rates[1] if rates else None,
            rx_bytes=int(each.rates[0] * each.age_s / 3) if each.rates else None,
            tx_bytes=int(each.rates[1] * each.age_s / 3) if each.rates else None,
            rtt_s=each.rtt_ms / 1000 if each.rtt_ms else None, retransmits=3 if each.rtt_ms else None,
            is_incoming=each.local_port == 5432, since=_NOW.timestamp() - each.age_s,
        )
        for number, (each, rates) in enumerate(zip(_SOCKETS, then, strict=True))
    )  # fmt: skip


def _rate_then(connection: _Socket, second: int) -> tuple[float, float] | None:
    """Return the rates of a connection as of `second` seconds ago. Those of one app change together."""
    if connection.rates is None or second == 0:
        return connection.rates
    seed = sum(map(ord, _app_name(connection) or "")) % 29
    now, past = _rates(seed, 0, 1, 1), _rates(seed, second, 1, 1)
    return connection.rates[0] * past[0] / now[0], connection.rates[1] * past[1] / now[1]


def _app_key(name: str | None) -> str | None:
    if name is None:
        return None
    if name.endswith(".service"):
        return f"unit:{name}"
    return f"user:{name[5:]}" if name.startswith("user ") else f"executable:/usr/bin/{name.lower()}"


def _app_name(socket: _Socket) -> str | None:
    if socket.process is None:
        return socket.unit or (f"user {socket.user}" if socket.user else None)
    return _NAMES.get(socket.process, socket.process)


def _apps(second: int) -> AppsMessage:
    """Return the message about apps as of `second` seconds ago."""
    connections = _connections(second)
    apps = []
    for name in dict.fromkeys(filter(None, map(_app_name, _SOCKETS))):
        own = [each for each in connections if each.app == _app_key(name)]
        rates = [sum(rate) for rate in zip(*((each.rx_rate or 0, each.tx_rate or 0) for each in own), strict=True)]
        apps.append(
            App(
                key=_app_key(name) or "", name=name, processes=len({each.pid for each in own}), connections=len(own),
                rx_bytes=int(rates[0] * 900), tx_bytes=int(rates[1] * 900), rx_rate=rates[0], tx_rate=rates[1],
                local_rx_bytes=0, local_tx_bytes=0,
            )
        )  # fmt: skip
    tcp = (2 * int(sum(app.rx_rate or 0 for app in apps)), 2 * int(sum(app.tx_rate or 0 for app in apps)))
    uplink = [max(2 * int(rate), int(1.04 * part)) for rate, part in zip(_rates(2, second, 1, 1), tcp, strict=True)]
    return AppsMessage(
        apps=tuple(apps), interval_s=2.0, uplink=(uplink[0], uplink[1]), tcp=tcp,
        other=(uplink[0] - tcp[0], uplink[1] - tcp[1]),
    )  # fmt: skip


def moments() -> list[float]:
    """Return the Unix times at which messages of the topic `apps` arrive."""
    seconds = range(_PAST_S - _PAST_S % 2, -1, -2)
    return [_NOW.timestamp() - second for second in seconds if second not in _ASLEEP]


def last_tick() -> Tick:
    """Return the tick that the tray shows in the pictures."""
    return _tick(_recent()[-1])


def messages(ago: int = 0) -> list[ServerMessage]:
    """Return what an agent sends until `ago` seconds before the pictures are taken."""
    recent = _recent()
    recent = recent[: len(recent) - ago]
    hello = Hello(
        protocol=VERSION, version=__version__, pid=1, interval_s=1.0, recent=recent[:-1],
        settings=Settings(plan=DataPlan(cap_gb=500)),
    )  # fmt: skip
    status = Status(
        version=__version__,
        pid=1,
        uptime_s=7200,
        cpu_s=14.4,
        pss_bytes=24_300_000,
        today_bytes=16_800_000_000,
        interfaces="",
        tray=Message(""),
        clients=1,
    )
    apps = [_apps(second) for second in range(_PAST_S - _PAST_S % 2, ago - 1, -2) if second not in _ASLEEP]
    happened = synthetic_events(_NOW.timestamp())
    events = EventsMessage(reset=True, events=happened, unseen=sum(each.is_unseen_alert for each in happened))
    return [hello, TickMessage(_tick(recent[-1])), *apps, _connections_message(ago), status, events]


def messages_of_second(ago: int) -> list[ServerMessage]:
    """Return what an agent sends in the second that was `ago` seconds before the pictures are taken."""
    tick = TickMessage(_tick(_recent()[-1 - ago]))
    return [tick] if ago % 2 else [tick, _apps(ago), _connections_message(ago)]


def _connections_message(ago: int) -> ConnectionsMessage:
    return ConnectionsMessage(reset=True, added=_connections(ago), source="sock_diag")


def _long_rates(at: float) -> tuple[float, float]:
    """Return rates for a long range: waking hours, an evening of films, a nightly backup. At its end they become the
    present rates."""
    hour = at / 3600 % 24
    day = math.exp(-(((hour - 20) / 2.2) ** 2)) + 0.6 * math.exp(-(((hour - 12) / 4) ** 2))
    night = math.exp(-(((hour - 3) / 0.6) ** 2))
    swell = 1 + 0.42 * math.sin(at / 311) + 0.25 * math.sin(at / 127 + 1) + 0.14 * math.sin(at / 53 + 2)
    now = math.exp((at - _NOW.timestamp()) / 150)
    live = _rates(2, 0, 1.0, 1.0)
    received = 4.6e6 * (0.2 + day) * swell
    sent = 2.4e5 * (0.2 + day) * (2 - 0.8 * swell) + 7e5 * night
    return received + (live[0] - received) * now, sent + (live[1] - sent) * now


def _day_of(at: float) -> date:
    return datetime.fromtimestamp(at, UTC).date()


def _of_app(rates: tuple[float, float], name: str, at: float) -> tuple[float, float]:
    """Return an app's part of the rates of the total. Each app is used at different hours."""
    share, up = _SHARES.get(name, (0.0, 0.0))
    seed = sum(map(ord, name))
    rx = rates[0] * share * max(0.0, 0.55 + 0.9 * math.sin(at / (2600 + 37 * (seed % 50)) + seed))
    return rx, rx * up


_NETWORKS = {
    "7be1": ("Home", "wifi", 0.83),
    "c04d": ("Office", "ethernet", 0.15),
    "19aa": ("Train", "wifi", 0.02),
}
"""Networks of the synthetic machine by key: name, kind, and share of all its bytes."""


class SyntheticHistory:
    """A history that answers at once: a year of an ordinary household."""

    def submit(
        self, query: Callable[[HistoryReader], Any], on_result: Callable[[Any], None], _on_error: Callable[..., None]
    ) -> None:
        on_result(query(_Reader()))  # type: ignore[arg-type]  # has the methods that the window calls


_OFF = (date(2026, 11, 4), date(2026, 11, 5))
"""Days of which nothing is known."""
_NIGHT_H = (0.5, 6.5)
"""Hours of the day (UTC) between which the machine sleeps each night."""


class _Reader:
    def written_until(self) -> float:
        return 0.0

    def curve(self, kind: str, name: str | None, start: float, end: float, most_points: int) -> Curve:
        is_long = end - start >= 86400
        step = (
            math.ceil((end - start) / most_points / 300) * 300.0
            if is_long
            else max(1.0, (end - start) / most_points * 4)
        )
        curve = Curve(step, [], [], [], [], [])
        gaps = self.gaps(start, end)
        for place in range(1, math.ceil((end - start) / step) + 1):
            at = min(end, start + place * step)
            rx, tx = self._rates_of(at) if is_long else _long_rates(at)
            if kind == "app":
                rx, tx = _of_app((rx, tx), name or "", at)
            asleep = any(gap.start < at <= (gap.finish or end) for gap in gaps)
            curve.at.append(at)
            for values, value in ((curve.rx, rx), (curve.tx, tx), (curve.rx_peak, 1.3 * rx), (curve.tx_peak, 1.2 * tx)):
                values.append(None if asleep else value)
        return curve

    def _rates_of(self, at: float) -> tuple[float, float]:
        """Return rates whose sum over a day is about what `days` returns."""
        day = self.days("total", None, _day_of(at), _day_of(at)).get(_day_of(at), NOTHING)
        rx, tx = _long_rates(at)
        return rx / 2.3e6 * day.rx / 64800, tx / 1.9e5 * day.tx / 64800

    def gaps(self, start: float, end: float) -> list[StoredGap]:
        if end - start < 86400:
            night = start + 0.44 * (end - start), start + 0.58 * (end - start)
            return [StoredGap(*night, GapReason.ASLEEP, None, is_complete=True)]
        found = []
        for number in range(int(start // 86400), int(end // 86400) + 1):
            day = date.fromordinal(number + date(1970, 1, 1).toordinal())
            begin, finish = (number * 86400.0 + hour * 3600 for hour in _NIGHT_H)
            if day == _OFF[0]:
                finish = begin + 48 * 3600 + 6 * 3600
                found.append(
                    StoredGap(begin - 1800, finish - 6 * 3600 - 1800, GapReason.NOT_RUNNING, None, is_complete=True)
                )
            if day not in _OFF and begin < end and finish > start:
                found.append(StoredGap(max(begin, start), min(finish, end), GapReason.ASLEEP, None, is_complete=True))
        return sorted(found)

    def slots(self, kind: str, name: str | None, edges: Sequence[float]) -> tuple[int, list[SlotUse]]:
        gaps, found, now = self.gaps(edges[0], edges[-1]), [], _NOW.timestamp()
        for begin, end in pairwise(edges):
            finish = min(end, now)
            measured = max(0.0, finish - begin)
            for gap in gaps:
                measured -= max(0.0, min(gap.finish or finish, finish) - max(gap.start, begin))
            if measured <= 0:
                found.append(SlotUse(begin, end, NOTHING, 0, 0, None, None))
                continue
            if end - begin >= 86000:
                days = self.days(kind, name, _day_of(begin), _day_of(finish - 1)).values()
                rx, tx = sum(day.rx for day in days), sum(day.tx for day in days)
            else:
                moments = [begin + (finish - begin) * (place + 0.5) / 30 for place in range(30)]
                moments = [at for at in moments if not any(gap.start <= at <= (gap.finish or at) for gap in gaps)]
                whole = [(at, self._rates_of(at)) for at in moments]
                pairs = [_of_app(rates, name or "", at) if kind == "app" else rates for at, rates in whole]
                means = [sum(side) / len(moments) for side in zip(*pairs, strict=True)]
                rx, tx = (int(mean * measured) for mean in means or (0, 0))
            seed = int(begin // 3600)
            factor = 2 + 2.5 * abs(_noise(7, seed)) ** 4 * 4
            peaks = (factor * rx / measured, 1.5 * factor * tx / measured)
            at = min(begin + (end - begin) * 0.83, now - 1)
            found.append(SlotUse(begin, end, Used(rx, tx, 0, 0, measured), *peaks, at, at))
        return (60 if edges[-1] - edges[0] < 2 * 86400 else 3600), found

    def first_day(self) -> date | None:
        return date(2025, 1, 19)

    def bytes_between(self, _kind: str, _name: str | None, start: int, end: int) -> Used:
        return Used(int(150_000 * (end - start)), int(20_000 * (end - start)), 0, 0, end - start)

    def days(
        self,
        kind: str,
        name: str | None,
        first: date,
        last: date,
        *,
        network: str | None = None,
        with_names: bool = False,  # noqa: ARG002  as HistoryReader has it
    ) -> dict[date, Used]:
        if kind == "app" and name is not None:
            share, up = _SHARES.get(name, (0.0, 0.0))
            whole = self.days("total", None, max(first, date(2026, 3, 2)), last)
            return {
                day: Used(int(used.rx * share), int(used.rx * share * up), 0, 0, used.covered_s)
                for day, used in whole.items()
            }
        days = {}
        day = first
        part = 1.0 if network is None else _NETWORKS[network][2]
        while day <= min(last, _NOW.date()):
            received = 9.8e9 + 6e9 * _noise(5, day.toordinal()) + (8e9 if day.weekday() >= 5 else 0)
            sent = 1.9e9 + 1.2e9 * _noise(6, day.toordinal())
            share = part * (_NOW.hour / 24 if day == _NOW.date() else 1.0)
            if day not in _OFF:
                days[day] = Used(int(received * share), int(sent * share), 0, 0, 64800 * share)
            day += timedelta(days=1)
        return days

    def keys(self, _kind: str) -> dict[str, str]:
        programs = {"postgresql.service": "unit:postgresql.service"}
        return {name: programs.get(name, f"executable:/usr/bin/{name.lower()}") for name in _SHARES}

    def moved_by_name(self, kind: str, _start: int, _end: int) -> dict[str, int]:
        return {name: used.both for name, used in self.by_name(kind, _NOW.date(), _NOW.date()).items()}

    def events(
        self, start: float, end: float, kinds: Collection[EventKind] | None = None, most: int = 5000
    ) -> list[Event]:
        found = [each for each in synthetic_events(_NOW.timestamp()) if start <= each.last < end]
        return [each for each in found if kinds is None or each.kind in kinds][-most:]

    def begin(self) -> float | None:
        """Return None, as if measuring had begun before every range."""
        return None

    def by_name(
        self, kind: str, first: date, last: date, *, network: str | None = None, with_names: bool = False
    ) -> dict[str, Used]:
        days = self.days(kind, None, first, last, network=network, with_names=with_names).values()
        if kind == "total":
            return {"": Used(sum(used.rx for used in days), sum(used.tx for used in days), 0, 0, 0.0)}
        whole = sum(used.rx for used in days)
        return {
            name: Used(int(share * whole), int(share * up * whole), 0, 0, 0.0) for name, (share, up) in _SHARES.items()
        }

    def remainder(self, first: date, last: date) -> Remainder:
        total = self.by_name("total", first, last)[""]
        measured = total._replace(gap_rx=total.rx // 50, gap_tx=total.tx // 50)
        return Remainder.of(measured, self.by_name("app", first, last).values())

    def by_network(self, first: date, last: date, *, with_names: bool = False) -> list[NetworkUse]:
        whole = self.by_name("total", first, last)[""]
        shares = {key: share for key, (_name, _kind, share) in _NETWORKS.items()}
        return [
            each._replace(used=Used(int(shares[each.key] * whole.rx), int(shares[each.key] * whole.tx), 0, 0, 0.0))
            for each in self.networks(with_names=with_names)
        ]

    def networks(self, *, with_names: bool = False) -> list[NetworkUse]:
        return [
            NetworkUse(key, kind, NOTHING, name=name if with_names else None)
            for key, (name, kind, _share) in _NETWORKS.items()
        ]

    def is_complete(self, _first: date, _last: date) -> bool:
        return True


class Clock:
    """The time in the pictures: that of the message that is being read."""

    def __init__(self) -> None:
        self._moments = moments()
        self.now = self._moments[-1]

    def follow(self, message: ServerMessage) -> None:
        if isinstance(message, AppsMessage) and self._moments:
            self.now = self._moments.pop(0)


class CannedFeed:
    """A connection to an agent that only receives prepared messages."""

    def __init__(self, said: list[ServerMessage]) -> None:
        self._said = said
        self._here, self._there = socket.socketpair()

    def fileno(self) -> int:
        return self._here.fileno()

    def say(self, messages: list[ServerMessage]) -> None:
        """Add messages for the window to read."""
        self._said += messages
        self._there.send(b".")

    def send(self, message: ClientMessage) -> None:
        """Ignore the message."""

    def receive(self) -> list[ServerMessage]:
        if select.select([self._here], [], [], 0)[0]:
            self._here.recv(4096)
        said, self._said = self._said, []
        return said

    def close(self) -> None:
        self._here.close()
        self._there.close()
