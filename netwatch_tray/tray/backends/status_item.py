"""The D-Bus object that panels read and call: org.kde.StatusNotifierItem.

The item is defined by the StatusNotifierItem specification (freedesktop.org). Panels that show such items ("hosts")
read its properties and call its methods. `status_notifier` is the icon that the object belongs to.

Hosts respond to each signal by reading properties, some of them all of them. So a signal that a property is stale is
sent once, and not again before a host has read it. None is sent when nothing has changed, when there is no watcher, or
while the bus has not taken the messages before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from netwatch_tray import clock, desktop_files, paths
from netwatch_tray.dbus.marshalling import followed_by, marshal
from netwatch_tray.dbus.messages import Signal
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.text import printable_lines
from netwatch_tray.tray.backends.bus import Bus
from netwatch_tray.tray.backends.bus_objects import Interface, Method
from netwatch_tray.tray.backends.registration import XAPP, Registration
from netwatch_tray.tray.picture import Picture

ITEM = "org.kde.StatusNotifierItem"
ITEM_PATH = "/StatusNotifierItem"
MENU_PATH = "/MenuBar"

_PIXMAPS = "a(iiay)"

_SIGNALS = {
    **dict.fromkeys(("NewTitle", "NewIcon", "NewAttentionIcon", "NewOverlayIcon", "NewToolTip"), ""),
    "NewStatus": "s",
    "XAyatanaNewLabel": "ss",
}
"""The signals of the specification, with their D-Bus signatures. Not all are ever sent."""
_LABEL_SIGNAL = "XAyatanaNewLabel"
"""The signal that carries the text beside the icon. It is sent at each change, because panels take the text from the
signal and read no property."""
_SENT = {name: Signal(ITEM_PATH, ITEM, name, signature) for name, signature in _SIGNALS.items()}
"""The signals, ready to be sent."""
_TOOLTIP = f"(s{_PIXMAPS}ss)"
_TOOLTIP_START = marshal(f"sg(s{_PIXMAPS})", ("ToolTip", _TOOLTIP, ("", [])))
"""The property ToolTip, marshalled up to its two texts, which follow."""
_LABEL_START = marshal("sg", ("XAyatanaLabel", "s"))
"""The property XAyatanaLabel, marshalled up to its text."""
_SIGNAL_OF = {"IconName": "NewIcon", "IconPixmap": "NewIcon", "ToolTip": "NewToolTip"}
"""For each property, the signal that makes panels read it again."""
_PICTURE = (None, "IconName", "IconPixmap")
"""Properties that a program reads only if it draws the icon; None stands for reading all properties."""
_READ_WITHIN = 0.1
"""Seconds after a signal within which panels read the properties that they need."""


class Receiver(Protocol):
    """The icon as StatusItem sees it: what is called when the user clicks or scrolls."""

    activation_token: str | None
    on_middle_click: Callable[[], None]
    on_scroll: Callable[[int], None]

    def __call__(self) -> None:
        """Run the action of a left click."""


class StatusItem:
    """The exported object: properties, methods and signals of the icon. Use it in the scheduler's thread only."""

    def __init__(
        self,
        name: str,
        program: str,
        tooltip: str,
        icon: Receiver,
        *,
        scheduler: Scheduler,
        bus: Bus,
        registration: Registration,
        is_sandboxed: bool,
    ) -> None:
        """`program`: the name that screen readers speak. `is_sandboxed`: panels cannot read files of this program."""
        self._icon = icon
        self._scheduler = scheduler
        self._bus = bus
        self._registration = registration
        self._label = self._guide = ""
        self._picture_name, self._picture_name_entry = "", b""
        """The name of the picture, and the property IconName with it, marshalled."""
        self._pending: dict[str, None] = {}
        """Names of the signals to send, in this order (the values are unused). They are held back until a change is
        complete, the panels have read the previous one, and the bus has accepted all messages."""
        self._is_changing = False
        self._unread: set[str] = set()
        """Signals that were sent, but whose property no panel has read since."""
        self._announced_at = -_READ_WITHIN
        """Time (boot-time clock) of the last signal that a property changed; for _READ_WITHIN seconds panels may be
        about to read it."""
        self._theme = "" if is_sandboxed else str(paths.assets() / "tray")
        """Directory of this program's icon theme; empty if panels cannot read it."""
        self._has_names = bool(self._theme)
        """Whether the panel can find the pictures by their names in that theme."""
        self.interface = Interface(
            ITEM,
            {
                "Activate": Method("ii", "", self._activate),
                "SecondaryActivate": Method("ii", "", self._secondary_activate),
                # Called by hosts that cannot draw the menu (swaybar): the window offers all that it does.
                "ContextMenu": Method("ii", "", self._activate),
                "Scroll": Method("is", "", self._scroll),
                "ProvideXdgActivationToken": Method("s", "", self._keep_activation_token),
            },
            {
                "Category": ("s", "SystemServices"),
                "Id": ("s", name),
                "Title": ("s", program),
                "Status": ("s", "Active"),
                "WindowId": ("i", 0),
                "IconName": ("s", ""),
                "IconThemePath": ("s", self._theme),
                "IconPixmap": (_PIXMAPS, []),
                "OverlayIconName": ("s", ""),
                "OverlayIconPixmap": (_PIXMAPS, []),
                "AttentionIconName": ("s", ""),
                "AttentionIconPixmap": (_PIXMAPS, []),
                "AttentionMovieName": ("s", ""),
                "ToolTip": (_TOOLTIP, _tooltip(tooltip)),
                "ItemIsMenu": ("b", False),
                "Menu": ("o", MENU_PATH),
                "XAyatanaLabel": ("s", ""),
                "XAyatanaLabelGuide": ("s", ""),
                "XAyatanaOrderingIndex": ("u", 0),
                "IconAccessibleDesc": ("s", program),
                "AttentionAccessibleDesc": ("s", program),
            },
            _SIGNALS,
            self._on_read,
        )

    @property
    def label(self) -> str:
        """Return the text beside the icon, on panels that show one."""
        return self._label

    @label.setter
    def label(self, value: str) -> None:
        if value != self._label:
            if len(value) != len(self._guide):  # else it is as wide
                self._guide = value
                self.interface.set("XAyatanaLabelGuide", value)
            self._label = value
            self.interface.set("XAyatanaLabel", value, followed_by(_LABEL_START, value))
            self._announce(_LABEL_SIGNAL)

    def change(self, *, picture: Sequence[Picture] | None, tooltip: str | None, label: str | None) -> None:
        """Set the given values, and notify the panels of all of them together. Without any, send a signal that was held
        back."""
        self._is_changing = True
        try:
            if picture is not None:
                self.set_picture(picture)
            if tooltip is not None:
                self.set_tooltip(tooltip)
            if label is not None:
                self.label = label
        finally:
            self._is_changing = False
            self.send_next()

    def set_picture(self, sizes: Sequence[Picture]) -> None:
        """Set the picture, given in several sizes."""
        first = sizes[0]
        if first.prepared is None:  # the properties, marshalled, and the value of one
            pixels = [(picture.size, picture.size, picture.argb) for picture in sizes]
            entries = self.interface.entry_of("IconPixmap", pixels), self.interface.entry_of("IconName", first.name)
            first.prepared = pixels, *entries
        pixels, entry, name_entry = first.prepared
        self._picture_name, self._picture_name_entry = first.name, name_entry
        if self.interface.set("IconPixmap", pixels, entry):
            # Hosts prefer the name to the pixels, and some show nothing if they find no icon with that name.
            self._update_name()
            self._announce("NewIcon")

    def set_tooltip(self, text: str) -> None:
        """Set the tooltip; the first line is the heading."""
        tooltip = _tooltip(text)
        if self.interface.set("ToolTip", tooltip, followed_by(_TOOLTIP_START, *tooltip[2:])):
            self._announce("NewToolTip")

    def set_status(self, status: str) -> None:
        """Show the item ("Active") or hide it ("Passive")."""
        if self.interface.set("Status", status) and self._registration.has_watcher:
            self._bus.emit((_SENT["NewStatus"], marshal("s", (status,))))

    def announce_picture(self) -> None:
        """Make panels read the picture again, although it is the same."""
        self._announce("NewIcon")

    def prepare_registration(self) -> None:
        """Set the properties that depend on the watcher. Called before each registration."""
        self._pending.clear()  # hosts read all properties of a new item
        self._unread.clear()
        # XApp's watcher passes on the path of a file, which its panels take for a name in their theme.
        is_xapp = self._registration.process == XAPP
        self.interface.set("IconThemePath", "" if is_xapp else self._theme)
        self._has_names = bool(self._theme) and (not is_xapp or desktop_files.find().place is not None)
        self._update_name()

    def send_next(self) -> None:
        """Send the first pending signal only: many panels respond by reading all properties, and then need no other
        signal. If no panel reads, the next signal is sent at the next change or tick."""
        if not (self._pending and self._registration.has_watcher and self._bus.is_drained):
            return
        signals = []
        if _LABEL_SIGNAL in self._pending:
            del self._pending[_LABEL_SIGNAL]
            signals.append((_SENT[_LABEL_SIGNAL], followed_by(b"", self._label, self._guide)))
        if self._pending and clock.boottime() - self._announced_at >= _READ_WITHIN:
            signal = next(iter(self._pending))
            del self._pending[signal]
            self._unread.add(signal)
            signals.append((_SENT[signal], b""))
            self._announced_at = clock.boottime()
        if signals:
            self._bus.emit(*signals)

    def _announce(self, signal: str) -> None:
        if signal not in self._unread:
            self._pending[signal] = None
            if not self._is_changing:
                self.send_next()

    def _update_name(self) -> None:
        if self._has_names:
            self.interface.set("IconName", self._picture_name, self._picture_name_entry or None)
        else:
            self.interface.set("IconName", "")

    def _on_read(self, name: str | None) -> None:
        if name in _PICTURE:
            self._registration.on_read(self._bus.caller)
        if name is None:
            for signal in _SIGNAL_OF.values():
                self._pending.pop(signal, None)
            self._unread.clear()
        elif (read := _SIGNAL_OF.get(name)) in self._unread:
            self._unread.discard(read)
        else:
            return
        self._announced_at = -_READ_WITHIN
        self.send_next()

    # Methods that hosts call. The action is run after the host has its response.

    def _activate(self, _x: int, _y: int) -> tuple[()]:
        self._scheduler.call_soon(self._icon)
        return ()

    def _secondary_activate(self, _x: int, _y: int) -> tuple[()]:
        self._scheduler.call_soon(self._icon.on_middle_click)
        return ()

    def _scroll(self, delta: int, orientation: str) -> tuple[()]:
        if orientation.lower() == "vertical" and delta:
            self._scheduler.call_soon(partial(self._icon.on_scroll, 1 if delta > 0 else -1))
        return ()

    def _keep_activation_token(self, token: str) -> tuple[()]:
        self._icon.activation_token = token
        return ()


def _tooltip(text: str) -> tuple[Any, ...]:
    """Return the value of the property ToolTip. Only some panels parse it as markup, so `&`, `<` and `>` are replaced
    by similar characters."""
    heading, _, rest = (
        printable_lines(text).replace("&", "+").replace("<", "\u2039").replace(">", "\u203a").partition("\n")
    )
    return "", [], heading, rest
