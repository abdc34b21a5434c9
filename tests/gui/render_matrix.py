"""Draws every page in every state, offscreen, and prints what is wrong with the pictures: a JSON list of sentences.

    python tests/gui/render_matrix.py --scale 1.5 --pictures DIRECTORY --only apps-typical
    python tests/gui/render_matrix.py --golden tests/gui/golden

A program of its own, because Qt takes the scale once, when it starts. The second line draws the pictures that
`test_render_matrix.py` compares with; look at them before they are committed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

_parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
_parser.add_argument("--scale", default="1")
_parser.add_argument("--language", default="en")
_parser.add_argument("--mirrored", action="store_true", help="as where lines run from right to left")
_parser.add_argument("--pictures", type=Path, help="where to write each picture that is looked at")
_parser.add_argument("--golden", type=Path, help="where to write the few that are compared")
_parser.add_argument("--only", default="", help="only those with this in their name")
_asked = _parser.parse_args()
os.environ.update(QT_QPA_PLATFORM="offscreen", QT_SCALE_FACTOR=_asked.scale, TZ="UTC", LC_ALL="C.UTF-8")
time.tzset()
_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE), str(_HERE.parent.parent), str(_HERE.parent.parent / "tools")]

# ruff: noqa: E402  Qt reads the environment when it starts
import msgspec
from happened import KINDS, happened
from painted import Record, problems
from PIL import Image
from PySide6.QtCore import QLocale, QMessageLogContext, QSettings, Qt, QtMsgType, qInstallMessageHandler
from PySide6.QtGui import QFont, QImage, QResizeEvent
from PySide6.QtWidgets import QApplication, QWidget
from synthetic import CannedFeed, Clock, SyntheticHistory, last_tick, messages

from netwatch_tray.errors import AgentUnreachableError, HistoryError, Message
from netwatch_tray.event import Event, Severity
from netwatch_tray.feed.protocol import (
    AppsMessage,
    ConnectionsMessage,
    EventsMessage,
    Hello,
    HostsMessage,
    ServerMessage,
    SettingsMessage,
    Status,
    TickMessage,
)
from netwatch_tray.history.results import NOTHING, Curve, NetworkUse, Remainder, SlotUse, Used
from netwatch_tray.model import HostAmount, HostOrigin, InterfaceTick, Role, Why, WhyCode
from netwatch_tray.settings import DataPlan, Events, History, Settings
from netwatch_tray.units import Units
from netwatch_tray.window.chart.amount_chart import AmountChart
from netwatch_tray.window.chart.chart import Chart
from netwatch_tray.window.data.agent_link import AgentLink
from netwatch_tray.window.data.app_looks import AppLooks
from netwatch_tray.window.pages.connections.grouping import Grouping
from netwatch_tray.window.pages.events.kinds import Group
from netwatch_tray.window.pages.events.rows import Row
from netwatch_tray.window.shell import language
from netwatch_tray.window.shell.main_window import MainWindow
from netwatch_tray.window.shell.mini_window import MiniWindow
from netwatch_tray.window.widgets.theme import DARK, Theme

GOLDEN = (
    "interfaces-typical-light-normal", "interfaces-typical-dark-normal", "connections-typical-light-normal",
    "apps-typical-dark-normal", "usage-typical-light-normal", "settings-typical-dark-normal",
    "events-typical-light-normal",
)  # fmt: skip
SIZES = {"least": (720, 480), "normal": (960, 640), "wide": (1280, 800)}
_LONG = "a-program-with-a-name-that-nobody-would-give-it-but-somebody-did-nevertheless"
_LONG_ADDRESS = "2001:0db8:85a3:08d3:1319:8a2e:0370:7344"


class State(NamedTuple):
    """The messages of the agent, and a history."""

    said: list[ServerMessage]
    history: Any
    is_away: bool = False
    """Whether the agent has exited after its messages."""


class _NoHistory:
    """An empty history; with `error`, an unreadable one."""

    def __init__(self, error: str = "") -> None:
        self._error = error

    def submit(self, query: Any, on_result: Any, on_error: Any) -> None:
        if self._error:
            on_error(HistoryError(self._error))
        else:
            on_result(query(self))

    def curve(self, _kind: str, _name: str | None, _start: float, _end: float, _most: int) -> Curve:
        return Curve(15.0, [], [], [], [], [])

    def written_until(self) -> float:
        return 0.0

    def gaps(self, *_asked: object) -> list[Any]:
        return []

    def slots(self, _kind: str, _name: str | None, edges: Sequence[float]) -> tuple[int, list[SlotUse]]:
        return 60, [SlotUse(*each, self.amount(*each), self.peak, self.peak, *each) for each in pairwise(edges)]

    peak = 0.0

    def amount(self, _start: float, _end: float) -> Used:
        return NOTHING

    def first_day(self) -> date | None:
        return None

    def bytes_between(self, *_asked: object) -> Used:
        return NOTHING

    def days(
        self,
        _kind: str,
        _name: str | None,
        first: date,  # noqa: ARG002
        last: date,  # noqa: ARG002
        **_how: str | None,
    ) -> dict[date, Used]:
        return {}

    def by_name(self, _kind: str, _first: date, _last: date, **_how: str | None) -> dict[str, Used]:
        return {}

    def by_network(self, _first: date, _last: date, **_how: bool) -> list[NetworkUse]:
        return []

    def networks(self, **_how: bool) -> list[NetworkUse]:
        return []

    def keys(self, _kind: str) -> dict[str, str]:
        return {}

    def moved_by_name(self, _kind: str, _start: int, _end: int) -> dict[str, int]:
        return {}

    def remainder(self, *_asked: object) -> Remainder:
        return Remainder.of(NOTHING, [])

    def begin(self) -> float | None:
        return None

    def events(self, _start: float, _end: float, *_asked: object) -> list[Event]:
        return []

    def is_complete(self, *_asked: object) -> bool:
        return True


class _HugeHistory(_NoHistory):
    """The history of a data centre."""

    peak = 9.9e14

    def amount(self, start: float, end: float) -> Used:
        return Used(int(9e11 * (end - start)), int(9.9e11 * (end - start)), 0, 0, end - start)

    def curve(self, _kind: str, _name: str | None, start: float, end: float, _most: int) -> Curve:
        at = [start + (end - start) * place / 400 for place in range(1, 401)]
        rates: list[float | None] = [None if place % 37 == 0 else 9.9e11 * (place % 11) for place in range(400)]
        return Curve((end - start) / 400, at, rates, rates, rates, rates)

    def first_day(self) -> date | None:
        return date(1970, 1, 1)

    def days(self, _kind: str, _name: str | None, first: date, last: date, **_how: str | None) -> dict[date, Used]:
        count = (last - first).days + 1
        return {first + timedelta(days=day): Used(10**17 * (day % 3), 10**17, 0, 0, 86400.0) for day in range(count)}

    def by_name(self, _kind: str, _first: date, _last: date, **_how: str | None) -> dict[str, Used]:
        return {"": Used(10**18, 10**18, 0, 0, 0.0), _LONG: Used(10**18, 10**17, 0, 0, 0.0)}

    def moved_by_name(self, _kind: str, _start: int, _end: int) -> dict[str, int]:
        return {_LONG: 10**18, "": 10**17}

    def remainder(self, *_asked: object) -> Remainder:
        return Remainder(*[Used(10**18, 10**18, 0, 0, 0.0)] * 3)

    def by_network(self, _first: date, _last: date, **_how: bool) -> list[NetworkUse]:
        return [
            NetworkUse(
                f"{number:064x}", "wireguard", Used(10**18, 10**18, 0, 0, 0.0), name=_LONG if number % 3 else None
            )
            for number in range(9)
        ]

    def networks(self, **_how: bool) -> list[NetworkUse]:
        return self.by_network(date.min, date.max)

    def is_complete(self, *_asked: object) -> bool:
        return False

    def events(self, _start: float, _end: float, *_asked: object) -> list[Event]:
        every = [evidence for _ in range(5000 // len(KINDS)) for evidence in KINDS]
        events = [
            happened(
                evidence, Severity(number % 3 + 1), ago=80.0 * number, app=_LONG, host=f"{_LONG}.{_LONG_ADDRESS}",
                count=10**6, is_muted=number % 7 == 0, pid=4194304,
            )
            for number, evidence in enumerate(every)
        ]  # fmt: skip
        return [event for event in reversed(events) if _start <= event.last < _end]


def _extreme() -> State:
    """Return a state with the most, the longest and the largest values that are possible."""
    settings = Settings(
        units=Units(bits=True, binary=True),
        plan=DataPlan(cap_gb=999_999, billing_day=31),
        history=History(network_names=True),
    )
    said: list[ServerMessage] = []
    last_apps: AppsMessage | None = None
    for message in messages():
        if isinstance(message, Hello):
            said.append(msgspec.structs.replace(message, settings=settings))
        elif isinstance(message, ConnectionsMessage):
            said.append(_many_connections(message))
        elif isinstance(message, Status):
            said.append(
                msgspec.structs.replace(message, pss_bytes=10**12, faults=(Message(f"{_LONG} is missing."),) * 3)
            )
        elif isinstance(message, AppsMessage):
            last_apps = message
    assert last_apps
    tick = last_tick()
    uplinks = [f"enp{number}s0f1np1v24"[:15] for number in range(12)]
    interfaces = tuple(_interface(number, name, tick.at) for number, name in enumerate(uplinks))
    total = msgspec.structs.replace(tick.total, rx_rate=1.23e14, tx_rate=9.99e13, uplinks=tuple(uplinks[:6]))
    said.append(TickMessage(msgspec.structs.replace(tick, interfaces=interfaces, total=total)))
    huge = msgspec.structs.replace(
        last_apps.apps[0], name=_LONG, rx_bytes=10**18, tx_bytes=10**18, rx_rate=1.2e14, tx_rate=1.2e14,
        connections=99_999, processes=9999,
    )  # fmt: skip
    apps = tuple(msgspec.structs.replace(huge, key=f"app{number}") for number in range(60))
    said.append(EventsMessage(reset=True, events=(), unseen=12_345))
    said.append(
        msgspec.structs.replace(last_apps, apps=apps, uplink=(10**14, 10**14), tcp=(10**14, 10**14), other=(10**13, 7))
    )
    return State(said, _HugeHistory())


def _interface(number: int, name: str, _at: datetime) -> InterfaceTick:
    return InterfaceTick(
        index=number + 1, name=name, kind="wireguard", is_up=number != 3, is_uplink=number < 6, role=Role.TUNNEL,
        why=Why(WhyCode.INTERNAL, ("enp11s0f1np1v24", "enp10s0f1np1v24")),
        over=("enp11s0f1np1v24", "enp10s0f1np1v24") if number % 2 else (), speed=400_000_000_000, mtu=65536,
        addresses=(f"{_LONG_ADDRESS}/128", "255.255.255.255/32", "fe80::1/64"), rx_bytes=0, tx_bytes=0,
        rx_packets=0, tx_packets=0, rx_errors=10**12, tx_errors=10**12, rx_drops=10**12, tx_drops=10**12,
        rx_rate=1.23e14, tx_rate=0.0 if number % 3 else 9.99e13, error_rate=123456.7, drop_rate=99999.0,
    )  # fmt: skip


def _many_connections(message: ConnectionsMessage) -> ConnectionsMessage:
    one = message.added[0]
    return msgspec.structs.replace(
        message,
        added=tuple(
            msgspec.structs.replace(
                one, key=f"{number}", process=_LONG if number % 3 else None, pid=4194304, app=_LONG,
                local_address=_LONG_ADDRESS, local_port=65535, remote_address=_LONG_ADDRESS, remote_port=65535,
                rx_rate=1.2e14 / (number + 1), tx_rate=None, rtt_s=99.9, since=1.5e9, user=_LONG, unit=_LONG,
            )
            for number in range(300)
        ),
        fault=Message(f"The program “{_LONG}” is not installed. Interfaces, totals, history and addresses still work."),
    )  # fmt: skip


def _states() -> dict[str, State]:
    hello = next(each for each in messages() if isinstance(each, Hello))
    return {
        "empty": State([msgspec.structs.replace(hello, recent=())], _NoHistory()),
        "typical": State(messages(), SyntheticHistory()),
        "extreme": _extreme(),
        "away": State(
            messages(), _NoHistory("There is no history in /home/ada/.local/share: it is off."), is_away=True
        ),
    }


class _Shown:
    """A window in one of the states, at a fixed time."""

    def __init__(self, application: QApplication, state: State, directory: str, clock: Clock) -> None:
        self.application, self.said = application, state.said
        feeds = [CannedFeed(list(state.said))]
        self._link = AgentLink(lambda: feeds.pop() if feeds else self._nobody())
        self._link.received.connect(clock.follow)
        self.theme = Theme(application, Qt.ColorScheme.Light)
        self.memory = memory = QSettings(f"{directory}/window.ini", QSettings.Format.IniFormat)
        self.window = MainWindow(
            self.theme, self._link, memory, state.history, Path("/home/ada/.config/netwatch-tray/settings.toml")
        )
        for entry in self.window.pages:
            entry.page()  # before the feed begins, which says everything once
        self.window.show()
        self._link.try_now()
        if state.is_away:
            self._link.try_now()
        application.processEvents()

    def _nobody(self) -> CannedFeed:
        raise AgentUnreachableError("Nobody answers.")

    def close(self) -> None:
        self.window.close()
        self.window.deleteLater()
        self.theme.deleteLater()
        self.application.processEvents()


def grab(widget: QWidget) -> tuple[QImage, Record]:
    """Return a picture of a widget, and a record of the texts drawn for it."""
    for chart in widget.findChildren(Chart):
        chart.points_changed()  # otherwise only its newest column is drawn
    for amounts in widget.findChildren(AmountChart):
        amounts.resizeEvent(QResizeEvent(amounts.size(), amounts.size()))  # otherwise its picture is not drawn
    record = Record(widget)
    with record.watched():
        image = widget.grab().toImage()
    return image, record


def shown(name: str, case: _Shown) -> Iterator[tuple[str, QWidget, bool]]:
    """Yield each widget to check: its name, the widget, and whether its texts may be elided."""
    window = case.window

    def settle() -> None:
        for _ in range(3):  # a layout may ask for another one
            case.application.processEvents()

    for scheme in (Qt.ColorScheme.Light, Qt.ColorScheme.Dark):
        case.theme.apply(scheme)
        for size, place in SIZES.items():
            window.resize(*place)
            for number, page in enumerate(window.pages):
                window.turn_to(number)
                settle()
                yield f"{page.id}-{name}-{scheme.name.lower()}-{size}", window, size == "least" or name != "typical"
        if name in ("typical", "extreme"):
            yield from _shown_events(name, case, settle)
        window.resize(*SIZES["normal"])
        window.help.open_in(window)
        settle()
        yield f"keys-{name}-{scheme.name.lower()}", window.help, False
        window.help.hide()
        if window.interfaces.tick is not None:
            window.interfaces.open_why()
            settle()
            yield f"why-{name}-{scheme.name.lower()}", window.interfaces.why, name != "typical"
            window.interfaces.why.hide()
        window.turn_to(0)
        yield from _amounts(f"{name}-{scheme.name.lower()}", window, settle)
        yield from _usage(f"{name}-{scheme.name.lower()}", window, settle)
        for size in ("least", "wide"):
            window.resize(*SIZES[size])
            window.interfaces.range_chart.as_table.setChecked(True)
            settle()
            yield f"moments-{name}-{scheme.name.lower()}-{size}", window, True
        window.interfaces.range_chart.as_table.setChecked(False)
        window.turn_to(1)
        connections = window.connections
        for grouping, size in (("app", "normal"), ("none", "wide")):
            connections.bar.group_by(Grouping(grouping))
            connections.table.selectRow(1)
            window.resize(*SIZES[size])
            connections.side.toggle()
            settle()
            yield f"details-{name}-{scheme.name.lower()}-{size}", window, True
            connections.side.toggle()
        yield from _mini(f"{name}-{scheme.name.lower()}", case, settle)
        yield from _app_details(f"{name}-{scheme.name.lower()}", case, settle)


def _mini(name: str, case: _Shown, settle: Callable[[], None]) -> Iterator[tuple[str, QWidget, bool]]:
    link = AgentLink(lambda: CannedFeed(list(case.said)))
    mini = MiniWindow(case.theme, link, case.memory, AppLooks.none())
    mini.open()
    settle()
    yield f"mini-{name}", mini, not name.startswith("typical")
    mini.close()
    mini.deleteLater()


def _app_details(name: str, case: _Shown, settle: Callable[[], None]) -> Iterator[tuple[str, QWidget, bool]]:
    """Yield the details of the app with the most traffic, beside the list and in its place."""
    window, apps = case.window, case.window.apps
    window.turn_to(2)
    rows = [row for row in apps.table.model().records() if not row.is_rest]
    if not rows:
        return
    most = max(rows, key=lambda row: (row.app is not None, row.month.both if row.month else 0))
    for size, index in (("least", 0), ("normal", 2), ("wide", 2), ("wide", 4)):
        window.resize(*SIZES[size])
        apps.choose_range(index)
        apps.open_details(most.name)
        for message in (*case.said, _hosts(most.app_key, is_extreme=name.startswith("extreme"))):
            if isinstance(message, ConnectionsMessage | HostsMessage):
                apps.receive(message)
        settle()
        yield f"app-details-{name}-{size}-{index}", window, size == "least" or not name.startswith("typical")
        apps.close_details()
    apps.choose_range(2)


def _hosts(app: str, *, is_extreme: bool) -> HostsMessage:
    hosts: tuple[tuple[str | None, HostOrigin | None, str | None, int, int], ...] = (
        ("video.example", "QUIC", "203.0.113.18", 3_410_000_000, 96_000_000),
        ("cdn.example", "QUIC", "203.0.113.42", 1_520_000_000, 41_200_000),
        ("img.example", "TLS", "2001:db8:9::50", 902_000_000, 22_100_000),
        ("mail.example", "TLS", "203.0.113.93", 418_000_000, 118_000_000),
        (None, None, "203.0.113.42", 210_000_000, 4_100_000),
        ("push.example", "DNS", "203.0.113.9", 96_000_000, 12_400_000),
        ("static.example", "TLS", "203.0.113.10", 71_200_000, 1_900_000),
        (None, None, None, 300_000_000, 4_000_000),
    )
    named = tuple(
        HostAmount(
            host=_LONG if host and is_extreme else host, origin=origin, address=address, scope="internet",
            rx_bytes=rx * (10**9 if is_extreme else 1), tx_bytes=tx, last_at=1.7e9,
        )
        for host, origin, address, rx, tx in hosts
    )  # fmt: skip
    return HostsMessage(app=app, since=0.0, hosts=named)


def _usage(name: str, window: MainWindow, settle: Callable[[], None]) -> Iterator[tuple[str, QWidget, bool]]:
    """Yield the page with other periods than the present month, and with a day."""
    page = window.usage
    window.turn_to(3)
    for size, wide_high in SIZES.items():
        window.resize(*wide_high)
        page.choose_range(2)
        settle()
        yield f"year-{name}-{size}", window, True
        page.choose_range(1)
        page.choose_day(date(2026, 11, 7))
        settle()
        yield f"day-{name}-{size}", window, True
        page.choose_day(None)
    page.strip.navigator.stepped.emit(-1)
    settle()
    yield f"earlier-{name}", window, True
    page.strip.present.click()
    window.turn_to(0)


def _amounts(name: str, window: MainWindow, settle: Callable[[], None]) -> Iterator[tuple[str, QWidget, bool]]:
    """Yield the ranges that show amounts, and the numbers of one slot."""
    page = window.interfaces
    for index, span in ((3, "24h"), (4, "7d"), (5, "30d"), (6, "1y")):
        page.choose_range(index)
        for size in SIZES if span == "30d" else ("normal",):
            window.resize(*SIZES[size])
            settle()
            yield f"amounts-{span}-{name}-{size}", window, True
    page.range_chart.amounts.step(0)
    yield f"crossed-{name}", window, True
    page.choose_range(0)


def _shown_events(name: str, case: _Shown, settle: Callable[[], None]) -> Iterator[tuple[str, QWidget, bool]]:
    """Yield the page Events with an event of each kind in its pane, with muted kinds, and without any match."""
    window, page = case.window, case.window.events
    shade = "dark" if case.theme.tokens is DARK else "light"
    window.turn_to_page("events")
    model = page.table.model()
    events = [row for row in range(min(model.rowCount(), 20)) if isinstance(model.record(row), Row)]
    del events[14 if shade == "light" else 4 :]
    for size in ("least", "wide"):
        window.resize(*SIZES[size])
        for number, row in enumerate(events[:: 1 if size == "wide" else 5]):
            page.table.setCurrentIndex(model.index(row, 0))
            if not page.side.is_open:
                page.side.toggle()
            settle()
            yield f"event-{name}-{shade}-{size}-{number}", window, True
        page.side.close_pane()
    page.receive(SettingsMessage(Settings(events=Events(muted={"beacon": True, "upload": True}))))
    for group in (None, Group.BEACON):
        page.bar.chips.choose(group)
        for size, place in SIZES.items():
            window.resize(*place)
            settle()
            yield f"events-muted-{group or 'all'}-{name}-{shade}-{size}", window, name != "typical" or size == "least"
    page.bar.field.setText("nothing has this")
    settle()
    yield f"events-nothing-{name}-{shade}", window, True
    page.escape()
    page.escape()
    page.receive(SettingsMessage(Settings()))


def make_application() -> QApplication:
    application = QApplication(sys.argv[:1])
    font = QFont("DejaVu Sans")
    font.setPixelSize(13)
    application.setFont(font)
    return application


def main() -> None:
    wrong: list[str] = []

    def said(_kind: QtMsgType, _context: QMessageLogContext, text: str) -> None:
        if not text.startswith("This plugin does not support"):
            wrong.append(f"Qt printed: {text}")

    application = make_application()
    QLocale.setDefault(QLocale(_asked.language))
    language.install(application, _asked.language)
    if _asked.mirrored:
        application.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    qInstallMessageHandler(said)
    sys.excepthook = lambda _kind, error, _trace: wrong.append(repr(error))
    for name, state in _states().items():
        clock = Clock()
        with tempfile.TemporaryDirectory() as directory, patch("time.time", lambda clock=clock: clock.now):
            case = _Shown(application, state, directory, clock)
            for picture, widget, may_elide in shown(name, case):
                if _asked.only in picture:
                    image, record = grab(widget)
                    found = problems(widget, record, image, may_elide=may_elide)
                    wrong += [f"{picture}: {each}" for each in dict.fromkeys(found)]
                    _keep(picture, image)
            case.close()
    qInstallMessageHandler(None)
    print(json.dumps(wrong, indent=0, ensure_ascii=False))


def _keep(picture: str, image: QImage) -> None:
    if _asked.pictures:
        image.save(str(_asked.pictures / f"{picture}.png"))
    if _asked.golden and picture in GOLDEN:
        # Half as large and with few colours: a glyph may be a shade different, a control may not be elsewhere.
        pixels = image.convertToFormat(QImage.Format.Format_RGB888)
        size = (pixels.width(), pixels.height())
        whole = Image.frombytes("RGB", size, bytes(pixels.constBits()), "raw", "RGB", pixels.bytesPerLine())
        half = whole.reduce(2).quantize(64, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        half.save(_asked.golden / f"{picture}.png", optimize=True)


if __name__ == "__main__":
    main()
