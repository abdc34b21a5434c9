"""The icon on a real bus: it registers, is read, signals changes, is clicked, and survives restarts."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from bare_agent import tick
from desktop import ITEM, MENU, PATIENCE, WATCHER, BusClient, Session, wait_for
from jeepney import DBusAddress, DBusErrorResponse, new_signal
from surroundings import Loop, Watcher, no_actions

from netwatch_tray import desktop_files
from netwatch_tray.errors import TrayUnavailableError
from netwatch_tray.settings import Settings
from netwatch_tray.tray import Tray, open_tray
from netwatch_tray.tray.backends import registration
from netwatch_tray.tray.backends.pystray_api import Menu, MenuItem
from netwatch_tray.tray.backends.status_notifier import Icon
from netwatch_tray.tray.icon import draw
from netwatch_tray.tray.picture import Picture
from netwatch_tray.tray.presenter import Glyph

ITEM_PATH, MENU_PATH = "/StatusNotifierItem", "/MenuBar"


class Shown:
    """A tray in a loop, with the actions that were called, and a client that reads the item as a panel does."""

    def __init__(self, bus: Session, loop: Loop) -> None:
        self.asked: list[str] = []
        self.loop = loop
        actions = no_actions(open_window=partial(self.asked.append, "open"), quit=lambda: self.asked.append("quit"))
        self.tray: Tray = loop.do(lambda: open_tray(loop.scheduler, actions, Settings()))
        self.client = BusClient(bus.environment["DBUS_SESSION_BUS_ADDRESS"])
        self.name = ""

    def show(self, rx_rate: float | None, tx_rate: float | None = 0.0, **more: Any) -> None:
        self.loop.do(lambda: self.tray.show(tick(rx_rate, tx_rate, **more)))

    def ticks_until(self, rate: float, condition: Callable[[], bool]) -> None:
        """Show the same tick repeatedly until the condition holds: signals that wait for hosts to read are sent with
        later ticks."""

        def tick_and_ask() -> bool:
            self.show(rate)
            return condition()

        wait_for(tick_and_ask, 5, "the change is signalled")

    def registers(self, watcher: Watcher) -> None:
        self.name = watcher.registered.get(timeout=PATIENCE)
        wait_for(lambda: str(self.tray.state) == "icon shown", 5, "the icon knows its host")

    def get(self, name: str) -> Any:
        return self.client.property(self.name, ITEM_PATH, ITEM, name)

    def call(self, member: str, signature: str = "", body: tuple[Any, ...] = ()) -> Any:
        return self.client.call(self.name, ITEM_PATH, ITEM, member, signature, body)

    def call_menu(self, member: str, signature: str, body: tuple[Any, ...]) -> Any:
        return self.client.call(self.name, MENU_PATH, MENU, member, signature, body)

    def rows(self) -> list[tuple[int, dict[str, Any]]]:
        layout = self.call_menu("GetLayout", "iias", (0, -1, []))[1]
        return [(child[0], {name: value for name, (_, value) in child[1].items()}) for _, child in layout[2]]

    def signals(self, path: str, interface: str) -> AbstractContextManager[Callable[[], list[tuple[str, Any]]]]:
        return self.client.signals(self.name, path, interface)

    def click(self, label: str) -> None:
        node_id = next(node_id for node_id, properties in self.rows() if properties.get("label") == label)
        self.call_menu("Event", "isvu", (node_id, "clicked", ("s", ""), 0))


@pytest.fixture(autouse=True)
def _session(bus: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.environment["DBUS_SESSION_BUS_ADDRESS"])


@pytest.fixture
def shown(bus: Session, loop: Loop) -> Iterator[Shown]:
    shown = Shown(bus, loop)
    yield shown
    loop.do(shown.tray.close)
    shown.client.close()


def test_icon_registers_and_its_properties_are_readable(watcher: Watcher, shown: Shown) -> None:
    shown.registers(watcher)
    assert shown.name.startswith(":"), "a well-known name may be met before it is registered"
    shown.show(12.4e6, 840e3)
    everything = shown.client.properties(shown.name, ITEM_PATH, ITEM)
    assert everything["Id"] == "netwatch-tray"
    assert everything["Title"] == "NetWatch"
    assert everything["ToolTip"] == ("", [], "↓ 12.4 MB/s  ↑ 840 kB/s", "eth0 only")
    assert everything["XAyatanaLabel"] == "↓ 12.4 MB/s ↑ \u2007840 kB/s"
    assert (everything["Status"], everything["ItemIsMenu"], everything["Menu"]) == ("Active", False, MENU_PATH)
    for size, (width, height, data) in zip((16, 22, 24, 32, 44), everything["IconPixmap"], strict=True):
        assert (width, height, len(data)) == (size, size, 4 * size * size)
        pixels = draw(Glyph("rates", 3, 2), size, "unknown").rgba()
        middle = 4 * (size // 2 * size + size // 4)
        assert pixels[middle + 3] == 255
        assert data[middle : middle + 4] == pixels[middle + 3 : middle + 4] + pixels[middle : middle + 3]
    for name, value in everything.items():
        assert shown.get(name) == value


def test_change_is_signalled_once_until_read(watcher: Watcher, shown: Shown) -> None:
    shown.registers(watcher)
    shown.client.properties(shown.name, ITEM_PATH, ITEM)
    with shown.signals(ITEM_PATH, ITEM) as signals:

        def after_labels(count: int) -> list[str]:
            """Names of the signals, once so many labels have arrived: hosts take the label from the signal."""
            wait_for(lambda: [name for name, _ in signals()].count("XAyatanaNewLabel") >= count, 5, f"{count} labels")
            return [name for name, _ in signals()]

        for rate in (1.0, 2.0, 3.0):
            shown.show(rate)
        told = after_labels(3)
        assert told.count("NewToolTip") == 1
        assert "NewIcon" not in told, "the icon looks as before"
        assert shown.get("ToolTip")[2].startswith("↓ 3 B/s")
        shown.show(4.0)
        shown.show(5.0)
        assert after_labels(5).count("NewToolTip") == 2
        shown.ticks_until(5e6, lambda: "NewIcon" in [name for name, _ in signals()])
        assert shown.get("ToolTip")[2].startswith("↓ 5.00 MB/s")
        assert "NewTitle" not in {name for name, _ in signals()}
    assert [body for name, body in signals() if name == "XAyatanaNewLabel"][-1][
        0
    ] == "↓ 5.00 MB/s ↑ \u2007\u2007\u20070 B/s\u2007"


def test_host_that_reads_all_properties_gets_one_signal(watcher: Watcher, shown: Shown) -> None:
    shown.registers(watcher)
    shown.client.properties(shown.name, ITEM_PATH, ITEM)
    with shown.signals(ITEM_PATH, ITEM) as signals:

        def told() -> list[str]:
            return [name for name, _ in signals() if name != "XAyatanaNewLabel"]

        for rate in (5e6, 1.0, 5e6):
            shown.show(rate)  # icon and tooltip are others
            wait_for(lambda: told() != [], 5, "the change is signalled")
            assert len(told()) == 1
            shown.client.properties(shown.name, ITEM_PATH, ITEM)
            assert len(told()) == 1
            signals().clear()
        shown.show(1.0)
        wait_for(lambda: told() != [], 5, "the change is signalled")
        assert told() == ["NewIcon"]
        shown.get("IconPixmap")
        wait_for(lambda: len(told()) > 1, 5, "the next change is signalled")
        assert told() == ["NewIcon", "NewToolTip"]


def test_icon_names_exist_in_the_icon_theme(watcher: Watcher, shown: Shown) -> None:
    shown.registers(watcher)
    shown.client.properties(shown.name, ITEM_PATH, ITEM)
    theme = Path(shown.get("IconThemePath"))
    with shown.signals(ITEM_PATH, ITEM) as signals:
        for rate, steps in ((5e6, "3_0"), (1.0, "0_0"), (5e3, "1_0")):  # each is told, although nobody reads the pixels
            shown.ticks_until(rate, lambda: "NewIcon" in [name for name, _ in signals()])
            name = shown.get("IconName")
            assert name == f"netwatch_tray_rates_{steps}-symbolic"
            assert (theme / "hicolor" / "22x22" / "apps" / f"{name}.svg").is_file()
            signals().clear()


def test_picture_outside_icon_theme_has_no_name(watcher: Watcher, bus: Session, loop: Loop) -> None:
    picture = Picture(22, b"\xff\xff\0\0" * 22 * 22)
    icon = loop.do(lambda: Icon("t", (picture,), "t", program="T", scheduler=loop.scheduler, on_lost=lambda _: None))
    loop.do(icon.run_detached)
    name = watcher.registered.get(timeout=PATIENCE)
    assert bus.client.property(name, ITEM_PATH, ITEM, "IconName") == ""
    loop.do(icon.stop)


def test_unchanged_look_sends_no_signals(watcher: Watcher, shown: Shown) -> None:
    shown.registers(watcher)
    shown.show(5000.0)
    shown.client.properties(shown.name, ITEM_PATH, ITEM)
    shown.call_menu("AboutToShow", "i", (0,))
    with shown.signals(ITEM_PATH, ITEM) as of_item, shown.signals(MENU_PATH, MENU) as of_menu:
        for _ in range(5):
            shown.show(5000.0001)
        assert (of_item(), of_menu()) == ([], [])


def test_markup_characters_are_replaced(watcher: Watcher, shown: Shown) -> None:
    shown.registers(watcher)
    shown.show(1.0, names=("<b>&_",))
    assert shown.get("ToolTip")[3] == "‹b›+_ only"
    assert shown.rows()[1][1]["label"].rstrip("\u2007") == "<b>&__ only", (
        "menus take text, where an underscore is a mnemonic"
    )


def test_menu_rows_are_live_while_menu_may_be_open(watcher: Watcher, shown: Shown) -> None:
    shown.registers(watcher)
    shown.show(1000.0)
    shown.call_menu("AboutToShow", "i", (0,))
    rows = shown.rows()
    labels = [str(row.get("label", row.get("type"))).replace("\u2007", "").rstrip() for _, row in rows]
    assert labels == [
        "↓ 1.00 kB/s  ↑ 0 B/s",
        "eth0 only",
        "wlan0   ↓ 0 B/s  ↑ 0 B/s",
        "Busiest apps",
        "separator",
        "Open NetWatch",
        "Pause",
        "Rates of",
        "More",
        "Settings…",
        "Quit NetWatch",
    ]
    assert all(row.get("enabled", True) for _, row in rows), "some panels draw disabled rows too pale to be read"
    with shown.signals(MENU_PATH, MENU) as signals:
        shown.show(2000.0)
        ((name, (updated, removed)),) = signals()
    assert (name, removed) == ("ItemsPropertiesUpdated", [])
    label = "↓ 2.00 kB/s  ↑ \u2007\u2007\u20070 B/s\u2007".ljust(len(rows[0][1]["label"]), "\u2007")
    assert updated == [(rows[0][0], {"label": ("s", label)})]


def test_host_calls_and_menu_clicks_run_their_actions(watcher: Watcher, shown: Shown) -> None:
    shown.registers(watcher)
    assert shown.call("Activate", "ii", (5, 5)) == ()
    wait_for(lambda: shown.asked == ["open"], 5, "a click opens the window")
    shown.click("Open NetWatch")
    shown.click("Quit NetWatch")
    wait_for(lambda: shown.asked == ["open", "open", "quit"], 5, "menu clicks are heard")
    assert shown.call("ContextMenu", "ii", (5, 5)) == ()
    wait_for(lambda: shown.asked[3:] == ["open"], 5, "a host that cannot draw the menu gets the window")
    for member, signature, body in (
        ("SecondaryActivate", "ii", (1, 1)),
        ("Scroll", "is", (120, "vertical")),
        ("ProvideXdgActivationToken", "s", ("token-7",)),
    ):
        assert shown.call(member, signature, body) == ()
    assert shown.tray.activation_token == "token-7"  # noqa: S105  not a password
    with pytest.raises(DBusErrorResponse, match="UnknownMethod"):
        shown.call("Explode")
    assert len(shown.asked) == 4


def test_icon_returns_after_watcher_restart(bus: Session, shown: Shown) -> None:
    assert str(shown.tray.state) == "waiting for a tray: none is on the session bus"
    address = bus.environment["DBUS_SESSION_BUS_ADDRESS"]
    first = Watcher(address, has_host=False)
    name = shown.name = first.registered.get(timeout=PATIENCE)
    wait_for(lambda: str(shown.tray.state) == "waiting for a panel to show the icon", 5, "the watcher is seen")
    first.announce_host()
    wait_for(lambda: str(shown.tray.state) == "icon shown", 5, "the host is seen")
    first.close()
    wait_for(lambda: str(shown.tray.state).startswith("waiting for a tray"), 5, "the loss is seen")
    with shown.signals(ITEM_PATH, ITEM) as signals:
        shown.show(77e6)
        assert signals() == [], "nobody listens, nothing is sent"
    second = Watcher(address)
    shown.name = second.registered.get(timeout=PATIENCE)
    assert shown.name == name
    wait_for(lambda: str(shown.tray.state) == "icon shown", 5, "the icon is back")
    assert shown.get("ToolTip")[2].startswith("↓ 77.0 MB/s")
    assert second.registered.empty(), "registered once"
    second.close()


def test_visible_sets_status_as_in_pystray(watcher: Watcher, bus: Session, loop: Loop) -> None:
    def make() -> Icon:
        picture = draw(Glyph("rates"), 22, "dark")
        menu = Menu(MenuItem("one", lambda: None))
        icon = Icon("test", (picture,), "hello", menu, program="Test", scheduler=loop.scheduler, on_lost=lambda _: None)
        icon.run_detached()
        return icon

    icon = loop.do(make)
    name = watcher.registered.get(timeout=PATIENCE)
    client = bus.client
    assert client.property(name, ITEM_PATH, ITEM, "ToolTip")[2] == "hello"
    with client.signals(name, ITEM_PATH, ITEM) as signals:
        for is_visible, status in ((False, "Passive"), (True, "Active")):
            loop.do(lambda is_visible=is_visible: setattr(icon, "visible", is_visible))
            assert client.property(name, ITEM_PATH, ITEM, "Status") == status
            assert signals().pop() == ("NewStatus", (status,))
    loop.do(lambda: setattr(icon, "menu", Menu(MenuItem("other", lambda: None))))
    layout = client.call(name, MENU_PATH, MENU, "GetLayout", "iias", (0, -1, []))[1]
    assert [child[1]["label"] for _, child in layout[2]] == [("s", "other")]
    loop.do(icon.stop)
    wait_for(lambda: client.owner(name) is None, 5, "the connection is closed")


def test_run_blocks_until_stopped(watcher: Watcher, bus: Session, loop: Loop) -> None:
    """The icon runs like that of any pystray program: in its own loop, ended by `stop` in an action of the menu."""
    code = (
        "from netwatch_tray.engine.scheduler import Scheduler\n"
        "from netwatch_tray.tray.backends.pystray_api import Menu, MenuItem\n"
        "from netwatch_tray.tray.backends.status_notifier import Icon\n"
        "from netwatch_tray.tray.icon import draw\n"
        "from netwatch_tray.tray.presenter import Glyph\n"
        "menu = Menu(MenuItem('Quit', lambda icon: icon.stop(), default=True))\n"
        "Icon('t', (draw(Glyph('rates'), 22, 'dark'),), 't', menu, program='T', scheduler=Scheduler(), "
        "on_lost=print).run()\n"
    )
    bus.spawn("program", [sys.executable, "-c", code], {"PYTHONPATH": os.pathsep.join(sys.path)})
    name = watcher.registered.get(timeout=PATIENCE)
    assert bus.is_running("program")
    bus.client.call(name, ITEM_PATH, ITEM, "Activate", "ii", (0, 0))
    assert bus.wait_exit("program") == 0
    assert loop.do(lambda: "unused") == "unused"


def test_wheel_and_middle_button_call_their_handlers(watcher: Watcher, shown: Shown) -> None:
    shown.registers(watcher)
    icon = shown.tray._icon
    assert isinstance(icon, Icon)
    icon.on_middle_click, icon.on_scroll = partial(shown.asked.append, "middle"), lambda n: shown.asked.append(str(n))
    shown.call("SecondaryActivate", "ii", (1, 1))
    for delta, orientation in ((120, "vertical"), (-240, "Vertical"), (120, "horizontal"), (0, "vertical")):
        shown.call("Scroll", "is", (delta, orientation))
    wait_for(lambda: shown.asked == ["middle", "1", "-1"], 5, "all of it")


def test_new_colour_scheme_announces_the_icon_and_new_contrast_does_not(watcher: Watcher, shown: Shown) -> None:
    """Plasma draws an icon in its previous colour until another one is announced."""
    shown.registers(watcher)
    shown.client.properties(shown.name, ITEM_PATH, ITEM)
    portal = DBusAddress("/org/freedesktop/portal/desktop", interface="org.freedesktop.portal.Settings")

    def change(namespace: str, key: str, value: int) -> None:
        shown.client.connection.send(new_signal(portal, "SettingChanged", "ssv", (namespace, key, ("u", value))))

    with shown.signals(ITEM_PATH, ITEM) as signals:
        for value in (1, 2):
            change("org.freedesktop.appearance", "contrast", value)
            change("org.freedesktop.appearance", "color-scheme", value)
            wait_for(lambda: signals() != [], 30, "the icon is announced")
            shown.get("IconName")
            assert [name for name, _ in signals()] == ["NewIcon"]
            signals().clear()


def test_item_has_accessible_names(watcher: Watcher, shown: Shown) -> None:
    """GNOME's extension reads these properties with each change of the icon, and logs an error if they are missing."""
    shown.registers(watcher)
    assert shown.get("IconAccessibleDesc") == shown.get("AttentionAccessibleDesc") == "NetWatch"


