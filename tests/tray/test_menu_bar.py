"""The macOS menu bar against a stand-in for Apple's frameworks (cocoa.py), with real threads, signals and scheduler."""

from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bare_agent import tick
from cocoa import Cocoa, Exited
from desktop import wait_for
from surroundings import no_actions

from netwatch_tray import clock
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import TrayUnavailableError
from netwatch_tray.settings import Settings, TrayIcon
from netwatch_tray.tray import Notification
from netwatch_tray.tray.backends import choose, cocoa_names, menu_bar
from netwatch_tray.tray.backends.menu_bar import Icon
from netwatch_tray.tray.backends.pystray_api import Menu, MenuItem
from netwatch_tray.tray.icon import draw
from netwatch_tray.tray.presence import PATIENCE, Presence
from netwatch_tray.tray.presenter import Glyph

BACKENDS = Path(menu_bar.__file__).parent
NOTICE = Notification("key", 'Head "ing"', "first")


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> Cocoa:
    mac = Cocoa()
    mac.install(monkeypatch)
    return mac


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    scheduler = Scheduler()
    yield scheduler
    scheduler.close()


class Session:
    """Runs AppKit's loop on the main thread, as the agent does, and the user's actions in another thread."""

    def __init__(self, mac: Cocoa, scheduler: Scheduler) -> None:
        self.mac = mac
        self.scheduler = scheduler
        self.saved: list[threading.Thread] = []
        """Which thread has saved everything."""

    def run(self, loop: Callable[[Callable[[], None]], None], script: Callable[[], None]) -> None:
        failures: list[BaseException] = []

        def play() -> None:
            try:
                wait_for(lambda: self.mac.is_running, 60, "AppKit's loop runs")
                script()
            except BaseException as error:  # noqa: BLE001  raised again below
                failures.append(error)
            finally:
                self.scheduler.stop()

        player = threading.Thread(target=play)
        player.start()
        try:
            loop(lambda: self.saved.append(threading.current_thread()))
        finally:
            player.join(60)
        if failures:
            raise failures[0]

    def settle(self) -> None:
        """Wait until the scheduler and then the main thread have run what is pending."""
        done = threading.Event()
        self.scheduler.call_soon(done.set)
        assert done.wait(60)
        self.mac.do(lambda: None)


@pytest.fixture
def session(mac: Cocoa, scheduler: Scheduler) -> Session:
    return Session(mac, scheduler)


def make(menu: Menu, scheduler: Scheduler) -> Icon:
    picture = draw(Glyph("rates"), 44, "light")
    icon = Icon("n", (picture,), "tip", menu, program="NetWatch", scheduler=scheduler, on_lost=lambda _: None)
    icon.run_detached()
    return icon


def test_menu_bar_is_chosen_on_macos(mac: Cocoa) -> None:
    assert choose().name.startswith("menu bar")
    assert mac.item is None


def test_unsupported_system_raises_tray_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "freebsd14")
    with pytest.raises(TrayUnavailableError, match="freebsd14"):
        choose()


def test_item_is_complete_before_it_becomes_visible(session: Session) -> None:
    mac = session.mac
    icon = make(Menu(MenuItem("Quit", lambda: None)), session.scheduler)
    assert (mac.policy, mac.item.visible, mac.item.autosave) == (1, False, "io.netwatch.tray")

    def script() -> None:
        session.settle()
        button = mac.item.bar_button
        assert mac.item.visible
        assert (button.tooltip, button.label) == ("tip", "")
        first = button.picture
        session.scheduler.call_soon(
            lambda: icon.change(icon=(draw(Glyph("paused"), 44, "light"),), title="new tip", label="↓ 1 B/s")
        )
        session.settle()
        assert (button.tooltip, button.label) == ("new tip", "↓ 1 B/s")
        assert button.picture != first

    session.run(icon.run_loop, script)
    assert mac.item.is_removed


