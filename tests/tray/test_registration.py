"""The icon is reported as shown only while it is, whatever watchers and panels do, in any order."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from desktop import Session, wait_for
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from surroundings import Loop, Watcher, no_actions

from netwatch_tray.engine.scheduler import Timer
from netwatch_tray.settings import Settings
from netwatch_tray.tray import open_tray
from netwatch_tray.tray.backends import registration as registration_module
from netwatch_tray.tray.backends.bus import BUS, OnReply
from netwatch_tray.tray.backends.registration import WATCHER, XAPP, Registration

US = ":1.7"


class Timers:
    """A scheduler whose clock the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._timers: list[tuple[float, float, int, Timer]] = []
        self._numbers = itertools.count()

    def after(self, delay: float, callback: Callable[[], None]) -> Timer:
        return self._add(self.now + delay, 0.0, Timer(callback))

    def every(self, period: float, callback: Callable[[], None]) -> Timer:
        return self._add(self.now + period, period, Timer(callback))

    def pass_until(self, end: float, then: Callable[[], None]) -> None:
        """Run the timers that are due until then, and call `then` after each."""
        while self._timers and self._timers[0][0] <= end:
            deadline, period, _, timer = heapq.heappop(self._timers)
            self.now = max(self.now, deadline)
            if timer.callback is not None:
                timer.callback()
                if period:
                    self._add(deadline + period, period, timer)
                then()
        self.now = end

    def _add(self, deadline: float, period: float, timer: Timer) -> Timer:
        heapq.heappush(self._timers, (deadline, period, next(self._numbers), timer))
        return timer


class World:
    """A session bus with a watcher and its hosts. Messages travel in order, when `deliver` is called."""

    unique_name = US

    def __init__(self) -> None:
        self.registration: Registration | None = None
        self.watcher = ""
        self.process = "panel"
        self.items: list[str] = []
        self.has_list = self.accepts = self.claims_host = True
        self.draws = False
        """The watcher reads what is registered with it, and shows it."""
        self.second = ""
        """The connection it reads by, if it has another one."""
        self.hosts: set[str] = set()
        self.registrations = 0
        self.monitor_came = 0.0
        """When a monitor of XApp came last."""
        self.is_frozen = False
        """XApp's monitor draws a copy of the item that it never updates."""
        self.now: Callable[[], float] = lambda: 1e9
        self._numbers = itertools.count(20)
        self._messages: list[Callable[[], None]] = []

    # What the registration does

    def call_bus(self, member: str, _signature: str, body: tuple[Any, ...], on_reply: OnReply | None = None) -> None:
        def answer() -> None:
            value: tuple[Any, ...] | None = ()
            match member, body:
                case "ListNames", ():
                    value = ([BUS, US, *self.hosts, *([WATCHER] if self.watcher else [])],)
                case "GetNameOwner", _:
                    value = (self.watcher,) if self.watcher else None
                case "GetConnectionUnixProcessID", (name,):
                    value = (1,) if name in (self.watcher, self.second) and name else (2,)
            self._reply(on_reply, value, BUS)

        self._messages.append(answer)

    def call(
        self,
        destination: str,
        _path: str,
        _interface: str,
        member: str,
        _signature: str = "",
        body: tuple[Any, ...] = (),
        on_reply: OnReply | None = None,
    ) -> None:
        def answer() -> None:
            value: tuple[Any, ...] | None = None
            match member, body:
                case _ if destination != self.watcher:
                    pass  # it has gone
                case "RegisterStatusNotifierItem", (item,) if self.accepts:
                    assert f"{item}/StatusNotifierItem" not in self.items, "twice: GNOME's extension shows no icon then"
                    self.registrations += 1
                    self.items.append(f"{item}/StatusNotifierItem")
                    self.is_frozen = self.process == XAPP and self.now() - self.monitor_came < 2
                    value = ()
                    self._messages.append(lambda: self.told.on_read(":1.55"))  # a curious tool
                    if self.draws:
                        reader = self.second or destination
                        self._messages.append(lambda: self.told.on_read(reader))
                case "Get", (_, "RegisteredStatusNotifierItems") if self.has_list:
                    value = (("as", list(self.items)),)
                case "Get", (_, "IsStatusNotifierHostRegistered"):
                    value = (("b", self.claims_host),)
            self._reply(on_reply, value, destination)

        self._messages.append(answer)

    def _reply(self, on_reply: OnReply | None, value: tuple[Any, ...] | None, sender: str) -> None:
        if on_reply is not None:
            self._messages.append(lambda: on_reply(value, sender))

    # What happens around it

    @property
    def told(self) -> Registration:
        assert self.registration is not None
        return self.registration

    def signal(self, sender: str, member: str, *body: Any) -> None:
        self._messages.append(lambda: self.told.on_signal(sender, member, body))

    def own(self, name: str, owner: str) -> None:
        self.signal(BUS, "NameOwnerChanged", name, "", owner)

    def start_watcher(self, **state: Any) -> None:
        self.stop_watcher()
        vars(self).update(state)
        self.watcher, self.items, self.is_frozen = f":1.{next(self._numbers)}", [], False
        self.own(WATCHER, self.watcher)

    def start_host(self, name: str) -> None:
        self.hosts.add(name)
        self.own(name, ":1.9")
        if name.startswith("org.x."):
            self.monitor_came = self.now()
            self.is_frozen = bool(self.watcher and self.items) and self.process == XAPP

    def connect(self, timers: Timers) -> None:
        """Connect as a new connection. The bus drops the items that the previous one had registered."""
        if self.registration is not None:
            self.registration.close()
        self.items.clear()
        self.is_frozen = False
        self.now = lambda: timers.now

        def on_stale() -> None:
            self._messages.append(lambda: self.connect(timers))

        self.registration = Registration(self, timers, is_sandboxed=False, on_register=lambda: None, on_stale=on_stale)
        self.registration.start()

    def stop_watcher(self) -> None:
        if self.watcher:
            self.watcher, self.is_frozen = "", False
            self.own(WATCHER, "")

    def deliver(self) -> None:
        while self._messages:
            self._messages.pop(0)()

    @property
    def shows(self) -> bool:
        """Return whether a panel really shows the icon."""
        is_listed = any(item.startswith(US) for item in self.items) if self.has_list else self.registrations > 0
        draws_itself = self.draws and self.process != XAPP
        return bool(self.watcher) and is_listed and (bool(self.hosts) or draws_itself)


