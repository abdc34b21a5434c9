"""Keeps the icon registered with the tray of the session bus, and reports whether it is really shown.

A StatusNotifierItem is shown when two conditions hold. The watcher (org.kde.StatusNotifierWatcher) lists the item in
RegisteredStatusNotifierItems, and a host, the panel that draws the items, is running. Neither follows from a successful
RegisterStatusNotifierItem:

- Watchers refuse, drop and forget items. So the list is read after each registration, when the watcher reports a change
  of our item, and once a minute. An item that is not listed is registered again, with back-off.
- GNOME's extension finds items by itself when it starts, and shows no icon for an item that is registered twice (seen
  with version 46). So the list is read before each registration, too, and an answer is awaited.
- waybar's host misses an item that is registered after the host has read the list and before the host is registered
  itself; the watcher lists the item all the same (seen with version 0.9.17). So a host is awaited before the first
  registration, for a while.
- IsStatusNotifierHostRegistered stays true after the host was killed (kded of KDE) or is a constant (GNOME, XApp). So
  a host counts only while its own name is on the bus. A watcher whose process reads our icon draws it itself (GNOME
  Shell, Ayatana's indicators); XApp's watcher reads it as well, but only for monitors, which have names.
- A monitor of XApp that starts while the watcher already shows an item may add the watcher twice, once from the list of
  names and once upon the signal that the name has an owner. It then draws the item of the copy that it has dropped,
  which never changes again (libxapp 2.4.2, Cinnamon 5.6: 3 of 53 starts on a busy machine). So an item is
  registered with XApp's watcher once the monitor has been running for a while, and one that was registered before is
  registered again from a new connection: the protocol has no other way to remove an item.

The item is registered under the unique name of the connection. A well-known name would be known to hosts before it is
registered; GNOME's extension then loses the item (seen with version 46).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from netwatch_tray.dbus.connection import BUS
from netwatch_tray.engine.scheduler import Timer
from netwatch_tray.errors import Message, message
from netwatch_tray.tray.backends.bus import OnReply

WATCHER = "org.kde.StatusNotifierWatcher"
_PATH = "/StatusNotifierWatcher"
_MONITOR = "org.x.StatusIconMonitor."
HOSTS = ("org.kde.StatusNotifierHost-", _MONITOR)
"""Prefixes of the bus names that hosts own. XApp's monitors are the hosts of XApp's watcher."""
_NAMESPACES = ("org.kde", "org.x")
"""Namespaces of these names, for match rules of the bus (`arg0namespace`)."""
XAPP = "xapp-sn-watcher"
"""Process name of XApp's watcher, which Cinnamon and the XApp applets of MATE and Xfce use."""

_FIRST_RETRY, _LAST_RETRY = 0.5, 60.0
"""Seconds until an item that the watcher does not list is registered again: the first time, and at most."""
_WITHOUT_HOST = 3.0
"""Seconds to wait for a host; after that the item is registered although the watcher reports none."""
_MONITOR_STARTS = 3.0
"""Seconds that a new monitor of XApp needs until it knows all watchers."""
_UNANSWERED = 15.0
"""Seconds until a registration that got no response is repeated. A desktop shell that starts may respond late."""
_MOST_READERS = 16
"""Number of programs reading the icon whose PID is requested from the bus, to find out whether one is the watcher's."""
_VERIFY = 60.0
"""Seconds between two checks whether the watcher still lists the item, if the watcher reports no change."""


class Calls(Protocol):
    """The methods of `Bus` that are used here."""

    unique_name: str

    def call(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: tuple[Any, ...] = (),
        on_reply: OnReply | None = None,
    ) -> None: ...

    def call_bus(self, member: str, signature: str, body: tuple[Any, ...], on_reply: OnReply | None = None) -> None: ...


class Timers(Protocol):
    """The methods of `Scheduler` that are used here."""

    def after(self, delay: float, callback: Callable[[], None]) -> Timer: ...
    def every(self, period: float, callback: Callable[[], None]) -> Timer: ...