def test_click_activates_row_under_pointer_after_menu_changed(session: Session) -> None:
    """Four live rows become three while the menu is open; the row under the pointer must keep its action."""
    clicked: list[str] = []
    live = [MenuItem(f"row {n}", None) for n in range(4)]
    doctor = MenuItem("Doctor…", lambda: clicked.append("doctor"))
    leave = MenuItem("Quit", lambda: clicked.append("quit"))
    icon = make(Menu(*live, doctor, leave), session.scheduler)

    def script() -> None:
        mac = session.mac
        mac.do(mac.open_menu)
        session.settle()
        under_the_pointer = mac.item.menu.rows[4]
        session.scheduler.call_soon(lambda: setattr(icon, "menu", Menu(*live[:3], doctor, leave)))
        session.settle()
        mac.do(lambda: mac.click_on(under_the_pointer))
        session.settle()
        assert clicked == ["doctor"]
        mac.do(mac.open_menu)
        assert mac.texts == ["row 0", "row 1", "row 2", "Doctor…", "Quit"]
        mac.do(lambda: mac.click("Doctor…"))
        session.settle()
        assert clicked == ["doctor", "doctor"]

    session.run(icon.run_loop, script)


def test_open_menu_updates_in_place_and_closed_menu_reads_no_texts(session: Session) -> None:
    texts, is_on, asked = ["one"], [False], [0]

    def text(_: MenuItem) -> str:
        asked[0] += 1
        return texts[0]

    below = MenuItem("bits", lambda: None, checked=lambda _: is_on[0])
    icon = make(Menu(MenuItem(text, None), Menu.SEPARATOR, MenuItem("Units", Menu(below))), session.scheduler)
    asked[0] = 0

    def script() -> None:
        mac = session.mac
        for _ in range(10):
            session.scheduler.call_soon(icon.update_menu)
        session.settle()
        assert asked == [0]
        mac.do(mac.open_menu)
        assert mac.texts == ["one", "", "Units"]
        assert mac.marks()["bits"] == 0
        texts[0], is_on[0] = "two", True
        session.settle()
        session.scheduler.call_soon(icon.update_menu)
        session.settle()
        assert mac.texts == ["two", "", "Units"]
        assert mac.marks()["bits"] == 1
        mac.do(mac.close_menu)
        session.settle()
        texts[0] = "three"
        session.scheduler.call_soon(icon.update_menu)
        session.settle()
        assert mac.texts[0] == "two"

    session.run(icon.run_loop, script)


def test_texts_and_clicks_run_in_the_scheduler_thread_only(session: Session) -> None:
    threads: set[str] = set()

    def note(*_: object) -> str:
        threads.add(threading.current_thread().name)
        return "On"

    icon = make(Menu(MenuItem(note, note, checked=lambda _: bool(note()), default=True)), session.scheduler)
    threads.clear()

    def script() -> None:
        mac = session.mac
        mac.do(mac.open_menu)
        mac.do(lambda: mac.click("On"))
        mac.do(mac.reopen)
        session.settle()

    session.run(icon.run_loop, script)
    assert threads == {"scheduler"}


def test_menu_opens_while_agent_is_busy(session: Session) -> None:
    icon = make(Menu(MenuItem("Quit", lambda: None)), session.scheduler)

    def script() -> None:
        mac = session.mac
        mac.do(mac.open_menu)
        mac.do(mac.close_menu)
        free = threading.Event()

        def wait_until_free() -> None:
            free.wait()

        session.scheduler.call_soon(wait_until_free)
        mac.do(mac.open_menu)
        free.set()
        assert mac.texts == ["Quit"]

    session.run(icon.run_loop, script)


def test_reopening_the_application_opens_the_window(session: Session) -> None:
    opened: list[bool] = []
    rows = MenuItem("Other", lambda: None), MenuItem("Open", lambda: opened.append(True), default=True)
    icon = make(Menu(*rows), session.scheduler)

    def script() -> None:
        session.mac.do(session.mac.reopen)
        session.settle()
        assert opened == [True]

    session.run(icon.run_loop, script)