class Life(RuleBasedStateMachine):
    """Panels start, stop, crash, refuse and forget. Once all messages were delivered, the reported state is the true
    one."""

    def __init__(self) -> None:
        super().__init__()
        self.world, self.timers = World(), Timers()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(registration_module, "process_name", lambda _: self.world.process)

    def teardown(self) -> None:
        self.patch.undo()

    @initialize(has_watcher=st.booleans(), has_host=st.booleans())
    def begin(self, has_watcher: bool, has_host: bool) -> None:
        if has_watcher:
            self.world.watcher = ":1.19"
        if has_host:
            self.world.hosts.add("org.kde.StatusNotifierHost-1-1")
        self.world.connect(self.timers)

    @rule(
        draws=st.booleans(),
        claims_host=st.booleans(),
        process=st.sampled_from(["panel", XAPP]),
        second=st.sampled_from(["", ":1.18"]),
    )
    def start_watcher(self, **state: Any) -> None:
        self.world.start_watcher(**state)

    @precondition(lambda self: self.world.watcher)
    @rule()
    def stop_watcher(self) -> None:
        self.world.stop_watcher()

    @rule(accepts=st.booleans())
    def refuse_or_accept(self, accepts: bool) -> None:
        self.world.accepts = accepts

    @rule(name=st.sampled_from(["org.kde.StatusNotifierHost-1-1", "org.x.StatusIconMonitor.cinnamon_0"]))
    def host_comes(self, name: str) -> None:
        self.world.start_host(name)

    @precondition(lambda self: self.world.hosts)
    @rule(data=st.data(), tells=st.booleans())
    def host_goes(self, data: st.DataObject, tells: bool) -> None:
        """End a host. The watcher may report that, or continue to report a host."""
        name = data.draw(st.sampled_from(sorted(self.world.hosts)))
        self.world.hosts.remove(name)
        self.world.own(name, "")
        if tells and self.world.watcher:
            self.world.claims_host = bool(self.world.hosts)
            self.world.signal(self.world.watcher, "StatusNotifierHostUnregistered")

    @precondition(lambda self: self.world.watcher)
    @rule(claims=st.booleans())
    def watcher_reports_host(self, claims: bool) -> None:
        self.world.claims_host = claims
        self.world.signal(self.world.watcher, f"StatusNotifierHost{'R' if claims else 'Unr'}egistered")

    @precondition(lambda self: self.world.items and self.world.watcher)
    @rule()
    def watcher_drops_the_item(self) -> None:
        self.world.items.clear()
        self.world.signal(self.world.watcher, "StatusNotifierItemUnregistered", f"{US}/StatusNotifierItem")

    @rule(item=st.sampled_from([f"{US}/StatusNotifierItem", ":1.77/StatusNotifierItem", US, "", 7]))
    def anybody_says_anything(self, item: Any) -> None:
        for member in ("StatusNotifierItemUnregistered", "StatusNotifierItemRegistered", "NameOwnerChanged"):
            self.world.signal(":1.66", member, item)

    @precondition(lambda self: self.world.items and self.world.watcher)
    @rule()
    def watcher_forgets_the_item_in_silence(self) -> None:
        self.world.items.clear()
        self.timers.pass_until(self.timers.now + 61, self.world.deliver)

    @rule(seconds=st.sampled_from([0.3, 1, 70]))
    def time_passes(self, seconds: float) -> None:
        self.timers.pass_until(self.timers.now + seconds, self.world.deliver)

    @rule()
    def everything_arrives(self) -> None:
        self.world.deliver()

    @rule()
    def after_a_while_a_willing_tray_has_the_icon(self) -> None:
        world = self.world
        world.accepts = world.claims_host = True
        self.timers.pass_until(self.timers.now + 130, world.deliver)
        assert world.told.is_shown == bool(world.watcher and (world.hosts or (world.draws and world.process != XAPP)))
        assert len(world.items) <= 1 or not world.watcher
        assert not world.is_frozen

    @invariant()
    def what_is_said_is_true(self) -> None:
        if self.world.registration is not None and not self.world._messages:
            assert not self.world.told.is_shown or self.world.shows
            assert (str(self.world.told.state) == "icon shown") == self.world.told.is_shown


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def waits_for_a_host() -> tuple[World, Timers]:
    """Return a world with a watcher that has started and reports no host yet."""
    world, timers = World(), Timers()
    world.connect(timers)
    world.start_watcher(claims_host=False)
    world.deliver()
    return world, timers


