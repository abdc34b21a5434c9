"""Runs the screen by the library textual: keys, mouse, resizing, and redrawing of the lines that changed."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from netwatch_tray.errors import HistoryError
from netwatch_tray.feed.protocol import Hello, HostsRequest, MarkSeen, ServerMessage, SettingsMessage, Topic
from netwatch_tray.history.reader import HistoryReader
from netwatch_tray.settings import Settings
from netwatch_tray.tui import chart, screen
from netwatch_tray.tui.frame import Frame, Line
from netwatch_tray.tui.link import Feed, FeedLink
from netwatch_tray.tui.look import Look, Role
from netwatch_tray.tui.state import LIVE, Link, State, View
from netwatch_tray.tui.stored import Stored, query_curve, query_stored
from netwatch_tray.worker import Worker

_TOPICS: frozenset[Topic] = frozenset({"interfaces", "apps", "connections", "events"})
_TOGETHER_S = 0.03
"""Seconds from the first received message to the next frame, which shows all messages that arrived until then."""
_STORED_EVERY_S = 60.0
"""Seconds between queries of the amounts in the history, which the agent writes once a minute."""
_CURVE_EVERY_S = 30.0
_CHECK_EVERY_S = 15.0
_LONGEST_END_S = 10.0

_DARK: dict[Role, str] = {
    "ink": "color(255)", "strong": "bold color(255)", "ink2": "color(249)", "ink3": "color(245)",
    "down": "color(75)", "up": "color(215)", "warn": "color(221)", "track": "color(240)",
}  # fmt: skip
"""Style of each role on a dark background. Contrast of their colours on black, in this order: 17.7, 17.7, 9.9, 6.1,
9.1, 11.5, 14.6, 3.0."""
_LIGHT: dict[Role, str] = {
    "ink": "color(233)", "strong": "bold color(233)", "ink2": "color(239)", "ink3": "color(242)",
    "down": "color(25)", "up": "color(130)", "warn": "color(94)", "track": "color(250)",
}  # fmt: skip
"""Style of each role on a light background. Contrast of their colours on white, in this order: 17.9, 17.9, 8.4, 5.3,
6.4, 4.7, 6.4, 1.9."""
_UNKNOWN: dict[Role, str] = {
    "ink": "", "strong": "bold", "ink2": "", "ink3": "", "down": "cyan", "up": "yellow", "warn": "bold yellow",
    "track": "bright_black",
}  # fmt: skip
"""Style of each role if the background is unknown: only the terminal's 16 colours, which the user has chosen to be
readable."""
_PLAIN: dict[Role, str] = {
    "ink": "", "strong": "bold", "ink2": "", "ink3": "", "down": "", "up": "", "warn": "bold", "track": "",
}  # fmt: skip


class _Styles:
    """The textual style of each role (a `look.Role`, such as a label or a warning), in normal rows and in the selected
    one."""

    def __init__(self, look: Look) -> None:
        if look.colours == "none":
            names, selected = _PLAIN, Style.parse("bold reverse")
        elif look.colours == "16" or look.background is None:
            names, selected = _UNKNOWN, Style.parse("bold reverse")
        elif look.background == "dark":
            names, selected = _DARK, Style.parse("bold color(255) on color(236)")
        else:
            names, selected = _LIGHT, Style.parse("bold color(233) on color(254)")
        self._styles: dict[str, Style] = {role: Style.parse(name) for role, name in names.items()}
        # Bars keep their colour in the selected row, as far as it has a colour of its own.
        self._selected: dict[str, Style] = dict.fromkeys(self._styles, selected)
        if selected.bgcolor is not None:
            for role in ("down", "up"):
                self._selected[role] = self._styles[role] + Style(bgcolor=selected.bgcolor)

    def strip(self, line: Line, width: int) -> Strip:
        styles = self._selected if line.is_selected else self._styles
        return Strip([Segment(text, styles[role]) for text, role in line.spans], width)


class Picture(Widget):
    """The widget that draws the whole screen. It is the only one, so textual has no layout to compute when a line
    changes."""

    DEFAULT_CSS = "Picture { width: 100%; height: 100%; background: ansi_default; color: ansi_default; }"
    can_focus = False
    ALLOW_SELECT = False

    def __init__(self, state: State, look: Look) -> None:
        super().__init__()
        self._state, self._look = state, look
        self._styles = _Styles(look)
        self._frame: Frame | None = None
        self._lines: list[Line] = []

    def redraw(self) -> None:
        """Make a new frame of the state, and let textual draw those lines that differ from the previous frame."""
        width, height = self.size
        if not width or not height:
            return
        before, self._frame = self._lines, screen.draw(self._state, self._look, width, height)
        self._lines = self._frame.lines()
        if len(before) != len(self._lines) or (before and len(before[0].text) != width):
            self.refresh()
            return
        changed = [y for y, (old, new) in enumerate(zip(before, self._lines, strict=True)) if old != new]
        if changed:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y >= len(self._lines):
            return Strip.blank(width)
        return self._styles.strip(self._lines[y], width)

    def hit(self, x: int, y: int) -> tuple[str, str] | None:
        """Return what a click at this cell does, as the name of an action and its argument, such as the key of a row.
        None if a click there does nothing."""
        found = self._frame.hit(x, y) if self._frame else None
        return (found.action, found.about) if found else None

    @property
    def page(self) -> int:
        """Return the number of rows by which Page Up and Page Down move."""
        return max(1, self.size.height // 2)


class ScreenApp(App[None]):
    """The textual application: passes keys, clicks and the agent's messages to the `State`, and draws it."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS = [Binding("ctrl+c", "quit", show=False, priority=True)]  # noqa: RUF012  textual's own form

    def __init__(
        self,
        settings: Settings,
        look: Look,
        *,
        connect: Callable[[], Feed],
        measure: Callable[[], Feed],
        history: Path,
    ) -> None:
        """`connect`: returns a connection to the agent. `measure`: starts measuring in this process; for both see
        FeedLink. `history`: path of the history file."""
        super().__init__(ansi_color=True)
        self._state = State(settings)
        self._picture = Picture(self._state, look)
        self._look = look
        self._sources = connect, measure
        self._history = history
        self._link: FeedLink | None = None
        self._worker: Worker | None = None
        self._next_frame: asyncio.TimerHandle | None = None
        self._stored_at = self._curve_at = -_STORED_EVERY_S
        self.failure: Exception | None = None
        """The error that ended the screen; None if there was none."""

    def _handle_exception(self, error: Exception) -> None:
        """Leave the screen after an unexpected error, which `run` raises again. Textual's own method would print a
        traceback with the values of variables, which contain names."""
        self.failure = self.failure or error
        self.panic()  # without anything to print

    def _end(self) -> None:
        """Leave the screen upon a signal. Textual may wait for a terminal that is gone or stopped, without a limit; a
        timer therefore ends the process after _LONGEST_END_S seconds."""
        deadline = threading.Timer(_LONGEST_END_S, os._exit, (0,))
        deadline.daemon = True
        deadline.start()
        self.exit()

    def compose(self) -> ComposeResult:
        yield self._picture

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            if signal.getsignal(number) != signal.SIG_IGN:  # nohup(1) ignores SIGHUP
                loop.add_signal_handler(number, self._end)

        def call_soon(callback: Callable[[], None]) -> None:
            loop.call_soon_threadsafe(callback)

        self._worker = Worker("history", call_soon)
        self._link = FeedLink(*self._sources, self._take, self._change_link)
        self._link.start(_TOPICS)
        self.set_interval(_CHECK_EVERY_S, self._query)
        self._query()

    def on_unmount(self) -> None:
        if self._link is not None:
            self._link.close()
        if self._worker is not None:
            self._worker.close(1.0)

    # What comes in.

    def _take(self, messages: Sequence[ServerMessage]) -> None:
        for message in messages:
            self._state.receive(message)
            if isinstance(message, Hello | SettingsMessage):
                self._stored_at = -_STORED_EVERY_S
                self._query()
        self._draw_soon()

    def _change_link(self, link: Link) -> None:
        self._state.link = link
        if link is not Link.AGENT and link is not Link.SILENT:
            self._state.lose_agent()
        self._draw_soon()

    def _draw_soon(self) -> None:
        if self._next_frame is None:
            self._next_frame = asyncio.get_running_loop().call_later(_TOGETHER_S, self._draw)

    def _draw(self) -> None:
        self._next_frame = None
        self._picture.redraw()

    def _query(self) -> None:
        """Request the hosts of the shown app, and query the history for amounts and curve if those on the screen are
        too old.

        If there is no history, amounts and curve are unknown.
        """
        _request_hosts(self._link, self._state)
        if self._worker is None or self._worker.pending:
            return
        now, state = time.monotonic(), self._state
        if now - self._stored_at >= _STORED_EVERY_S:
            self._stored_at = now
            plan = state.settings.plan
            local = datetime.fromtimestamp(time.time()).astimezone()
            self._worker.submit(
                lambda: self._read(lambda reader: query_stored(reader, local, plan)), self._set_stored, self._fail
            )
        if state.range != LIVE and now - self._curve_at >= _CURVE_EVERY_S:
            self._curve_at = now
            seconds = chart.RANGES[state.range].seconds
            columns = chart.columns(self._picture.size.width, is_unicode=self._look.is_unicode)
            self._worker.submit(
                lambda: self._read(lambda reader: query_curve(reader, time.time(), seconds, columns)),
                self._set_curve,
                self._fail,
            )

    def _read(self, query: Callable[[HistoryReader], object]) -> object:
        reader = HistoryReader(self._history)
        try:
            return query(reader)
        finally:
            reader.close()

    def _set_stored(self, stored: object) -> None:
        if isinstance(stored, Stored):
            self._state.set_stored(stored)
            self._draw_soon()

    def _set_curve(self, curve: object) -> None:
        if isinstance(curve, chart.Curve):
            self._state.set_curve(curve)
            self._draw_soon()

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, HistoryError):
            logging.getLogger(__name__).warning("The history cannot be read: %s", error)
        self._state.set_stored(None)
        self._stored_at = -_STORED_EVERY_S
        self._draw_soon()

    # What the user does.

    def on_resize(self, _event: events.Resize) -> None:
        self._curve_at = -_STORED_EVERY_S
        self.call_after_refresh(self._resized)

    def _resized(self) -> None:
        self._query()
        self._picture.redraw()

    async def on_key(self, event: events.Key) -> None:
        state, key = self._state, event.key
        event.stop()
        if state.is_typing:
            self._type(event)
        elif event.character in _ACTIONS:
            await self._act(_ACTIONS[event.character])
        elif key in _MOVES:
            by, unit = _MOVES[key]
            state.move(by * (self._picture.page if unit == "page" else 1))
        elif key in _KEYS:
            await self._act(_KEYS[key])
        self._picture.redraw()

    def _type(self, event: events.Key) -> None:
        state = self._state
        if event.key == "enter":
            state.is_typing = False
        elif event.key == "escape":
            state.back()
        elif event.key == "backspace":
            state.type_text("\b")
        elif event.is_printable and event.character:
            state.type_text(event.character)

    def on_paste(self, event: events.Paste) -> None:
        if self._state.is_typing:
            self._state.type_text("".join(filter(str.isprintable, event.text)))
            self._picture.redraw()

    async def on_click(self, event: events.Click) -> None:
        found = self._picture.hit(event.screen_x, event.screen_y)
        if found is not None:
            await self._act(*found)
            self._picture.redraw()

    def on_mouse_scroll_down(self, _event: events.MouseScrollDown) -> None:
        self._state.move(1)
        self._picture.redraw()

    def on_mouse_scroll_up(self, _event: events.MouseScrollUp) -> None:
        self._state.move(-1)
        self._picture.redraw()

    async def _act(self, action: str, about: str = "") -> None:
        state = self._state
        match action:
            case "quit":
                self.exit()
            case "select":
                if state.select(about) and state.view is View.OVERVIEW:
                    state.open()
            case "sort":
                state.sort_by(about or None)
            case "shorter" | "longer":
                if state.change_range(1 if action == "longer" else -1):
                    self._curve_at = -_STORED_EVERY_S
                    state.set_curve(chart.EMPTY)
                    self._query()
            case "filter":
                state.is_typing, state.has_help = True, False
            case "help":
                state.has_help = not state.has_help
            case _:
                _OF_STATE[action](state)
        _request_hosts(self._link, state)
        if self._link is not None and (seen := state.take_seen()):
            self._link.send(MarkSeen(seen))