def test_logout_waits_until_all_data_are_saved(session: Session) -> None:
    icon = make(Menu(MenuItem("Quit", lambda: None)), session.scheduler)
    mac = session.mac

    def save() -> None:
        time.sleep(0.2)  # a disk
        assert not mac.exited, "the process ended before its data was written"
        session.saved.append(threading.current_thread())

    with pytest.raises(Exited):
        session.run(lambda _: icon.run_loop(save), lambda: mac.call_after(mac.terminate))
    assert [thread.name for thread in session.saved] == ["scheduler"]
    assert mac.exited


def test_error_while_saving_does_not_block_logout(session: Session, expected_logs: list[str]) -> None:
    expected_logs.append("Unexpected error at the end")
    icon = make(Menu(MenuItem("Quit", lambda: None)), session.scheduler)

    def fail() -> None:
        raise OSError("the disk is full")

    with pytest.raises(Exited):
        session.run(lambda _: icon.run_loop(fail), lambda: session.mac.call_after(session.mac.terminate))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("is_open", [True, False])
def test_signal_stops_agent_even_while_menu_is_open(session: Session, number: signal.Signals, *, is_open: bool) -> None:
    """Python's signal handler cannot run, because AppKit's loop is C code that waits for the next event."""
    before = signal.signal(number, lambda *_: None)
    try:
        icon = make(Menu(MenuItem("Quit", lambda: None)), session.scheduler)

        def script() -> None:
            if is_open:
                session.mac.do(session.mac.open_menu)
            os.kill(os.getpid(), number)
            wait_for(lambda: session.saved, 60, "the agent ends by itself")

        session.run(icon.run_loop, script)
    finally:
        signal.signal(number, before)
    assert [thread.name for thread in session.saved] == ["scheduler"]


def test_icon_hidden_by_macos_is_reported(session: Session) -> None:
    icon = make(Menu(MenuItem("Quit", lambda: None)), session.scheduler)

    def script() -> None:
        mac = session.mac
        session.settle()
        assert mac.item.visible, "NSStatusItem.isVisible is true, whatever is visible"
        assert not icon.is_shown
        assert "Menu Bar" in str(icon.state)
        mac.do(lambda: mac.show_or_hide(is_seen=True))
        session.settle()
        assert (icon.is_shown, str(icon.state)) == (True, "icon shown")
        mac.do(lambda: mac.show_or_hide(is_seen=False))
        session.settle()
        assert icon.is_shown, "a full-screen program covers the bar as well"
        assert "out of sight" in str(icon.state)

    session.run(icon.run_loop, script)


def test_visible_icon_is_reported_at_next_tick_without_notification(session: Session) -> None:
    icon = make(Menu(MenuItem("Quit", lambda: None)), session.scheduler)

    def script() -> None:
        mac = session.mac
        mac.observers.clear()
        mac.do(lambda: mac.show_or_hide(is_seen=True))
        session.settle()
        assert not icon.is_shown
        session.scheduler.call_soon(icon.change)
        session.settle()
        session.settle()
        assert icon.is_shown

    session.run(icon.run_loop, script)


def test_icon_with_open_menu_counts_as_shown(session: Session) -> None:
    icon = make(Menu(MenuItem("Quit", lambda: None)), session.scheduler)

    def script() -> None:
        session.mac.do(session.mac.open_menu)
        session.settle()
        assert icon.is_shown

    session.run(icon.run_loop, script)


def test_bundle_shows_its_own_notifications_once_an_hour(session: Session) -> None:
    mac = session.mac
    mac.bundle_identifier = "io.netwatch.tray"
    opened: list[str] = []
    menu = Menu(MenuItem("Open", lambda: opened.append(threading.current_thread().name), default=True))
    icon = make(menu, session.scheduler)

    def script() -> None:
        for text in ("first", "again"):
            session.scheduler.call_soon(lambda text=text: icon.notify_user(NOTICE._replace(text=text)))
        session.settle()
        session.settle()
        assert mac.notifications == {"key": ('Head "ing"', "first")}
        delegate = mac.center_delegate()
        done: list[bool] = []
        shown: list[int] = []
        delegate.userNotificationCenter_willPresentNotification_withCompletionHandler_(None, None, shown.append)
        assert shown == [24]
        delegate.userNotificationCenter_didReceiveNotificationResponse_withCompletionHandler_(
            None, None, lambda: done.append(True)
        )
        session.settle()
        assert (opened, done) == (["scheduler"], [True])

    session.run(icon.run_loop, script)