class _Hosts:
    """Finds out whether a host (a panel that draws icons) is running, without the watcher's own property, which is
    unreliable. Use it in the scheduler's thread only."""

    def __init__(self, bus: Calls, *, is_sandboxed: bool) -> None:
        self._bus = bus
        self._is_sandboxed = is_sandboxed
        self._names: set[str] = set()
        """Bus names of the running hosts."""
        self._watcher = ""
        """The unique name of the watcher; empty if there is none."""
        self._pid = 0
        self._process = ""
        """Name of the watcher's process; empty if unknown. `_pid` is 0 then."""
        self._is_read = False
        """Whether the watcher's process (in a sandbox: any process) has read the icon, so that it draws the icon
        itself."""
        self._readers: set[str] = set()
        """Unique names of the other programs that have read the icon since this watcher started."""

    @property
    def is_running(self) -> bool:
        return bool(self._names) or (self._is_read and self._process != XAPP)

    def start(self) -> None:
        """Request the names on the bus, to find the hosts that are running already."""
        self._bus.call_bus("ListNames", "", (), self._on_names)

    def set_owner(self, name: str, owner: str) -> None:
        """Record that a host's name has a new owner; an empty owner means that the host has exited."""
        (self._names.add if owner else self._names.discard)(name)

    def set_watcher(self, watcher: str) -> None:
        """Record that there is another watcher, which has read nothing yet. Empty: there is none."""
        self._watcher, self._pid, self._process, self._is_read = watcher, 0, "", False
        self._readers.clear()

    def set_process(self, pid: int, process: str) -> None:
        """Record PID and name of the watcher's process."""
        self._pid, self._process = pid, process

    def on_read(self, sender: str) -> None:
        """Record that the program with this unique name has read the icon. It may be the watcher's process under
        another name, so its PID is requested."""
        if self._is_read or not (sender and self._watcher):
            return
        if self._is_sandboxed or sender == self._watcher:
            self._is_read = True
        elif sender not in self._readers and len(self._readers) < _MOST_READERS:
            self._readers.add(sender)
            answered = partial(self._on_reader, self._watcher)
            self._bus.call_bus("GetConnectionUnixProcessID", "s", (sender,), answered)

    def _on_names(self, answer: tuple[Any, ...] | None, _sender: str) -> None:
        self._names = {name for name in answer[0] if name.startswith(HOSTS)} if answer else set()

    def _on_reader(self, watcher: str, answer: tuple[Any, ...] | None, _sender: str) -> None:
        if watcher == self._watcher and answer and self._pid:
            self._is_read |= answer[0] == self._pid


