"""Shared by the tests of the window: a fake agent, a window connected to it, and values."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial, reduce
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QWidget

from netwatch_tray.errors import HistoryError
from netwatch_tray.event import Event, EventKind
from netwatch_tray.feed.client import FeedClient
from netwatch_tray.feed.protocol import (
    VERSION,
    ClientMessage,
    Hello,
    RecentTick,
    ServerMessage,
    decode_client_message,
    encode,
)
from netwatch_tray.history.results import NOTHING, Curve, NetworkUse, Remainder, SlotUse, StoredGap, Used
from netwatch_tray.model import Connection, GapReason, InterfaceTick, Tick, Total, Why, WhyCode
from netwatch_tray.settings import Settings
from netwatch_tray.units import Units
from netwatch_tray.window.chart.series import GapSpan, KnownPoint
from netwatch_tray.window.data.agent_link import AgentLink
from netwatch_tray.window.shell.main_window import MainWindow
from netwatch_tray.window.table.view import TableView
from netwatch_tray.window.widgets.buttons import FlatButton, Segments
from netwatch_tray.window.widgets.line_edit import LineEdit
from netwatch_tray.window.widgets.rate_readout import RateReadout
from netwatch_tray.window.widgets.setting_controls import Number, Switch
from netwatch_tray.window.widgets.theme import Theme


def application() -> QApplication:
    running = QApplication.instance()
    assert isinstance(running, QApplication)
    return running


def until(happened: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Process events of Qt until the condition holds; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"did not happen: {what}"
        QApplication.processEvents()
        time.sleep(0.002)
    QApplication.processEvents()


class FakeAgent:
    """Listens on a real socket and sends messages of the real protocol; `link` is the window's end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None
        self._received = b""
        self.start()

    def start(self) -> None:
        self.path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._listener.settimeout(60)

    def greet(self, *recent: RecentTick, protocol: int = VERSION, units: Units | None = None) -> None:
        """Accept the window's connection and send the greeting."""
        assert self._listener
        self._client, _ = self._listener.accept()
        self._client.setblocking(False)
        settings = Settings(units=units or Units())
        self.say(Hello(protocol=protocol, version="1", pid=1, interval_s=1.0, settings=settings, recent=recent))

    def say(self, *messages: ServerMessage) -> None:
        self.write(b"".join(map(encode, messages)))

    def write(self, data: bytes) -> None:
        assert self._client
        left = memoryview(data)
        while left:
            try:
                left = left[self._client.send(left) :]
            except BlockingIOError:  # both ends are in this thread: let the window read
                QApplication.processEvents()

    def heard(self) -> list[ClientMessage]:
        """Return the messages that the window has sent since the last call."""
        assert self._client
        try:
            while data := self._client.recv(1 << 16):
                self._received += data
        except BlockingIOError:
            pass
        *lines, self._received = self._received.split(b"\n")
        return [decode_client_message(line) for line in lines]

    def stop(self) -> None:
        for end in (self._client, self._listener):
            if end:
                end.close()
        self._client = self._listener = None
        self._received = b""


class Opened:
    """A window and both ends of its connection."""

    def __init__(
        self,
        agent: FakeAgent,
        memory: QSettings,
        scheme: Qt.ColorScheme,
        history: FakeHistory | None = None,
        settings_file: Path | None = None,
    ) -> None:
        self.agent = agent
        self.history = history
        self.memory = memory
        self.theme = Theme(application(), scheme)
        self.link = AgentLink(partial(FeedClient, agent.path))
        self.window = MainWindow(self.theme, self.link, memory, history, settings_file)
        self.window.show()

    def connect(self, *recent: RecentTick, units: Units | None = None) -> None:
        self.link.try_now()
        self.agent.greet(*recent, units=units)
        until(lambda: self.link.connected, "the window is connected")

    def say(self, *messages: ServerMessage) -> None:
        """Send messages, and wait until the window has processed them."""
        taken: list[ServerMessage] = []
        self.link.received.connect(taken.append)
        self.agent.say(*messages)
        until(lambda: len(taken) == len(messages), "the window has read the agent's messages")
        self.link.received.disconnect(taken.append)


Open = Callable[..., Opened]


def interface(index: int, name: str, rx: float | None = None, tx: float | None = None, **more: object) -> InterfaceTick:
    values: dict[str, object] = {
        "is_up": True, "is_uplink": False, "why": Why(WhyCode.NO_DEFAULT_ROUTE),
        "rx_bytes": 0, "tx_bytes": 0, "rx_packets": 0, "tx_packets": 0,
        "rx_errors": 0, "tx_errors": 0, "rx_drops": 0, "tx_drops": 0,
    }  # fmt: skip
    return InterfaceTick(index=index, name=name, rx_rate=rx, tx_rate=tx, **(values | more))  # type: ignore[arg-type]  # spelled out above