def test_item_is_registered_once_host_is_reported() -> None:
    """waybar's host misses items that were registered earlier."""
    world, timers = waits_for_a_host()
    timers.pass_until(timers.now + 2, world.deliver)
    assert world.registrations == 0
    world.claims_host = True
    world.signal(world.watcher, "StatusNotifierHostRegistered")
    world.deliver()
    assert world.registrations == 1
    timers.pass_until(timers.now + 130, world.deliver)
    assert world.registrations == 1


def test_item_is_registered_after_delay_without_host() -> None:
    world, timers = waits_for_a_host()
    timers.pass_until(timers.now + 4, world.deliver)
    assert world.registrations == 1
    assert str(world.told.state) == "waiting for a panel to show the icon"


MONITOR = "org.x.StatusIconMonitor.cinnamon_0"


@pytest.fixture
def cinnamon(monkeypatch: pytest.MonkeyPatch) -> tuple[World, Timers]:
    """Return a world in which the item is registered with XApp's watcher."""
    monkeypatch.setattr(registration_module, "process_name", lambda _: XAPP)
    world, timers = World(), Timers()
    world.connect(timers)
    world.start_watcher(process=XAPP)
    world.deliver()
    assert world.registrations == 1
    return world, timers


def test_item_is_registered_again_after_xapp_monitor_restarted(cinnamon: tuple[World, Timers]) -> None:
    world, timers = cinnamon
    world.start_host(MONITOR)
    world.deliver()
    assert world.is_frozen
    timers.pass_until(timers.now + 4, world.deliver)
    assert not world.is_frozen
    assert world.registrations == 2
    timers.pass_until(timers.now + 130, world.deliver)
    assert world.registrations == 2


def test_item_is_registered_once_xapp_monitor_has_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration_module, "process_name", lambda _: XAPP)
    world, timers = World(), Timers()
    world.connect(timers)
    world.deliver()
    world.start_host(MONITOR)
    world.start_watcher(process=XAPP)
    world.deliver()
    timers.pass_until(timers.now + 2, world.deliver)
    assert world.registrations == 0
    timers.pass_until(timers.now + 2, world.deliver)
    assert world.registrations == 1
    assert not world.is_frozen


@pytest.fixture
def _on_bus(bus: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.environment["DBUS_SESSION_BUS_ADDRESS"])


@pytest.mark.usefixtures("_on_bus")
@pytest.mark.parametrize("fault", ["refused", "dropped"])
def test_refused_or_dropped_item_is_registered_again(fault: str, bus: Session, loop: Loop) -> None:
    watcher = Watcher(bus.environment["DBUS_SESSION_BUS_ADDRESS"])
    watcher.refusals = 2 if fault == "refused" else 0
    tray = loop.do(lambda: open_tray(loop.scheduler, no_actions(), Settings()))
    try:
        if fault == "refused":
            wait_for(lambda: str(tray.state) == "the tray refuses the icon; trying again", 5, "the refusal is noticed")
        wait_for(lambda: str(tray.state) == "icon shown", 10, "the icon is registered")
        if fault == "dropped":
            watcher.lose()
            wait_for(lambda: not tray.is_shown, 5, "the loss is noticed")
        wait_for(lambda: str(tray.state) == "icon shown", 10, "the icon is back")
        assert watcher.items == [f"{watcher.registered.queue[0]}/StatusNotifierItem"]
    finally:
        loop.do(tray.close)
        watcher.close()