@pytest.mark.parametrize("is_installed", [True, False])
def test_xapp_gets_icon_names_only_with_installed_theme(
    bus: Session, loop: Loop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_installed: bool
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(registration, "process_name", lambda _: "xapp-sn-watcher")
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "none"))
    if is_installed:
        desktop_files.install()
    watcher = Watcher(bus.environment["DBUS_SESSION_BUS_ADDRESS"])
    shown = Shown(bus, loop)
    shown.registers(watcher)
    assert shown.get("IconThemePath") == ""
    for _ in range(2):
        assert shown.get("IconName") == ("netwatch_tray_rates_0_0-symbolic" if is_installed else "")
        assert len(shown.get("IconPixmap")) == 5
        shown.show(1.0)
    loop.do(shown.tray.close)
    shown.client.close()
    watcher.close()


def test_icon_returns_after_bus_restart(bus: Session, shown: Shown, expected_logs: list[str]) -> None:
    # Noticed by whichever comes first: the end of the stream, or a signal that cannot be written.
    expected_logs.append("The tray icon was lost: the session bus")
    address = bus.environment["DBUS_SESSION_BUS_ADDRESS"]
    first = Watcher(address)
    shown.registers(first)
    bus.stop("bus", signal.SIGKILL)
    wait_for(lambda: "trying again" in str(shown.tray.state), 5, "the loss is seen")
    first.close()
    shown.show(1e6)  # measuring goes on
    bus.start_bus()
    second = Watcher(address)
    name = second.registered.get(timeout=PATIENCE)
    wait_for(lambda: str(shown.tray.state) == "icon shown", 5, "the icon is back")
    client = BusClient(address)
    assert client.property(name, ITEM_PATH, ITEM, "ToolTip")[2].startswith("↓ 1.00 MB/s")
    client.close()
    second.close()