def test_no_notification_without_permission(session: Session) -> None:
    mac = session.mac
    mac.bundle_identifier, mac.allows_notifications = "io.netwatch.tray", False
    icon = make(Menu(MenuItem("Open", lambda: None)), session.scheduler)

    def script() -> None:
        session.scheduler.call_soon(lambda: icon.notify_user(NOTICE))
        session.settle()
        session.settle()
        assert mac.notifications == {}

    session.run(icon.run_loop, script)


@pytest.mark.parametrize("identifier", [None, "org.python.python"])
def test_program_outside_bundle_notifies_by_osascript(
    session: Session, monkeypatch: pytest.MonkeyPatch, identifier: str | None
) -> None:
    session.mac.bundle_identifier = identifier
    started: list[list[str]] = []
    monkeypatch.setattr(subprocess, "Popen", lambda words, **_: started.append(words))
    icon = make(Menu(MenuItem("Quit", lambda: None)), session.scheduler)

    def script() -> None:
        session.scheduler.call_soon(lambda: icon.notify_user(NOTICE))
        session.settle()

    session.run(icon.run_loop, script)
    assert [words[0] for words in started] == ["osascript"]
    assert [words[-3:] for words in started] == [["first", "NetWatch", 'Head "ing"']]


# The whole session


def presence(session: Session, settings: Settings, *, by_hand: bool = False, **actions: Callable[..., Any]) -> Presence:
    def no_other_icon() -> Any:
        raise AssertionError("there is no XEmbed on a Mac")

    return Presence(session.scheduler, no_actions(**actions), settings, no_other_icon, by_hand=by_hand)


def close_then(shown: Presence, at_end: Callable[[], object]) -> None:
    shown.close()
    at_end()


def of_way(way: Any) -> Settings:
    return Settings(tray=TrayIcon(way=way))