def uplink(index: int, name: str, rx: float | None, tx: float | None, **more: object) -> InterfaceTick:
    return interface(index, name, rx, tx, **({"is_uplink": True, "why": Why(WhyCode.DEFAULT_ROUTE)} | more))


def tick(*interfaces: InterfaceTick, ago: float = 0.0, gap: GapReason | None = None) -> Tick:
    counted = [each for each in interfaces if each.is_uplink]
    known = bool(counted) and all(each.rx_rate is not None for each in counted)
    total = Total(
        rx_rate=sum(each.rx_rate or 0 for each in counted) if known else None,
        tx_rate=sum(each.tx_rate or 0 for each in counted) if known else None,
        uplinks=tuple(each.name for each in counted),
    )
    return Tick(
        at=datetime.now(UTC) - timedelta(seconds=ago), interval_s=1.0, gap=gap, total=total, interfaces=interfaces
    )


def past_tick(
    ago: float, rx: float | None, tx: float | None, gap: GapReason | None = None, index: int = 2
) -> RecentTick:
    return RecentTick(time.time() - ago, gap, (rx, tx), {index: (rx, tx)})


def connection(number: int, process: str | None = "firefox", **more: object) -> Connection:
    values: dict[str, object] = {
        "protocol": "TCP", "local_address": "192.0.2.24", "local_port": 40000 + number % 20000,
        "remote_address": "198.51.100.7", "remote_port": 443, "state": "ESTABLISHED", "pid": 100 + number,
    }  # fmt: skip
    return Connection(key=f"key{number}", process=process, **(values | more))  # type: ignore[arg-type]  # spelled out above


FEW = (
    uplink(2, "eth0", 12.4e6, 840e3),
    interface(3, "wg0", 2.1e6, 96.2e3, why=Why(WhyCode.COUNTED_BELOW, ("eth0",))),
    interface(1, "lo", 2.64e6, 2.64e6, why=Why(WhyCode.LOOPBACK)),
)
"""An uplink, a tunnel and the loopback interface."""


def visible_text(widget: QWidget) -> str:
    """Return the texts of the visible labels in `widget`, separated by bars."""
    return " | ".join(each.text() for each in widget.findChildren(QLabel) if each.isVisible())


def readouts(window: QWidget) -> list[str]:
    """Return what a screen reader reads of the large rates."""
    return [each.accessibleName() for each in window.findChildren(RateReadout)]


def rx_of(moment: KnownPoint | GapSpan) -> float:
    """Return the download rate of a point of a chart, which must not be a gap."""
    assert isinstance(moment, KnownPoint)
    return moment.rx


def table_texts(table: TableView[Any]) -> list[list[str]]:
    """Return the text of every cell, by row and column."""
    model = table.model()
    return [
        [str(model.index(row, column).data()) for column in range(len(model.columns))]
        for row in range(model.rowCount())
    ]


_Child = TypeVar("_Child", bound=QWidget)


def child(widget: QWidget, kind: type[_Child]) -> _Child:
    """Return the first widget of this type in `widget`."""
    found = widget.findChild(kind)
    assert found is not None
    return found


_Control = TypeVar("_Control", Number, Segments, Switch)


def control(page: QWidget, name: str, kind: type[_Control]) -> _Control:
    """Return the control of a setting, by its accessible name."""
    (found,) = (each for each in page.findChildren(kind) if each.accessibleName() == name)
    return found


def field(page: QWidget, name: str) -> LineEdit:
    """Return the text field with this accessible name."""
    (found,) = (each for each in page.findChildren(LineEdit) if each.accessibleName() == name)
    return found


def type_into(page: QWidget, name: str, text: str) -> None:
    """Type a text into a field, and leave the field."""
    line = field(page, name)
    line.selectAll()
    line.setText("")
    line.setModified(True)
    line.insert(text)
    line.editingFinished.emit()


def button(widget: QWidget, name: str) -> FlatButton:
    """Return the button with this text or accessible name."""
    found = (each for each in widget.findChildren(FlatButton) if name in (each.text(), each.accessibleName()))
    return next(found)


def choose_from_menu(page: QWidget, shown: str, wanted: str) -> None:
    """Open the menu of the button that shows this text, and choose another text."""
    button = next(each for each in page.findChildren(FlatButton) if each.text() == shown)
    button.click()
    menu = button.findChild(QMenu)
    assert menu
    next(each for each in menu.actions() if each.text() == wanted).trigger()
    menu.close()
    assert button.text() == wanted


