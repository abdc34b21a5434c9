"""The connection to the bus: unreachable, malformed, and unread, and the objects that it serves."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from desktop import PATIENCE, BusClient, Session, wait_for
from hypothesis import example, given, strategies as st
from jeepney import DBusErrorResponse
from jeepney.low_level import (
    Endianness,
    Header,
    HeaderFields,
    Message,
    MessageType,
    parse_signature,
)
from surroundings import Loop

from netwatch_tray.dbus import marshalling
from netwatch_tray.dbus.marshalling import complete_types, marshal, unmarshal
from netwatch_tray.dbus.messages import Signal, messages
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import Message as UserMessage, ParseError, TrayUnavailableError
from netwatch_tray.tray.backends.bus import Bus
from netwatch_tray.tray.backends.bus_objects import CallError, Interface, Method, Object


def hello_answer(serial: int = 1) -> bytes:
    """Return the bus's response to the first call."""
    fields = {HeaderFields.reply_serial: 1, HeaderFields.signature: "s"}
    header = Header(Endianness.little, MessageType.method_return, 0, 1, -1, serial, fields)
    return bytes(Message(header, (":1.7",)).serialise())


def connect(scheduler: Scheduler, lost: list[UserMessage] | None = None, patience: float = 1.0) -> Bus:
    return Bus(
        scheduler,
        on_signal=lambda *_: None,
        on_drained=lambda: None,
        on_lost=(lost if lost is not None else []).append,
        patience=patience,
    )