def test_whole_session_calls_appkit_on_main_thread_only(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session: start, 100 ticks with the menu open and closed, changed settings, sleep and wake, a notification,
    reopening, logout. The stand-in refuses every name that Apple does not have, and every call from another thread."""
    mac = session.mac
    mac.bundle_identifier = "io.netwatch.tray"
    now = [1000.0]
    monkeypatch.setattr(clock, "uptime", lambda: now[0])
    opened: list[bool] = []
    shown = presence(session, Settings(), open_window=lambda: opened.append(True))
    names = ("en0", "utun4", "en7", "bridge0")

    def script() -> None:
        mac.do(lambda: mac.show_or_hide(is_seen=True))
        for n in range(100):
            if n % 20 == 5:
                mac.do(mac.open_menu)
            if n % 20 == 15:
                mac.do(mac.close_menu)
            if n == 50:
                now[0] += 8 * 3600  # the Mac slept
            now[0] += 1
            rates = tick(float(n * 1000), float(n), names[: 1 + n // 30])
            session.scheduler.call_soon(lambda rates=rates: shown.show(rates))
            session.settle()
        for way in ("none", "auto", "none", "statusnotifier"):
            session.scheduler.call_soon(lambda way=way: shown.apply(of_way(way)))
            session.settle()
            assert mac.item.visible == (way != "none")
            assert mac.is_running, "a changed setting ended the agent"
            session.scheduler.call_soon(lambda: shown.show(tick(1.0, 1.0)))
        session.scheduler.call_soon(lambda: shown.notify(NOTICE))
        mac.do(mac.reopen)
        session.settle()
        session.settle()
        assert opened == [True]
        assert mac.notifications
        mac.call_after(mac.terminate)
        wait_for(lambda: mac.exited, 60, "the session ends")

    def save() -> None:
        shown.close()
        time.sleep(0.2)  # a disk
        assert not mac.exited, "the process ended before its data was written"
        session.saved.append(threading.current_thread())

    with pytest.raises(Exited):
        session.run(lambda _: shown.run(save), script)
    assert [thread.name for thread in session.saved] == ["scheduler"]
    appkit = {thread for thread, owner, _ in mac.calls if not owner.startswith("UN")}
    assert appkit == {mac.main}
    assert len(mac.calls) > 200


def test_icon_hidden_at_start_can_be_shown_later(session: Session) -> None:
    shown = presence(session, of_way("none"))

    def script() -> None:
        session.settle()
        assert not session.mac.item.visible
        assert str(shown.state) == "no icon: chosen in the settings"
        session.scheduler.call_soon(lambda: shown.apply(Settings()))
        session.settle()
        assert session.mac.item.visible

    session.run(lambda at_end: shown.run(lambda: close_then(shown, at_end)), script)


@pytest.mark.parametrize(("by_hand", "windows"), [(True, 1), (False, 0)])
def test_hidden_icon_opens_window_only_after_start_by_hand(
    session: Session, monkeypatch: pytest.MonkeyPatch, expected_logs: list[str], *, by_hand: bool, windows: int
) -> None:
    """At login the screen may be dark or locked."""
    expected_logs.append("No tray shows the icon")
    now = [1000.0]
    monkeypatch.setattr(clock, "uptime", lambda: now[0])
    opened: list[bool] = []
    shown = presence(session, Settings(), by_hand=by_hand, open_window=lambda: opened.append(True))

    def script() -> None:
        for _ in range(int(PATIENCE) + 5):
            now[0] += 1
            session.scheduler.call_soon(lambda: shown.show(tick(1.0, 1.0)))
            session.settle()
        assert "System Settings" in str(shown.no_tray)
        assert len(opened) == windows
        session.mac.do(lambda: session.mac.show_or_hide(is_seen=True))
        session.scheduler.call_soon(lambda: shown.show(tick(1.0, 1.0)))
        session.settle()
        assert shown.no_tray is None

    session.run(lambda at_end: shown.run(lambda: close_then(shown, at_end)), script)


# Names

_NOT_COCOA = {"call_soon"}


@pytest.mark.parametrize("module", ["app_kit", "user_notifications"])
def test_every_apple_name_in_the_code_is_in_the_table(module: str) -> None:
    """This includes lines that no test runs. Methods that Apple calls are in the table as well."""
    tree = ast.parse((BACKENDS / f"{module}.py").read_text("utf-8"))
    known = {cocoa_names.python_name(each) for names in cocoa_names.SELECTORS.values() for each in names}
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    selectors = {name for name in used if re.fullmatch(r"[a-z]+[A-Za-z_]*_", name)}
    assert selectors <= known
    constants = {name for name in used if re.match(r"(NS|UN)[A-Z]", name)}
    assert constants <= cocoa_names.CONSTANTS.keys() | cocoa_names.SELECTORS.keys()
    answered = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and re.fullmatch(r"[a-z]\w*_", node.name)
    }
    of_apple = {cocoa_names.python_name(each) for each in sum(cocoa_names.CALLED_BY_APPLE.values(), ())}
    assert answered <= of_apple | {"chosen_", "occlusionChanged_"}


def test_fake_appkit_refuses_unknown_names_and_other_threads(mac: Cocoa) -> None:
    application = mac.classes["NSApplication"].sharedApplication()
    with pytest.raises(AttributeError):
        application.setActivationPolicies_(1)
    with pytest.raises(TypeError):
        application.setActivationPolicy_()
    failed: list[BaseException] = []

    def elsewhere() -> None:
        try:
            application.setActivationPolicy_(1)
        except AssertionError as error:
            failed.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert failed