class FakeHistory:
    """Runs queries at once on `reader`, or fails with `error`. Without both it never calls back."""

    def __init__(self, reader: Any = None, error: str | HistoryError = "") -> None:
        self.reader = reader
        self.error = error
        self.submitted = 0

    def submit(self, query: Any, on_result: Any, on_error: Any) -> None:
        self.submitted += 1
        if self.error:
            on_error(self.error if isinstance(self.error, HistoryError) else HistoryError(self.error))
        elif self.reader is not None:
            on_result(query(self.reader))


class FakeReader:
    def __init__(self) -> None:
        self.kinds: list[tuple[str, str | None, float]] = []
        self.complete = True
        self.began: float | None = None
        """When the history begins; None: before all days that are asked for."""
        self.written = 0.0
        """Up to when the history is written; 0: long ago."""
        self.happened: list[Event] = []
        self.names: dict[str, dict[str, tuple[Used, Used]]] = {"app": {}, "total": {}}

    def written_until(self) -> float:
        return self.written

    def curve(self, kind: str, name: str | None, start: float, end: float, _most: int) -> Curve:
        self.kinds.append((kind, name, end - start))
        step = (end - start) / 100
        at = [start + step * (place + 1) for place in range(100)]
        rx = [None if 40 <= place < 60 or place > 96 else 2e6 for place in range(100)]
        peak = [None if value is None else 3e6 for value in rx]
        return Curve(step, at, rx, rx, peak, peak)

    def slots(self, kind: str, name: str | None, edges: Sequence[float]) -> tuple[int, list[SlotUse]]:
        """Return slots with 1 MB down and 500 kB up for each second; every fifth slot is unknown."""
        self.kinds.append((kind, name, edges[-1] - edges[0]))
        found = []
        for place, (start, end) in enumerate(pairwise(edges)):
            seconds = 0.0 if place % 5 == 4 else end - start
            used = Used(int(1e6 * seconds), int(5e5 * seconds), 0, 0, seconds)
            found.append(SlotUse(start, end, used, 3e6 if seconds else 0, 2e6 if seconds else 0, start, start))
        return 60, found

    def gaps(self, start: float, end: float) -> list[StoredGap]:
        step = (end - start) / 100
        return [StoredGap(start + 40 * step, start + 60 * step, GapReason.ASLEEP, None, is_complete=True)]

    def first_day(self) -> date | None:
        return datetime.fromtimestamp(self.began).astimezone().date() if self.began else date(2020, 1, 1)

    def bytes_between(self, _kind: str, _name: str | None, start: int, end: int) -> Used:
        return Used(end - start, 0, 0, 0, float(end - start))

    def days(self, _kind: str, _name: str | None, first: date, last: date, **how: str | None) -> dict[date, Used]:
        today = datetime.now().astimezone().date()
        first = max(first, today - timedelta(days=800))
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        earliest = datetime.fromtimestamp(self.began).astimezone().date() if self.began else first
        used = (
            Used(1_000_000_000, 500_000_000, 0, 0, 86400.0)
            if how.get("network") is None
            else Used(2_000_000, 0, 0, 0, 9.0)
        )
        return {day: used for day in days if earliest <= day <= today}

    def events(
        self, start: float, end: float, kinds: Collection[EventKind] | None = None, most: int = 5000
    ) -> list[Event]:
        found = [each for each in self.happened if start <= each.last < end and (kinds is None or each.kind in kinds)]
        return found[-most:]

    def begin(self) -> float | None:
        return self.began

    def by_name(self, kind: str, first: date, last: date, **_how: str | None) -> dict[str, Used]:
        """By kind, for a day and for longer."""
        names = self.names[kind]
        return {name: used[first != last] for name, used in names.items()}

    def remainder(self, first: date, last: date) -> Remainder:
        total = self.by_name("total", first, last).values()
        return Remainder.of(reduce(Used.plus, total, NOTHING), self.by_name("app", first, last).values())

    def keys(self, kind: str) -> dict[str, str]:
        return {name: f"executable:/usr/bin/{name}" for name in self.names[kind]}

    def moved_by_name(self, kind: str, _start: int, _end: int) -> dict[str, int]:
        return {name: used[0].both for name, used in self.names[kind].items()}

    def by_network(self, _first: date, _last: date, *, with_names: bool = False) -> list[NetworkUse]:
        used = Used(7_000_000, 0, 0, 0, 0.0)
        return [each._replace(used=used) for each in self.networks(with_names=with_names)[:1]]

    def networks(self, *, with_names: bool = False) -> list[NetworkUse]:
        home = NetworkUse("7be1c04d", "wifi", NOTHING, 2, is_metered=True, name="Home" if with_names else None)
        return [home, NetworkUse("c04d", "ethernet", NOTHING)]

    def is_complete(self, _first: Any, _last: Any) -> bool:
        return self.complete