@contextmanager
def server(path: Path, talk: Callable[[socket.socket], object]) -> Iterator[None]:
    """Listen at the address of a bus, and serve one client by `talk`."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    listener.settimeout(PATIENCE)

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(ConnectionError):
            connection.settimeout(PATIENCE)
            talk(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        thread.join(15)
        listener.close()
        assert not thread.is_alive()


def until_closed(connection: socket.socket) -> bool:
    while connection.recv(65536):
        pass
    return True


@pytest.mark.parametrize(
    "address",
    [
        "unix:path=/nonexistent/bus",
        "unix:path=/dev/null",
        "disabled:",
        "autolaunch:",
        "tcp:host=localhost,port=1",
        "unix:path=/" + "x" * 300,
        "unix:path=/a%00b",
        "unix:path=/\udcff/bus",
        "unix:abstract=\udcff",
        "nonsense\udcff",
        "nonsense",
        "",
    ],
)
def test_missing_bus_raises_tray_unavailable_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    scheduler = Scheduler()
    with pytest.raises(
        TrayUnavailableError, match=r"session bus at .*The window and the terminal commands work"
    ) as raised:
        connect(scheduler)
    assert str(raised.value).encode(), "a text that the status of the agent can have"
    scheduler.close()


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(until_closed, id="mute"),
        pytest.param(lambda c: (c.recv(100), c.sendall(b"REJECTED EXTERNAL\r\n"), until_closed(c)), id="refuses"),
        pytest.param(lambda c: (c.recv(100), c.sendall(b"\0" * 20_000), until_closed(c)), id="rubbish"),
        pytest.param(lambda c: c.recv(100), id="hangs up"),
        pytest.param(lambda c: (c.recv(100), c.sendall(b"OK 00\r\n"), until_closed(c)), id="mute after OK"),
        pytest.param(
            lambda c: (c.recv(100), c.sendall(b"OK 00\r\n"), c.recv(100), c.sendall(b"\xff" * 64), until_closed(c)),
            id="rubbish after OK",
        ),
    ],
)
def test_silent_bus_raises_tray_unavailable_within_patience(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, talk: Callable[[socket.socket], object]
) -> None:
    path = tmp_path / "bus"
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={path}")
    scheduler = Scheduler()
    begin = time.monotonic()
    with server(path, talk), pytest.raises(TrayUnavailableError):
        connect(scheduler, patience=0.5)
    assert time.monotonic() - begin < PATIENCE
    scheduler.close()


def fake_bus(then: Callable[[socket.socket], object]) -> Callable[[socket.socket], object]:
    """Return a server for one client that authenticates it and then calls `then`."""

    def talk(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(b"OK 00\r\n")
        received = b""
        while b"Hello" not in received:
            received += connection.recv(1000)
        connection.sendall(hello_answer())
        then(connection)

    return talk


@pytest.mark.parametrize(
    ("then", "reason"),
    [
        (lambda c: c.close(), "closed the connection"),
        (lambda c: (c.sendall(b"\xff" * 64), until_closed(c)), "what is not D-Bus"),
        (lambda c: (c.sendall(b"l\1\0\1\xff\xff\xff\x07" + bytes(12)), until_closed(c)), "a message of 134"),
    ],
)
def test_owner_is_notified_when_bus_breaks_later(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, loop: Loop, then: Callable[[socket.socket], object], reason: str
) -> None:
    path = tmp_path / "bus"
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={path}")
    lost: list[UserMessage] = []
    with server(path, fake_bus(then)):
        bus = loop.do(lambda: connect(loop.scheduler, lost))
        assert bus.unique_name == ":1.7"
        loop.do(lambda: bus.start({}))
        wait_for(lambda: lost, 5, "the loss is reported")
    assert reason in str(lost[0])
    loop.do(lambda: bus.emit((Signal("/x", "a.b", "C"), b"")))  # nothing happens
    loop.do(bus.close)
    assert len(lost) == 1


def test_queue_of_unread_messages_is_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, loop: Loop) -> None:
    path = tmp_path / "bus"
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={path}")
    lost: list[UserMessage] = []
    done = threading.Event()
    with server(path, fake_bus(lambda _: done.wait(PATIENCE))):
        bus = loop.do(lambda: connect(loop.scheduler, lost))
        loop.do(lambda: bus.start({}))
        for _ in range(100):
            loop.do(lambda: bus.emit((Signal("/x", "a.b", "C", "s"), marshal("s", ("x" * 30_000,)))))
        wait_for(lambda: lost, 5, "the loss is reported")
        done.set()
    assert "does not read" in str(lost[0])
    assert bus.is_drained, "the queue is let go with the connection"


def fragments(data: bytes) -> list[tuple[int, Message]]:
    """Return the messages that are parsed if the data arrives in small pieces."""
    received = bytearray()
    found: list[tuple[int, Message]] = []
    for start in range(0, len(data), 7):
        received += data[start : start + 7]
        found += messages(received)
    return found


def test_messages_are_parsed_whole_and_in_order() -> None:
    first, second = hello_answer(), hello_answer(serial=0x01020304)
    found = fragments(first + second + first[:30])
    assert [serial for serial, _ in found] == [1, 0x01020304]
    assert all(message.body == (":1.7",) for _, message in found)


@given(st.binary(max_size=400))
@example(hello_answer())
@example(b"l\1\0\1\xff\xff\xff\x7f" + bytes(100))
def test_any_bytes_yield_messages_or_parse_error(data: bytes) -> None:
    try:
        fragments(data)
    except ParseError as error:
        assert str(error)  # noqa: PT017  either outcome is right


@given(st.integers(0, len(hello_answer()) - 1), st.integers(0, 255))
def test_damaged_message_yields_message_or_parse_error(place: int, value: int) -> None:
    damaged = bytearray(hello_answer())
    damaged[place] = value
    try:
        fragments(bytes(damaged))
    except ParseError as error:
        assert str(error)  # noqa: PT017  either outcome is right


class Served:
    """An object on a real bus, and a client that calls it."""

    def __init__(self, bus: Session, loop: Loop) -> None:
        self.read: list[str | None] = []
        self.interface = Interface(
            "org.example.Thing",
            {
                "Add": Method("ii", "i", lambda a, b: (a + b,)),
                "Refuse": Method("", "", self._refuse),
                "Crash": Method("", "", lambda: (1 // 0,)),
            },
            {
                "Name": ("s", "thing"),
                "Count": ("u", 3),
                "Blobs": ("a(iay)", [(1, b"abc"), (2, b"")]),
                "On": ("b", True),
            },
            {"Changed": "sa{sv}"},
            self.read.append,
        )
        self.bus = loop.do(lambda: connect(loop.scheduler))
        loop.do(lambda: self.bus.start({"/thing": Object(self.interface)}))
        self.client = BusClient(bus.environment["DBUS_SESSION_BUS_ADDRESS"])

    @staticmethod
    def _refuse() -> tuple[()]:
        raise CallError("NotSupported", "not today")

    def call(self, member: str, signature: str = "", body: tuple[Any, ...] = (), path: str = "/thing") -> Any:
        return self.client.call(self.bus.unique_name, path, "org.example.Thing", member, signature, body)


@pytest.fixture
def served(bus: Session, loop: Loop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.environment["DBUS_SESSION_BUS_ADDRESS"])
    served = Served(bus, loop)
    yield served
    served.client.close()
    loop.do(served.bus.close)


def test_calls_get_responses(served: Served) -> None:
    assert served.call("Add", "ii", (2, 3)) == (5,)
    bad: Callable[[], Any]
    for bad, name in (
        (lambda: served.call("Add", "is", (2, "3")), "InvalidArgs"),
        (lambda: served.call("Add", "i", (2,)), "InvalidArgs"),
        (lambda: served.call("Nothing"), "UnknownMethod"),
        (lambda: served.call("Add", "ii", (2, 3), "/elsewhere"), "UnknownObject"),
        (lambda: served.call("Refuse"), "NotSupported"),
        (lambda: served.client.call(served.bus.unique_name, "/thing", "org.example.Other", "Add"), "UnknownInterface"),
    ):
        with pytest.raises(DBusErrorResponse) as caught:
            bad()
        assert caught.value.name == f"org.freedesktop.DBus.Error.{name}"


def test_failing_method_is_logged_and_caller_gets_error(served: Served, expected_logs: list[str]) -> None:
    expected_logs.append("Unexpected error; the agent goes on")
    with pytest.raises(DBusErrorResponse) as caught:
        served.call("Crash")
    assert caught.value.name == "org.freedesktop.DBus.Error.Failed"
    assert served.call("Add", "ii", (2, 3)) == (5,)


def test_properties_are_marshalled_once_per_change(served: Served, loop: Loop) -> None:
    name = served.bus.unique_name
    expected = {"Name": "thing", "Count": 3, "Blobs": [(1, b"abc"), (2, b"")], "On": True}
    assert served.client.properties(name, "/thing", "org.example.Thing") == expected
    assert loop.do(lambda: served.interface.set("Name", "a longer name"))
    assert not loop.do(lambda: served.interface.set("Name", "a longer name"))
    assert served.client.properties(name, "/thing", "org.example.Thing") == {**expected, "Name": "a longer name"}
    assert served.client.property(name, "/thing", "org.example.Thing", "Name") == "a longer name"
    assert served.read == [None, None, "Name"]
    with pytest.raises(DBusErrorResponse, match="UnknownProperty"):
        served.client.property(name, "/thing", "org.example.Thing", "Missing")
    with pytest.raises(DBusErrorResponse, match="PropertyReadOnly"):
        served.client.call(
            name, "/thing", "org.freedesktop.DBus.Properties", "Set", "ssv", ("org.example.Thing", "Count", ("u", 1))
        )


def test_introspection_lists_methods_signals_and_properties(served: Served) -> None:
    (text,) = served.client.call(served.bus.unique_name, "/thing", "org.freedesktop.DBus.Introspectable", "Introspect")
    assert (
        '<method name="Add"><arg type="i" direction="in"/><arg type="i" direction="in"/><arg type="i" direction="out"/>'
        in text
    )
    assert '<signal name="Changed"><arg type="s"/><arg type="a{sv}"/></signal>' in text
    assert '<property name="Blobs" type="a(iay)" access="read"/>' in text
    assert "org.freedesktop.DBus.Peer" in text
    assert served.client.call(served.bus.unique_name, "/thing", "org.freedesktop.DBus.Peer", "Ping") == ()


def by_jeepney(signature: str, values: tuple[Any, ...]) -> bytes:
    return bytes(parse_signature(list(f"({signature})")).serialise(values, 0, Endianness.little))


TEXT = st.text(alphabet=st.characters(blacklist_characters="\0", codec="utf-8"))
BASIC: dict[str, st.SearchStrategy[Any]] = {
    "y": st.integers(0, 2**8 - 1),
    "b": st.booleans(),
    "n": st.integers(-(2**15), 2**15 - 1),
    "q": st.integers(0, 2**16 - 1),
    "i": st.integers(-(2**31), 2**31 - 1),
    "u": st.integers(0, 2**32 - 1),
    "x": st.integers(-(2**63), 2**63 - 1),
    "t": st.integers(0, 2**64 - 1),
    "d": st.floats(allow_nan=False),
    "s": TEXT,
    "o": st.just("/a/path"),
    "g": st.just("a{sv}"),
    "ay": st.binary(),
}


def larger(smaller: st.SearchStrategy[tuple[str, Any]]) -> st.SearchStrategy[tuple[str, Any]]:
    """Return variants, structs, arrays and dictionaries of smaller values."""
    return st.one_of(
        smaller.map(lambda typed: ("v", typed)),
        st.lists(smaller, min_size=1, max_size=3).map(
            lambda typed: (f"({''.join(code for code, _ in typed)})", tuple(value for _, value in typed))
        ),
        smaller.filter(lambda typed: typed[0] != "y").flatmap(
            lambda typed: st.integers(0, 3).map(lambda count: (f"a{typed[0]}", [typed[1]] * count))
        ),
        st.dictionaries(TEXT, smaller, max_size=3).map(lambda found: ("a{sv}", found)),
    )


basic = st.sampled_from(sorted(BASIC)).flatmap(lambda code: BASIC[code].map(lambda value: (code, value)))


@given(st.lists(st.recursive(basic, larger, max_leaves=8), max_size=4))
def test_bodies_are_marshalled_as_by_jeepney(typed: list[tuple[str, Any]]) -> None:
    signature, values = "".join(code for code, _ in typed), tuple(value for _, value in typed)
    assert complete_types(signature) == [code for code, _ in typed]
    assert marshal(signature, values) == by_jeepney(signature, values)
    for order, endianness in (("<", Endianness.little), (">", Endianness.big)):
        data = bytes(parse_signature(list(f"({signature})")).serialise(values, 0, endianness))
        assert unmarshal(signature, data, order=order) == values


sent_texts = st.text(alphabet=st.characters(blacklist_characters="\0", codec="utf-8"))


@given(sent_texts, sent_texts)
def test_texts_after_a_constant_start_are_marshalled_as_by_jeepney(heading: str, text: str) -> None:
    whole: tuple[Any, ...] = ("ToolTip", ("(sa(iiay)ss)", ("", [], heading, text)))
    start = marshalling.marshal("sg(sa(iiay))", ("ToolTip", "(sa(iiay)ss)", ("", [])))
    assert marshalling.followed_by(start, heading, text) == by_jeepney("sv", whole)
    assert marshalling.followed_by(b"", heading, text) == by_jeepney("ss", (heading, text))


@given(st.text(alphabet="ybnqiuxtdsoghav(){}", max_size=12), st.binary(max_size=64))
@example("a()", b"\1\0\0\0" + bytes(60))
@example("a{}", b"\1\0\0\0" + bytes(60))
@example("a" * 2000, bytes(8))
def test_any_signature_and_bytes_are_values_or_malformed(signature: str, data: bytes) -> None:
    with suppress(ValueError, LookupError, struct.error, RecursionError):
        unmarshal(signature, data)


def test_signature_of_an_array_is_split_once(monkeypatch: pytest.MonkeyPatch) -> None:
    split: list[str] = []

    def recorded(signature: str) -> list[str]:
        split.append(signature)
        return complete_types(signature)

    monkeypatch.setattr(marshalling, "complete_types", recorded)
    depth, count = 20, 50
    signature = f"a{'(' * depth}n{')' * depth}"
    (found,) = unmarshal(signature, struct.pack("<II", 8 * count - 6, 0) + bytes(8 * count))
    assert len(found) == count
    assert len(split) <= depth + 1  # split again for each element, a message of 1 MB would stop the agent for a minute


def test_index_of_a_descriptor_that_no_bus_sends_is_a_number() -> None:
    assert unmarshal("hs", b"\3\0\0\0\1\0\0\0a\0") == (3, "a")


values = st.fixed_dictionaries(
    {
        "s": st.text(alphabet=st.characters(blacklist_characters="\0", codec="utf-8")),
        "u": st.integers(0, 2**32 - 1),
        "ay": st.binary(),
    }
)


@given(values, st.permutations(["s", "u", "ay"]))
def test_all_properties_are_marshalled_as_by_jeepney(value: dict[str, Any], order: list[str]) -> None:
    properties = {f"P{signature}": (signature, value[signature]) for signature in order}
    interface = Interface("org.example.Thing", {}, properties, {})
    assert b"".join(interface.get_all()) == by_jeepney("a{sv}", (properties,))


@given(values, st.lists(st.tuples(st.sampled_from(["s", "u", "ay"]), values), max_size=6), st.sets(st.integers(0, 5)))
def test_changed_properties_follow_those_that_never_changed(
    before: dict[str, Any], changes: list[tuple[str, dict[str, Any]]], reads: set[int]
) -> None:
    properties = {f"P{signature}": (signature, before[signature]) for signature in before}
    interface = Interface("org.example.Thing", {}, properties, {})
    changed: dict[str, tuple[str, Any]] = {}
    for number, (signature, after) in enumerate(changes):
        if interface.set(f"P{signature}", after[signature]):
            changed[f"P{signature}"] = signature, after[signature]
        if number in reads:
            interface.get_all()
    never = {name: value for name, value in properties.items() if name not in changed}
    assert b"".join(interface.get_all()) == by_jeepney("a{sv}", ({**never, **changed},))