def test_missing_bus_at_start_raises_tray_unavailable(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path / 'none'}")
    with pytest.raises(TrayUnavailableError, match=r"so only an older \(XEmbed\) tray can show the icon"):
        loop.do(lambda: open_tray(loop.scheduler, no_actions(), Settings()))


def test_bus_that_never_responds_raises_tray_unavailable_after_about_a_second(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "mute"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={path}")
        begin = time.monotonic()
        with pytest.raises(TrayUnavailableError, match="timed out"):
            loop.do(lambda: open_tray(loop.scheduler, no_actions(), Settings()), timeout=PATIENCE)
        assert 0.9 < time.monotonic() - begin < PATIENCE


def test_frozen_bus_neither_blocks_agent_nor_costs_memory(bus: Session, watcher: Watcher, shown: Shown) -> None:
    shown.registers(watcher)
    shown.client.properties(shown.name, ITEM_PATH, ITEM)
    shown.call_menu("AboutToShow", "i", (0,))
    bus_pid = bus.pid("bus")
    os.kill(bus_pid, signal.SIGSTOP)
    try:
        for count in range(500):  # fills what the kernel keeps for a slow reader
            shown.show(1e3 * 3 ** (count % 12) + count, float(count))
        icon = shown.tray._icon
        assert isinstance(icon, Icon)
        assert not icon._bus.is_drained, "the bus should be behind by now"
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        begin = time.monotonic()
        for count in range(200):
            shown.show(1e3 * 3 ** (count % 12) + count, float(count))
        took = time.monotonic() - begin
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    finally:
        os.kill(bus_pid, signal.SIGCONT)
    assert took < PATIENCE, "each update would have to wait for the bus"
    assert after - before < 300_000
    wait_for(lambda: shown.get("ToolTip")[2].endswith("↑ 199 B/s"), 10, "the last state is sent when the bus continues")
    assert str(shown.tray.state) == "icon shown"


def test_close_is_idempotent_and_show_after_close_is_ignored(watcher: Watcher, shown: Shown) -> None:
    shown.registers(watcher)
    shown.loop.do(shown.tray.close)
    shown.loop.do(shown.tray.close)
    shown.show(1.0)
    assert str(shown.tray.state) == "closed"
    wait_for(lambda: shown.client.owner(shown.name) is None, 5, "the connection is closed")
    assert shown.client.owner(WATCHER) is not None
