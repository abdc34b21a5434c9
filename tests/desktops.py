"""Real desktops and bars for the tests of the tray, each private and without a screen: one small class for each.

A `Desktop` is a `Session` whose panel is started, killed and started again by `start_panel` and `kill_panel`. The
program's menu entry and icons are installed as a package installs them. By hand:

    PYTHONPATH=tests:. .venv/bin/python tests/desktops.py kde --dark --scale 2 FILE.png

Packages (Debian, without recommended ones) are in each class. KDE, GNOME and Cinnamon take 4 to 8 s to start.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import ClassVar, TypeVar

import psutil
from desktop import WATCHER, Session
from glyphs import Place, find_glyph
from jeepney import DBusErrorResponse
from PIL import Image, ImageChops, ImageStat
from wayland import WaylandSession
from Xlib.display import Display as XDisplay
from Xlib.error import BadWindow
from Xlib.X import AnyPropertyType, IsViewable
from Xlib.xobject.drawable import Window as XWindow

from netwatch_tray.tray.presenter import Glyph

T = TypeVar("T")
PROGRAM = [sys.executable, "-m", "netwatch_tray"]
_HOST = "org.kde.StatusNotifierHost-"
_LIBEXEC = (Path("/usr/libexec"), Path("/usr/lib/x86_64-linux-gnu/libexec"), Path("/usr/lib/aarch64-linux-gnu/libexec"))


_FROM_THE_END = {"Quit NetWatch": 1, "Settings…": 2, "More": 3, "Rates of": 4, "Pause": 5, "Open NetWatch": 6}
"""Places of rows in the menu."""


_MENUS = ("MENU", "POPUP_MENU", "DROPDOWN_MENU")
"""Kinds of windows, by the Extended Window Manager Hints."""


def _is_shown(window: XWindow) -> bool:
    with contextlib.suppress(BadWindow):
        return bool(window.get_attributes().map_state == IsViewable)
    return False


def _kinds(window: XWindow) -> Iterable[int]:
    """Return the atoms of the window's types."""
    with contextlib.suppress(BadWindow):
        found = window.get_full_property(window.display.get_atom("_NET_WM_WINDOW_TYPE"), AnyPropertyType)
        return found.value if found else ()
    return ()


def _libexec(*names: str) -> str:
    """Return the path of a program that is not on the PATH, or its name if it is not installed."""
    return next((str(place / name) for place in _LIBEXEC for name in names if (place / name).exists()), names[0])