class Registration:
    """Keeps the icon registered with the watcher. The owner of this object passes it the signals of the bus, and the
    names of the programs that read the icon. Use it in the scheduler's thread only."""

    def __init__(
        self,
        bus: Calls,
        timers: Timers,
        *,
        is_sandboxed: bool,
        on_register: Callable[[], None],
        on_stale: Callable[[], None],
    ) -> None:
        """`is_sandboxed`: bus names of other programs are not visible, so every reader of the icon counts as a host.

        `on_register`: called before each registration, when `process` is that of the watcher. `on_stale`: called when a
        panel may show an icon that never changes; only a registration from a new connection repairs that.
        """
        self._bus = bus
        self._timers = timers
        self._on_register = on_register
        self._on_stale = on_stale
        self._hosts = _Hosts(bus, is_sandboxed=is_sandboxed)
        self.on_read = self._hosts.on_read
        """Records that the program with this unique name has read the icon."""
        self.is_answered = False
        """Whether the bus has reported if there is a watcher."""
        self._watcher = ""
        """The unique name of the watcher; empty if there is none."""
        self.has_watcher = False
        """Whether there is a watcher."""
        self.process = ""
        """Name of the watcher's process; empty if there is none, or it cannot be read."""
        self._awaits_host = False
        """Whether the item is to be registered as soon as the watcher reports a host."""
        self._registers = False
        """Whether the item is to be registered once the watcher's list arrives, if it is not in that list."""
        self._is_accepted: bool | None = None
        """Whether the watcher accepted the last registration; None before its first response."""
        self._is_sent = False
        """Whether this watcher was sent a registration."""
        self._is_stale = False
        """Whether the item was registered before a monitor of XApp started, which may then never update the icon."""
        self._monitor_starts: Timer | None = None
        """Runs while a new monitor of XApp starts; None otherwise."""
        self._is_listed = False
        self._has_host = False
        """Whether the watcher reports a host."""
        self._retry: Timer | None = None
        self._retry_delay = _FIRST_RETRY
        self._verification: Timer | None = None

    @property
    def is_shown(self) -> bool:
        """Return whether the icon is drawn and updated, as far as can be detected: the watcher lists it, and a host is
        running."""
        return self._is_listed and self._has_host and self._hosts.is_running and not self._is_stale

    @property
    def state(self) -> Message:
        """Return in words whether the icon is registered and shown, for `status` and `doctor`."""
        if not self._watcher:
            return message("waiting for a tray: none is on the session bus")
        if not self._is_listed:
            refused = self._is_accepted is False
            return message("the tray refuses the icon; trying again") if refused else message("registering the icon")
        return message("icon shown") if self.is_shown else message("waiting for a panel to show the icon")

    def start(self) -> None:
        # The bus and the watcher each signal on an interface of their own name.
        owners = [(BUS, f"member='NameOwnerChanged',arg0namespace='{namespace}'") for namespace in _NAMESPACES]
        for sender, rest in (*owners, (WATCHER, f"path='{_PATH}'")):
            rule = f"type='signal',sender='{sender}',interface='{sender}',{rest}"
            self._bus.call_bus("AddMatch", "s", (rule,))
        self._hosts.start()
        self._bus.call_bus("GetNameOwner", "s", (WATCHER,), self._on_watcher)
        self._verification = self._timers.every(_VERIFY, self._verify)

    def close(self) -> None:
        """Cancel the timers. The bus removes the item when the connection is closed."""
        for timer in (self._retry, self._verification, self._monitor_starts):
            if timer is not None:
                timer.cancel()
        self._set_watcher("")

    def on_signal(self, sender: str, member: str, body: tuple[Any, ...]) -> None:
        """Handle a signal of the bus or of a watcher; others are ignored."""
        match member, body:
            case "NameOwnerChanged", (str(name), _, str(owner)) if sender == BUS:
                self._on_owner(name, owner)
            case "StatusNotifierItemRegistered" | "StatusNotifierItemUnregistered", (str(item),):
                if sender == self._watcher and self._is_ours(item):
                    self._is_listed &= member == "StatusNotifierItemRegistered"
                    self._read_list()
            case "StatusNotifierHostRegistered" | "StatusNotifierHostUnregistered", _ if sender == self._watcher:
                self._read_host()

    def _on_watcher(self, answer: tuple[Any, ...] | None, _sender: str) -> None:
        self.is_answered = True
        self._set_watcher(answer[0] if answer else "")

    def _on_owner(self, name: str, owner: str) -> None:
        if name == WATCHER:
            self._set_watcher(owner)
        elif name.startswith(HOSTS):
            self._hosts.set_owner(name, owner)
            if owner and name.startswith(_MONITOR):
                self._is_stale |= self._is_sent and self.process == XAPP
                if self._monitor_starts is not None:
                    self._monitor_starts.cancel()
                self._monitor_starts = self._timers.after(_MONITOR_STARTS, self._after_monitor)
            self._read_host()

    def _after_monitor(self) -> None:
        self._monitor_starts = None
        if self._is_stale:
            self._on_stale()
        elif self.process == XAPP:
            self._read_list_and_register()

    def _set_watcher(self, owner: str) -> None:
        if owner == self._watcher:
            return
        self._watcher, self.has_watcher, self.process = owner, bool(owner), ""
        self._hosts.set_watcher(owner)
        self._is_accepted, self._is_listed, self._has_host = None, False, False
        self._is_sent = self._is_stale = False
        self._awaits_host = self._registers = False
        self._retry_delay = _FIRST_RETRY
        self._cancel_retry()
        if owner:
            self._bus.call_bus("GetConnectionUnixProcessID", "s", (owner,), partial(self._on_process, owner))

    def _on_process(self, watcher: str, answer: tuple[Any, ...] | None, _sender: str) -> None:
        if watcher == self._watcher:
            if answer:
                self.process = process_name(answer[0])
                self._hosts.set_process(answer[0], self.process)
            self._awaits_host = True
            self._register_in(_WITHOUT_HOST)
            self._read_host()

    def _read_list_and_register(self) -> None:
        self._cancel_retry()
        self._awaits_host = False
        self._registers = True
        self._read_list()

    def _register(self) -> None:
        if self.process == XAPP and self._monitor_starts is not None:
            return
        self._registers = False
        self._is_sent = True
        self._on_register()
        answered = partial(self._on_answer, self._watcher)
        body = (self._bus.unique_name,)
        self._bus.call(self._watcher, _PATH, WATCHER, "RegisterStatusNotifierItem", "s", body, answered)
        self._register_in(_UNANSWERED)

    def _register_in(self, delay: float) -> None:
        self._cancel_retry()
        self._retry = self._timers.after(delay, self._read_list_and_register)

    def _cancel_retry(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def _on_answer(self, watcher: str, answer: tuple[Any, ...] | None, _sender: str) -> None:
        if watcher == self._watcher:
            self._is_accepted = answer is not None
            self._cancel_retry()
            self._read_list()

    def _verify(self) -> None:
        """Request list and host again. If the item has stayed in the list since the last check, the next retry is quick
        again."""
        if self._is_listed:
            self._retry_delay = _FIRST_RETRY
            self._read_list()
        self._read_host()

    def _read_list(self) -> None:
        self._get("RegisteredStatusNotifierItems", self._on_list)

    def _on_list(self, watcher: str, answer: tuple[Any, ...] | None, _sender: str) -> None:
        if watcher != self._watcher:
            return
        match answer:
            case (("as", list(items)),):
                self._is_listed = any(map(self._is_ours, items))
            case _:  # a watcher without a list, so only its response counts
                self._is_listed = self._is_accepted is True
        if self._is_listed:
            self._registers = False
            self._cancel_retry()
        elif self._registers:
            self._register()
        elif self._retry is None:
            self._register_in(self._retry_delay)
            self._retry_delay = min(2 * self._retry_delay, _LAST_RETRY)

    def _read_host(self) -> None:
        self._get("IsStatusNotifierHostRegistered", self._on_host)

    def _on_host(self, watcher: str, answer: tuple[Any, ...] | None, _sender: str) -> None:
        if watcher == self._watcher:
            self._has_host = answer == (("b", True),)
            if self._has_host and self._awaits_host:
                self._read_list_and_register()

    def _get(self, name: str, answered: Callable[[str, tuple[Any, ...] | None, str], None]) -> None:
        """Request a property of the current watcher. The first argument of `answered` is the unique name of that
        watcher, so that a late response of a previous watcher can be ignored."""
        if self._watcher:
            self._bus.call(
                self._watcher,
                _PATH,
                "org.freedesktop.DBus.Properties",
                "Get",
                "ss",
                (WATCHER, name),
                partial(answered, self._watcher),
            )

    def _is_ours(self, item: str) -> bool:
        """Return whether an entry of the watcher's list is this program's icon. Watchers write it as
        `:1.7/StatusNotifierItem`, `:1.7@/StatusNotifierItem` or `:1.7`."""
        name = self._bus.unique_name
        return item == name or (item.startswith(name) and item[len(name)] in "/@")


def process_name(pid: int) -> str:
    """Return the kernel's name of a process, at most 15 characters; empty if it cannot be read, as in a sandbox."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    except OSError:
        return ""