def _request_hosts(link: FeedLink | None, state: State) -> None:
    """Request the hosts of the app whose details are shown, if any."""
    if link is not None and state.app is not None:
        link.send(HostsRequest(state.app))


_ACTIONS = {"q": "quit", "s": "sort", "/": "filter", "u": "units", "p": "pause", "?": "help"}
_KEYS = {
    "tab": "turn", "shift+tab": "turn back", "right": "longer", "left": "shorter", "enter": "open", "escape": "back",
}  # fmt: skip
_MOVES: dict[str, tuple[int, str]] = {
    "down": (1, "row"), "up": (-1, "row"), "pagedown": (1, "page"), "pageup": (-1, "page"),
    "home": (-(10**6), "row"), "end": (10**6, "row"),
}  # fmt: skip
_OF_STATE: dict[str, Callable[[State], None]] = {
    "units": State.change_units,
    "pause": State.pause,
    "turn": State.turn,
    "turn back": lambda state: state.turn(-1),
    "open": State.open,
    "back": State.back,
    "events": lambda state: state.turn_to(View.EVENTS),
}


def run(
    settings: Settings, look: Look, *, connect: Callable[[], Feed], measure: Callable[[], Feed], history: Path
) -> int:
    """Show the screen until the user quits; return the exit code. Raise the error that ended it."""
    app = ScreenApp(settings, look, connect=connect, measure=measure, history=history)
    with _held_logs():
        app.run()
    if app.failure is not None:
        raise app.failure
    return app.return_code or 0


class _Held(logging.Handler):
    """Log handler that stores the records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def _held_logs() -> Iterator[None]:
    """Hold log records back while the `with` block runs, and log them after it: on the screen they would garble it."""
    root, held = logging.getLogger(), _Held()
    before = root.handlers[:]
    root.handlers[:] = [held]
    try:
        yield
    finally:
        root.handlers[:] = before
        for record in held.records:
            root.handle(record)