class Desktop(Session):
    """Base class of the desktops; an X11 desktop unless a subclass overrides that."""

    name: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    """Debian's."""
    programs: ClassVar[tuple[str, ...]]
    """That must be there."""
    panel: ClassVar[str]
    """The process that shows the icon, by the name it is started under."""
    at_bottom: ClassVar[bool] = False
    panel_height: ClassVar[int]
    """In pixels at scale 1."""
    has_tooltip: ClassVar[bool] = True
    has_menu: ClassVar[bool] = True
    """The host draws our menu."""
    scales: ClassVar[tuple[int, ...]] = (1, 2)
    """That can be set without the settings daemon of the desktop."""
    shades: ClassVar[tuple[bool, ...]] = (False, True)
    """Light and dark, if its colours can be set."""
    menu_margin: ClassVar[int] = 2
    """Pixels between panel and menu; negative: it covers the panel."""
    doctor: ClassVar[str]
    """Part of what `doctor` reports of this tray."""
    variables: ClassVar[dict[str, str]] = {}

    def __init__(self, *, netns: str | None = None, scale: int = 1, dark: bool = False) -> None:
        self.scale, self.dark = scale, dark
        super().__init__(netns=netns, size="2560x1600" if scale == 2 else "1280x800")
        # What the bus starts, such as applets, is part of this desktop.
        shared = {name: value for name, value in self.environment.items() if name != "DBUS_SESSION_BUS_ADDRESS"}
        self.client.call_bus("UpdateActivationEnvironment", "a{ss}", (shared,))

    @classmethod
    def missing(cls) -> list[str]:
        """Return the programs that are not installed."""
        return [program for program in cls.programs if shutil.which(program) is None and not Path(program).exists()]

    def start_panel(self) -> None:
        """Start the program that shows the icon, and wait until it accepts icons."""
        raise NotImplementedError

    def kill_panel(self) -> None:
        """Kill the panel, without letting it clean up."""
        self.stop(self.panel, signal.SIGKILL)

    def install_program(self) -> None:
        """Install menu entry and icons as a package does."""
        done = subprocess.run(
            [*PROGRAM, "desktop", "install"], env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def strip(self) -> Image.Image:
        """Return a picture of the panel."""
        picture = self.screenshot()
        height = self.panel_height * self.scale
        top = picture.height - height if self.at_bottom else 0
        return picture.crop((0, top, picture.width, top + height))

    def find(self, glyph: Glyph) -> Place | None:
        """Return the place of a glyph on the screen, or None if the panel does not show it."""
        strip = self.strip()
        if (found := find_glyph(strip, glyph)) is None:
            return None
        return found._replace(y=found.y + (self.screenshot().height - strip.height if self.at_bottom else 0))

    def act_until(self, act: Callable[[], object], predicate: Callable[[], T | None], what: str) -> T:
        """Act, and return the first true result of `predicate`."""
        act()
        return self.wait_for(predicate, 15, what)

    menu_button: ClassVar[int] = 3

    def open_menu(self, place: Place) -> None:
        """Open the menu of the icon at this place, and wait until it is open."""
        self.click(*place.middle, button=self.menu_button)
        self.wait_for(self._has_menu_open, 15, "the menu is open")

    def open_window(self, place: Place) -> None:
        self.click(*place.middle)

    def close_menu(self) -> None:
        def is_closed() -> bool:
            self.key("Escape")
            time.sleep(0.1)  # a menu that is told twice closes once
            return not self._has_menu_open()

        self.wait_for(is_closed, 15, "the menu is closed")

    def open_submenu(self, label: str) -> None:
        """Open a submenu of the open menu."""
        self._walk_to(label, "Right")

    def choose(self, place: Place, label: str) -> None:
        """Choose a row of the icon's menu as a user does."""
        self.open_menu(place)
        self._walk_to(label, "Return")

    def _walk_to(self, label: str, then: str) -> None:
        """Move to a row of the open menu, and press the key `then`."""
        time.sleep(0.3)  # it takes the keyboard, which cannot be seen
        self.key(*["Up"] * _FROM_THE_END[label], then)

    def _has_menu_open(self) -> bool:
        """Return whether a menu is open, by the types of windows: a picture of the screen also changes
        with a tooltip."""
        display = XDisplay(self.environment["DISPLAY"])
        try:
            kinds = {display.intern_atom(f"_NET_WM_WINDOW_TYPE_{name}") for name in _MENUS}
            windows = display.screen().root.query_tree().children
            return any(_is_shown(window) and kinds & set(_kinds(window)) for window in windows)
        finally:
            display.close()

    def has_icon(self) -> bool:
        """Return whether a panel has registered for the icon, as far as the bus reports."""
        return bool(self.items())

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a subcommand of the program in this session."""
        command = [*self.prefix, *PROGRAM, *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=False)

    def _own_system_bus(self) -> None:
        """Start an empty system bus: the desktop requests logind and UPower, and must not reach those of
        the machine."""
        address = f"unix:path={self.directory}/run/system"
        self._start("system-bus", ["dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address={address}"])
        self.environment["DBUS_SYSTEM_BUS_ADDRESS"] = address
        self.wait_for((self.directory / "run" / "system").exists, 10, "the system bus listens")

    def _await(self, name: str, timeout: float = 60) -> None:
        self.wait_for(lambda: self.client.owner(name), timeout, f"{name} is on the bus")

    def _await_host(self, timeout: float = 60) -> None:
        def is_up() -> bool:
            return any(name.startswith(_HOST) for name in self.client.call_bus("ListNames")[0]) and self.has_host()

        self.wait_for(is_up, timeout, "a panel takes icons")

    def _gsettings(self, schema: str, key: str, value: str) -> None:
        self._run(["gsettings", "set", schema, key, value])

    def _make_environment(self) -> dict[str, str]:
        return {
            **super()._make_environment(),
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "XDG_DATA_DIRS": "/usr/local/share:/usr/share",
            "GSETTINGS_BACKEND": "dconf",
            **self.variables,
        }


class Kde(Desktop):
    """KDE Plasma 5 on X11: kded has the watcher, plasmashell is the host."""

    name = "kde"
    doctor = "KDE Plasma (kded5"
    panel_height = 44
    packages = (
        "plasma-workspace", "plasma-desktop", "kwin-x11", "kded5", "breeze", "breeze-icon-theme",
        "xdg-desktop-portal-kde",
    )  # fmt: skip
    programs = ("plasmashell", "kwin_x11", "kded5")
    panel = "plasmashell"
    at_bottom = True
    window_manager = ("kwin_x11",)
    variables: ClassVar[dict[str, str]] = {
        "XDG_CURRENT_DESKTOP": "KDE",
        "KDE_FULL_SESSION": "true",
        "KDE_SESSION_VERSION": "5",
        "DESKTOP_SESSION": "plasma",
        "XDG_CONFIG_DIRS": "/etc/xdg",
        "XDG_MENU_PREFIX": "plasma-",
        "QT_QUICK_BACKEND": "software",
        "XDG_SESSION_TYPE": "x11",
    }

    def start_panel(self) -> None:
        self._start("plasmashell", ["plasmashell", "--no-respawn"])
        self._await_host()

    def _start_screen(self, size: str) -> None:
        self._write_configuration()
        super()._start_screen(size)
        self._start("activities", [_libexec("kactivitymanagerd")])
        self._start("kded5", ["kded5"])
        self._await(WATCHER)

    def _write_configuration(self) -> None:
        scheme = "BreezeDark" if self.dark else "BreezeLight"
        look = "org.kde.breezedark.desktop" if self.dark else "org.kde.breeze.desktop"
        icons = "breeze-dark" if self.dark else "breeze"
        colours = Path(f"/usr/share/color-schemes/{scheme}.colors").read_text()
        colours = re.sub(r"(?ms)^\[General\]$.*?(?=^\[)", "", colours)
        files = {
            "kdeglobals": f"[General]\nColorScheme={scheme}\n[KDE]\nLookAndFeelPackage={look}\n[Icons]\nTheme={icons}\n"
            + colours,
            "plasmarc": f"[Theme]\nname={'breeze-dark' if self.dark else 'default'}\n",
            "kwinrc": "[Compositing]\nEnabled=false\n",
            "ksplashrc": "[KSplash]\nEngine=none\nTheme=None\n",
            "kded5rc": "[Module-baloosearchmodule]\nautoload=false\n",
        }
        for name, text in files.items():
            (Path(self.environment["XDG_CONFIG_HOME"]) / name).write_text(text)
        if self.scale != 1:
            self.environment |= {"PLASMA_USE_QT_SCALING": "1", "QT_SCALE_FACTOR": str(self.scale)}


class Gnome(Desktop):
    """GNOME Shell without a screen, on Wayland, with the AppIndicator extension. It is controlled by its
    method Eval."""

    name = "gnome"
    doctor = "GNOME Shell with an extension (gnome-shell"
    panel_height = 32
    packages = ("gnome-shell", "gnome-shell-extension-appindicator", "dconf-cli", "dconf-gsettings-backend")
    programs = ("gnome-shell", "gsettings", "/usr/share/gnome-shell/extensions/ubuntu-appindicators@ubuntu.com")
    panel = "shell"
    has_tooltip = False
    variables: ClassVar[dict[str, str]] = {
        "XDG_CURRENT_DESKTOP": "GNOME",
        "DESKTOP_SESSION": "gnome",
        "XDG_SESSION_TYPE": "wayland",
        "XDG_MENU_PREFIX": "gnome-",
        "WAYLAND_DISPLAY": "wayland-desk",
    }

    def start_panel(self) -> None:
        size = "2560x1600" if self.scale == 2 else "1280x800"
        argv = ["gnome-shell", "--headless", "--virtual-monitor", size, "--wayland", "--no-x11"]
        self._start("shell", [*argv, "--wayland-display", "wayland-desk", "--unsafe-mode"])
        self._await("org.gnome.Shell")
        self._await(WATCHER)
        # The shell opens it when it has started, which may be after it has answered.
        self.wait_for(lambda: self._eval("Main.overview.hide(); Main.overview.visible") == "false", 30, "no overview")
        if self.scale == 2:
            self._eval("global.backend.get_monitor_manager().ensure_configured?.(); 1")

    def screenshot(self, path: Path | None = None) -> Image.Image:
        file = self.directory / "screen.png"
        self.client.call(
            "org.gnome.Shell.Screenshot",
            "/org/gnome/Shell/Screenshot",
            "org.gnome.Shell.Screenshot",
            "Screenshot",
            "bbs",
            (False, False, str(file)),
        )
        with Image.open(file) as opened:
            picture = opened.convert("RGB")
        if path is not None:
            picture.save(path)
        return picture

    def move(self, x: int, y: int) -> None:
        self._eval(f"{self._pointer()} global._vp.notify_absolute_motion(t,{x},{y}); 1")

    def click(self, x: int, y: int, button: int = 1) -> None:
        self.move(x, y)
        self._press(button)

    def open_window(self, place: Place) -> None:
        self.move(*place.middle)
        self._press(1, times=2)

    def open_menu(self, place: Place) -> None:
        self.click(*place.middle)

    def close_menu(self) -> None:
        self._eval("for (const key of Object.keys(Main.panel.statusArea)) Main.panel.statusArea[key].menu?.close(0); 1")

    def open_submenu(self, label: str) -> None:
        self._click_text(label)

    def choose(self, place: Place, label: str) -> None:
        self.open_menu(place)
        self._click_text(label)

    def _click_text(self, label: str) -> None:
        """Click a text once it stands still."""

        def place() -> tuple[int, int] | None:
            before = self.texts().get(label)
            return before if before and before == self.texts().get(label) else None

        x, y = self.wait_for(place, 15, f"the row {label}")
        time.sleep(0.5)  # or it is part of a double click
        self.click(x + 10, y + 8)

    def texts(self) -> dict[str, tuple[int, int]]:
        """Return the texts on the screen and their positions."""
        code = (
            "let out={}; const w=a=>{ if(a.mapped&&a.text) { const p=a.get_transformed_position().map(Math.round);"
            " if(p.every(isFinite)) out[a.text]=p; }"
            " a.get_children().forEach(w) }; w(Main.layoutManager.uiGroup); out"
        )
        return {text: (x, y) for text, (x, y) in json.loads(self._eval(code) or "{}").items()}

    def windows(self, name: str) -> list[int]:
        code = "global.get_window_actors().map(a=>a.meta_window.title||'')"
        titles = json.loads(self._eval(code) or "[]")
        return [index for index, title in enumerate(titles) if re.search(name, title)]

    def _press(self, button: int, times: int = 1) -> None:
        """Press a button by Clutter's number: 1 left, 2 middle, 3 right. Several presses are 100 ms apart on any
        machine."""
        state = "Clutter.ButtonState"
        presses = "".join(
            f" global._vp.notify_button(t+{at},{button},{state}.PRESSED);"
            f" global._vp.notify_button(t+{at + 1000},{button},{state}.RELEASED);"
            for at in range(0, times * 100_000, 100_000)
        )
        self._eval(f"{self._pointer()}{presses} 1")

    @staticmethod
    def _pointer() -> str:
        return (
            "const Clutter=imports.gi.Clutter; global._vp ??= Clutter.get_default_backend().get_default_seat()"
            ".create_virtual_device(Clutter.InputDeviceType.POINTER_DEVICE);"
            " const t=imports.gi.GLib.get_monotonic_time();"
        )

    def _eval(self, code: str) -> str:
        """Run code in the shell. Return its result as JSON, empty if it could not be run."""
        try:
            done, result = self.client.call(
                "org.gnome.Shell", "/org/gnome/Shell", "org.gnome.Shell", "Eval", "s", (code,)
            )
        except (DBusErrorResponse, TimeoutError):
            return ""
        return str(result) if done else ""

    def _start_screen(self, _size: str) -> None:
        """Start the shell, which is both display and panel."""
        self._own_system_bus()
        interface = "org.gnome.desktop.interface"
        self._gsettings("org.gnome.shell", "enabled-extensions", "['ubuntu-appindicators@ubuntu.com']")
        self._gsettings("org.gnome.shell", "disable-user-extensions", "false")
        self._gsettings("org.gnome.shell", "welcome-dialog-last-shown-version", "999")
        self._gsettings(interface, "enable-animations", "false")
        self._gsettings(interface, "color-scheme", "prefer-dark" if self.dark else "default")
        if self.scale == 2:
            self._gsettings(interface, "scaling-factor", "2")


class Cinnamon(Desktop):
    """Cinnamon with XApp's watcher, which passes the icon on to Cinnamon's applet."""

    name = "cinnamon"
    scales = (1,)
    doctor = "(xapp-sn-watcher"
    panel_height = 40
    packages = ("cinnamon", "xapp-sn-watcher")
    programs = ("cinnamon", "/usr/libexec/xapps/sn-watcher/xapp-sn-watcher")
    panel = "cinnamon"
    at_bottom = True
    variables: ClassVar[dict[str, str]] = {
        "XDG_CURRENT_DESKTOP": "X-Cinnamon",
        "DESKTOP_SESSION": "cinnamon",
        "CINNAMON_SLOWDOWN_FACTOR": "0.01",
        "XDG_SESSION_TYPE": "x11",
    }

    def start_panel(self) -> None:
        self._start("cinnamon", ["cinnamon", "--replace"])
        self._await("org.Cinnamon")
        self._await(WATCHER)  # Cinnamon starts it

        def is_up() -> bool:
            return any(name.startswith("org.x.StatusIconMonitor.") for name in self.client.call_bus("ListNames")[0])

        self.wait_for(is_up, 60, "the panel takes icons")

    def open_menu(self, place: Place) -> None:
        def click() -> None:
            if not self._has_menu_open():  # another click closes it
                self.click(*place.middle, button=self.menu_button)

        self.act_until(click, self._stays_open, "the menu is open")

    def _stays_open(self) -> bool:
        """Return whether the menu is drawn and was not taken away again, as GTK does without the pointer."""
        for _ in range(2):
            if not self._has_menu_open() or self._last_row() is None:
                return False
            time.sleep(0.3)
        return True

    def act_until(self, act: Callable[[], object], predicate: Callable[[], T | None], what: str) -> T:
        """Act, and act again after five seconds without the wanted result, as a user does.

        GTK, in XApp's watcher, opens no menu while Cinnamon holds the pointer, and the menu gets no key before it has
        grabbed the keyboard (both seen on a busy machine).
        """
        next_try = 0.0

        def result() -> T | None:
            nonlocal next_try
            if found := predicate():
                return found
            if time.monotonic() >= next_try:
                act()
                next_try = time.monotonic() + 5
            return None

        return self.wait_for(result, 15, what)

    def _walk_to(self, label: str, then: str) -> None:
        plain = self.wait_for(self._last_row, 15, "the menu is drawn")

        def is_row_chosen() -> bool:
            row = self._last_row()
            left, _, right, _ = (row and ImageChops.difference(plain, row).getbbox()) or (0, 0, 0, 0)
            return right - left > 0.8 * plain.width

        self.act_until(lambda: self.key("End"), is_row_chosen, "the last row is chosen")
        self.key(*["Up"] * (_FROM_THE_END[label] - 1), then)

    def _last_row(self) -> Image.Image | None:
        """Return a picture of a part of the menu's last row, above the panel at the right; None until it is drawn."""
        picture = self.screenshot()
        bottom = picture.height - self.panel_height
        row = picture.crop((picture.width - 200, bottom - 24, picture.width - 20, bottom - 8))
        return row if min(ImageStat.Stat(row.convert("L")).mean) > 60 else None

    def _start_screen(self, size: str) -> None:
        (Path(self.environment["XDG_CONFIG_HOME"]) / "autostart").mkdir()
        self._own_system_bus()
        self._start_display(size)


class Mate(Desktop):
    """MATE's panel, whose notification area accepts StatusNotifier items."""

    name = "mate"
    doctor = "MATE panel ("
    panel_height = 24
    packages: ClassVar[tuple[str, ...]] = ("mate-panel", "mate-settings-daemon", "marco")
    programs: ClassVar[tuple[str, ...]] = ("mate-panel", "marco", "gsettings")
    panel = "mate-panel"
    window_manager = ("marco", "--no-composite")
    takes_items: ClassVar[str] = "true"
    applet: ClassVar[str] = "NotificationAreaAppletFactory::NotificationArea"
    variables: ClassVar[dict[str, str]] = {
        "XDG_CURRENT_DESKTOP": "MATE",
        "DESKTOP_SESSION": "mate",
        "XDG_SESSION_TYPE": "x11",
    }

    def start_panel(self) -> None:
        self._start("mate-panel", ["mate-panel"])
        self._await_host()

    def kill_panel(self) -> None:
        """Kill the panel and its applets, which are separate processes."""
        applets = psutil.Process(self.pid("mate-panel")).children(recursive=True)
        super().kill_panel()
        for process in [*applets, *self._applets()]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def _applets(self) -> Iterator[psutil.Process]:
        """Yield the processes of the applets; the bus starts them."""
        for process in psutil.Process(self.pid("bus")).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if "applet" in process.name() or "mate-" in process.name():
                    yield process

    def _start_screen(self, size: str) -> None:
        self._gsettings("org.mate.panel", "enable-sni-support", self.takes_items)
        top, tray = "/org/mate/panel/toplevels/top/", "/org/mate/panel/objects/tray/"
        self._gsettings(f"org.mate.panel.toplevel:{top}", "size", str(self.panel_height))
        for key, value in (
            ("object-type", "applet"),
            ("applet-iid", self.applet),
            ("toplevel-id", "top"),
            ("position", "40"),
            ("panel-right-stick", "true"),
        ):
            self._gsettings(f"org.mate.panel.object:{tray}", key, value)
        self._gsettings("org.mate.panel", "toplevel-id-list", "['top']")
        self._gsettings("org.mate.panel", "object-id-list", "['tray']")
        self._gsettings("org.mate.interface", "gtk-theme", "Adwaita-dark" if self.dark else "Adwaita")
        if self.scale == 2:
            self._gsettings("org.mate.interface", "window-scaling-factor", "2")
        super()._start_screen(size)
        # Without it GTK shows no picture beside the text of a button.
        self._start("settings", [_libexec("mate-settings-daemon")])
        self._await("org.mate.SettingsDaemon")


class MateIndicator(Mate):
    """MATE's panel with the applet of Ayatana's indicators. A click opens the menu there."""

    name = "mate-indicator"
    doctor = "Ayatana indicators ("
    packages = (*Mate.packages, "mate-indicator-applet", "ayatana-indicator-application")
    _SERVICE = "/usr/libexec/ayatana-indicator-application/ayatana-indicator-application-service"
    programs = (*Mate.programs, _SERVICE)
    has_tooltip = False
    menu_button = 1
    takes_items = "false"
    applet = "IndicatorAppletCompleteFactory::IndicatorAppletComplete"

    def start_panel(self) -> None:
        self._start("ayatana", [self._SERVICE])
        self._start("mate-panel", ["mate-panel"])
        self._await(WATCHER)

    def open_window(self, place: Place) -> None:
        """Open the window by the menu, because a click opens the menu."""
        self.choose(place, "Open NetWatch")

    def kill_panel(self) -> None:
        self.stop("ayatana", signal.SIGKILL)
        super().kill_panel()


class I3bar(Desktop):
    """i3 with its own bar: an XEmbed tray."""

    name = "i3bar"
    doctor = "there is one; used when"
    panel_height = 20
    packages: ClassVar[tuple[str, ...]] = ("i3-wm",)
    programs: ClassVar[tuple[str, ...]] = ("i3", "i3bar")
    panel = "i3bar"
    variables: ClassVar[dict[str, str]] = {"XDG_CURRENT_DESKTOP": "i3", "XDG_SESSION_TYPE": "x11"}
    _BAR = (
        # i3 would start the bar by itself: what is started here can be killed here.
        "bar {{\n    i3bar_command true\n    id top\n    position top\n    font pango:DejaVu Sans {size}\n"
        '    status_command "while :; do echo .; sleep 60; done"\n'
        "    colors {{ background {background} }}\n}}\n"
    )

    def start_panel(self) -> None:
        self._start("i3bar", ["i3bar", "--bar_id=top"])
        self.wait_for(self.has_xembed_host, 30, "the bar has a tray")

    def has_icon(self) -> bool:
        status = self.agent_status()
        return status is not None and "icon shown" in str(status.tray)

    def _start_screen(self, size: str) -> None:
        background = "#222222" if self.dark else "#f0f0f0"
        configuration = self.directory / "i3"
        configuration.write_text(
            "# i3 config file (v4)\nfont pango:DejaVu Sans 9\n"
            + self._BAR.format(background=background, size=10 * self.scale)
        )
        self.window_manager = ("i3", "-c", str(configuration))
        super()._start_screen(size)


class Polybar(I3bar):
    """polybar, whose tray is an XEmbed tray, with i3 as window manager."""

    name = "polybar"
    panel_height = 28
    packages = ("polybar", "i3-wm")
    programs = ("polybar", "i3")
    menu_margin = -14
    panel = "polybar"

    def start_panel(self) -> None:
        height = self.panel_height * self.scale
        colours = ("#222222", "#eeeeee") if self.dark else ("#f0f0f0", "#222222")
        configuration = self.directory / "polybar.ini"
        configuration.write_text(
            f"[bar/top]\nwidth = 100%\nheight = {height}\nbackground = {colours[0]}\nforeground = {colours[1]}\n"
            "modules-left = date\ntray-position = right\nfont-0 = DejaVu Sans:size=10\n"
            f"tray-maxsize = {22 * self.scale}\n"
            "[module/date]\ntype = internal/date\ndate = %H\n"
        )
        self._start("polybar", ["polybar", "-c", str(configuration), "top"])
        self.wait_for(self.has_xembed_host, 30, "the bar has a tray")


class Swaybar(WaylandSession, Desktop):
    """sway's own bar. It draws no menus."""

    name = "swaybar"
    panel_height = 24
    doctor = "swaybar (swaybar"
    packages = ("sway", "grim")
    programs = ("sway", "swaybar", "grim", "swaymsg")
    panel = "swaybar"
    has_menu = False
    has_tooltip = False
    variables: ClassVar[dict[str, str]] = {"XDG_CURRENT_DESKTOP": "sway"}

    def __init__(self, *, netns: str | None = None, scale: int = 1, dark: bool = False) -> None:
        self.scale, self.dark = scale, dark
        colours = ("#222222", "#eeeeee") if dark else ("#f0f0f0", "#222222")
        # sway would start the bar by itself: what is started here can be killed here.
        bar = (
            f"bar top {{\n    swaybar_command true\n    position top\n    height {self.panel_height}\n"
            f"    tray_output *\n    font pango:DejaVu Sans 10\n"
            f"    colors {{\n        background {colours[0]}\n        statusline {colours[1]}\n    }}\n}}\n"
        )
        super().__init__(netns=netns, scale=scale, dark=dark, sway=f"output HEADLESS-1 scale {scale}\n{bar}")

    def start_panel(self) -> None:
        self._start("swaybar", ["swaybar", "-b", "top", "-s", self.environment["SWAYSOCK"]])
        self._await_host()

    def close_menu(self) -> None:
        pass


class Xfce(Desktop):
    """Xfce's panel, on the session bus."""

    name = "xfce"
    doctor = "Xfce panel ("
    panel_height = 32
    packages = ("xfce4-panel",)
    programs = ("xfce4-panel", "openbox")
    panel = "xfce"
    variables: ClassVar[dict[str, str]] = {"XDG_CURRENT_DESKTOP": "XFCE", "XDG_SESSION_TYPE": "x11"}

    def start_panel(self) -> None:
        self.environment |= {"GDK_SCALE": str(self.scale), "GTK_THEME": "Adwaita:dark" if self.dark else "Adwaita"}
        self.start_host("xfce")


class Lxqt(Desktop):
    """LXQt's panel, on the session bus."""

    name = "lxqt"
    doctor = "LXQt panel ("
    panel_height = 32
    packages = ("lxqt-panel", "lxqt-themes")
    programs = ("lxqt-panel", "openbox")
    panel = "lxqt"
    variables: ClassVar[dict[str, str]] = {"XDG_CURRENT_DESKTOP": "LXQt", "XDG_SESSION_TYPE": "x11"}

    def start_panel(self) -> None:
        self.environment["QT_SCALE_FACTOR"] = str(self.scale)
        theme = Path(self.environment["XDG_CONFIG_HOME"]) / "lxqt" / "lxqt.conf"
        theme.write_text(f"[General]\ntheme={'dark' if self.dark else 'light'}\n")
        self.start_host("lxqt")


class Waybar(WaylandSession, Desktop):
    """sway with waybar, on the session bus."""

    name = "waybar"
    doctor = "waybar ("
    panel_height = 32
    packages = ("sway", "waybar", "grim")
    programs = ("sway", "waybar", "grim", "swaymsg")
    panel = "waybar"
    variables: ClassVar[dict[str, str]] = {"XDG_CURRENT_DESKTOP": "sway"}

    def __init__(self, *, netns: str | None = None, scale: int = 1, dark: bool = False) -> None:
        self.scale, self.dark = scale, dark
        self.colours = ("#202020", "#ffffff") if dark else ("#f0f0f0", "#222222")
        super().__init__(netns=netns, scale=scale, dark=dark, sway=f"output HEADLESS-1 scale {scale}\n")

    def start_panel(self) -> None:
        self.start_host("waybar")

    def open_menu(self, place: Place) -> None:
        self.move(600, 12)  # sway draws the pointer, which counts as a menu further down
        self._without_menu = self.screenshot()
        super().open_menu(place)

    def open_submenu(self, label: str) -> None:
        """Open a submenu by its position, because there is no keyboard. GTK's rows are 25 pixels high, and the last
        ends 7 pixels above the end of the shadow."""
        self.click(50, self._menu_box()[3] - 7 - 25 * _FROM_THE_END[label] + 12)

    def choose(self, _place: Place, label: str) -> None:
        """Choose a row over the bus, as waybar does: above a live window it cannot be detected whether the menu is
        open."""
        self.pick(label)

    def _has_menu_open(self) -> bool:
        _, top, _, bottom = self._menu_box()
        return bottom - top > 100

    def _menu_box(self) -> tuple[int, int, int, int]:
        """Return the part of the screen that has changed since the menu was opened."""
        return ImageChops.difference(self._without_menu, self.screenshot()).getbbox() or (0, 0, 0, 0)

    def close_menu(self) -> None:
        def is_closed() -> bool:
            self.click(600, 12)
            time.sleep(0.1)
            return not self._has_menu_open()

        self.wait_for(is_closed, 15, "the menu is closed")


class Trayer(I3bar):
    """A program that is only an XEmbed tray, in the corner of a screen without a panel."""

    name = "trayer"
    panel_height = 32
    packages = ("trayer",)
    programs = ("trayer", "openbox")
    panel = "trayer"
    scales = (1,)
    shades = (False,)
    menu_margin = -16
    window_manager = ("openbox",)
    variables: ClassVar[dict[str, str]] = {"XDG_SESSION_TYPE": "x11"}

    def start_panel(self) -> None:
        place = f"--edge top --align left --widthtype pixel --width 300 --height {self.panel_height * self.scale}"
        self._start("trayer", ["trayer", *place.split()])
        self.wait_for(self.has_xembed_host, 30, "the tray takes icons")

    def strip(self) -> Image.Image:
        strip = super().strip()
        return strip.crop((0, 0, 300, strip.height))

    def _start_screen(self, size: str) -> None:
        Desktop._start_screen(self, size)


class Tint2(I3bar):
    """tint2 as the tray of openbox."""

    name = "tint2"
    panel_height = 32
    packages = ("tint2", "openbox")
    programs = ("tint2", "openbox")
    panel = "tint2"
    window_manager = ("openbox",)
    variables: ClassVar[dict[str, str]] = {"XDG_SESSION_TYPE": "x11"}

    def start_panel(self) -> None:
        configuration = self.directory / "tint2rc"
        configuration.write_text(
            "panel_items = S\npanel_position = top left horizontal\n"
            f"panel_size = 100% {self.panel_height * self.scale}\nsystray_icon_size = {22 * self.scale}\n"
            f"systray_padding = 4 4 4\nbackground_color = {'#202020' if self.dark else '#f0f0f0'} 100\n"
            "panel_background_id = 1\nwm_menu = 0\n"
        )
        self._start("tint2", ["tint2", "-c", str(configuration)])
        self.wait_for(self.has_xembed_host, 30, "the panel has a tray")

    def _start_screen(self, size: str) -> None:
        Desktop._start_screen(self, size)


DESKTOPS: dict[str, type[Desktop]] = {
    each.name: each
    for each in (
        Kde,
        Gnome,
        Cinnamon,
        Mate,
        MateIndicator,
        Xfce,
        Lxqt,
        I3bar,
        Polybar,
        Swaybar,
        Waybar,
        Trayer,
        Tint2,
    )
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=DESKTOPS)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("--netns")
    parser.add_argument("picture", type=Path)
    options = parser.parse_args()
    with DESKTOPS[options.name](scale=options.scale, dark=options.dark, netns=options.netns) as desktop:
        desktop.install_program()
        desktop.start_panel()
        desktop.spawn("agent", [*PROGRAM, "agent"])
        desktop.wait_for(desktop.has_icon, 30, "the icon registers")
        place = desktop.wait_for(lambda: desktop.find(Glyph("rates")) or desktop.find(Glyph("rates", 1, 1)), 20, "seen")
        status = desktop.agent_status()
        print(place, status and status.tray)
        desktop.screenshot(options.picture)


if __name__ == "__main__":
    main()
