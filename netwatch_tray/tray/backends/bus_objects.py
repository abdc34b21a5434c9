"""Objects that this program exports on D-Bus, described by tables of methods, properties and signals, with the standard
interfaces.

D-Bus Specification, "Standard Interfaces": org.freedesktop.DBus.Peer, .Introspectable and .Properties.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from netwatch_tray.dbus.marshalling import Variant, complete_types, marshal


class CallError(Exception):
    """A call cannot be served; the caller gets an error response. `name` is the D-Bus error, one of
    org.freedesktop.DBus.Error."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = f"org.freedesktop.DBus.Error.{name}"


class Method(NamedTuple):
    takes: str
    """D-Bus signature of the arguments."""
    gives: str
    """D-Bus signature of the results."""
    run: Callable[..., tuple[Any, ...] | list[bytes]]
    """Called with the arguments, whose types were checked. Returns the results, or the body of the response in pieces
    if it is marshalled already. May raise CallError."""


class Interface:
    """One D-Bus interface of an object. The values of its properties are kept marshalled, because panels read all of
    them whenever one has changed, possibly every second."""

    def __init__(
        self,
        name: str,
        methods: Mapping[str, Method],
        properties: Mapping[str, Variant],
        signals: Mapping[str, str],
        on_read: Callable[[str | None], None] = lambda _: None,
    ) -> None:
        """`properties`: signature and value by name. `signals`: signature by name. `on_read`: called when another
        program has read a property, with its name, or with None if it has read all of them."""
        self.name = name
        self.methods = methods
        self.signals = signals
        self._on_read = on_read
        self._properties = dict(properties)
        self._changing: dict[str, bytes | None] = {}
        """Properties that were set at least once: the marshalled value, or None if no program has read the new value
        yet."""
        self._others = b""
        """All other properties, marshalled as entries of a dictionary; empty until they are read first."""

    def set(self, name: str, value: Any, entry: bytes | None = None) -> bool:
        """Set a property. Return whether its value changed. `entry`: the result of `entry_of` for this value, if the
        caller has it."""
        signature, old = self._properties[name]
        if value == old:
            return False
        self._properties[name] = signature, value
        if name not in self._changing:
            self._others = b""
        self._changing[name] = entry
        return True

    def entry_of(self, name: str, value: Any) -> bytes:
        """Return a property with this value, marshalled as one entry of the dictionary that `get_all` returns. The
        property is not set."""
        signature, _ = self._properties[name]
        return marshal("sv", (name, (signature, value)))

    def get(self, name: str) -> Variant:
        if name not in self._properties:
            raise CallError("UnknownProperty", f"{self.name} has no property {name}")
        self._on_read(name)
        return self._properties[name]

    def get_all(self) -> list[bytes]:
        """Return all properties as the marshalled body of a response (`a{sv}`). It is in pieces, because pictures are
        too long to be copied each second."""
        self._on_read(None)
        if not self._others:
            names = [name for name in self._properties if name not in self._changing]
            self._others = b"".join(_entries([self._entry(name) for name in names])[1:])
        entries = [self._others] if self._others else []
        for name, entry in self._changing.items():
            entries.append(entry or self._marshal(name))
        return _entries(entries)

    def _marshal(self, name: str) -> bytes:
        entry = self._changing[name] = self._entry(name)
        return entry

    def _entry(self, name: str) -> bytes:
        return self.entry_of(name, self._properties[name][1])

    def describe(self) -> str:
        """Return this interface as XML for org.freedesktop.DBus.Introspectable."""
        parts = [f'<interface name="{self.name}">']
        for name, method in self.methods.items():
            arguments = _arguments(method.takes, ' direction="in"') + _arguments(method.gives, ' direction="out"')
            parts.append(f'<method name="{name}">{arguments}</method>')
        for name, (signature, _) in self._properties.items():
            parts.append(f'<property name="{name}" type="{signature}" access="read"/>')
        for name, signature in self.signals.items():
            parts.append(f'<signal name="{name}">{_arguments(signature)}</signal>')
        return "".join((*parts, "</interface>"))


class Object:
    """The interfaces that this program exports at one object path."""

    def __init__(self, *interfaces: Interface) -> None:
        self._offered = {interface.name: interface for interface in interfaces}
        standard = (
            Interface("org.freedesktop.DBus.Peer", {"Ping": Method("", "", lambda: ())}, {}, {}),
            Interface(
                "org.freedesktop.DBus.Introspectable",
                {"Introspect": Method("", "s", lambda: (self._describe(),))},
                {},
                {},
            ),
            Interface(
                "org.freedesktop.DBus.Properties",
                {
                    "Get": Method("ss", "v", lambda interface, name: (self._interface(interface).get(name),)),
                    "GetAll": Method("s", "a{sv}", lambda interface: self._interface(interface).get_all()),
                    "Set": Method("ssv", "", self._refuse_set),
                },
                {},
                {},
            ),
        )
        self._all = {interface.name: interface for interface in (*interfaces, *standard)}
        self._methods: dict[tuple[str, str], Method] = {}
        """By the names of interface and method; without an interface the first method of that name."""
        for interface in self._all.values():
            for name, method in interface.methods.items():
                self._methods[interface.name, name] = method
                self._methods.setdefault(("", name), method)

    def call(self, interface: str, member: str, signature: str, arguments: tuple[Any, ...]) -> tuple[str, list[bytes]]:
        """Call a method of one of the interfaces. Return signature and marshalled body of the response, the body in
        pieces. Raise CallError if there is no such method or it fails."""
        method = self._methods.get((interface, member))
        if method is None:
            if interface and interface not in self._all:
                raise CallError("UnknownInterface", f"there is no interface {interface}")
            raise CallError("UnknownMethod", f"there is no method {member}")
        if signature != method.takes:
            raise CallError("InvalidArgs", f"{member} takes ({method.takes}), not ({signature})")
        result = method.run(*arguments)
        return method.gives, result if isinstance(result, list) else [marshal(method.gives, result)]

    def _interface(self, name: str) -> Interface:
        if name not in self._offered:
            raise CallError("UnknownInterface", f"there is no interface {name}")
        return self._offered[name]

    def _refuse_set(self, interface: str, name: str, _value: Variant) -> tuple[()]:
        self._interface(interface).get(name)
        raise CallError("PropertyReadOnly", f"{name} can only be read")

    def _describe(self) -> str:
        return f"<node>{''.join(interface.describe() for interface in self._all.values())}</node>"


def _entries(marshalled: list[bytes]) -> list[bytes]:
    """Return a dictionary of these entries, in pieces. The first one has the length, and aligns the first entry."""
    pieces, size = [b""], 0
    for entry in marshalled:
        if padding := -size % 8:  # each entry starts at a multiple of 8
            pieces.append(bytes(padding))
            size += padding
        pieces.append(entry)
        size += len(entry)
    pieces[0] = size.to_bytes(4, "little") + bytes(4)
    return pieces


def _arguments(signature: str, direction: str = "") -> str:
    return "".join(f'<arg type="{each}"{direction}/>' for each in complete_types(signature))
