"""The messages between agent and clients: one JSON object a line, over a Unix stream socket.

The agent greets with `Hello`; from then on it sends what the client subscribed to. A client sends `Subscribe` and
commands. Every message carries its kind in the key `type`; keys that a reader does not know are ignored, so that an
older window still understands a newer agent.
"""

from __future__ import annotations

import functools
from datetime import date
from typing import TYPE_CHECKING, Literal

import msgspec

from netwatch_tray.errors import Message, ParseError
from netwatch_tray.event import Event
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import App, Connection, GapReason, HostAmount, Tick
from netwatch_tray.settings import Settings

if TYPE_CHECKING:
    from netwatch_tray.engine.observation import Observation

VERSION = 2
LONGEST_LINE = 64 << 20
"""Most bytes of a message. A peer that sends more without a newline is no program of NetWatch, and is disconnected."""

Topic = Literal["interfaces", "connections", "apps", "events"]

MOST_EVENTS = 200
"""Number of events in the first message of the topic `events`; older ones are in the history."""
WATCHED_INTERVAL_S = 2.0
"""Seconds between readings of connections and apps while a client subscribes to one of them."""


class RecentTick(msgspec.Struct, frozen=True):
    """The part of a past tick that a chart draws."""

    at: float
    """Unix time, seconds."""
    gap: GapReason | None
    total: tuple[float | None, float | None]
    """Rates, bytes/s: received, sent."""
    rates: dict[int, tuple[float | None, float | None]]
    """Rates by interface index, bytes/s: received, sent."""


class Hello(msgspec.Struct, frozen=True, tag="hello", kw_only=True):
    """The first line of every connection."""

    protocol: int
    version: str
    """Version of the program."""
    pid: int
    interval_s: float
    """The agent's period between ticks, seconds."""
    settings: Settings
    recent: tuple[RecentTick, ...]
    """Ticks of the last five minutes, oldest first, so that the charts of a new client are full at once."""


class TickMessage(msgspec.Struct, frozen=True, tag="tick"):
    """Topic `interfaces`: the latest tick."""

    tick: Tick


class ConnectionsMessage(msgspec.Struct, frozen=True, tag="connections", kw_only=True):
    """Topic `connections`: what changed since the previous message. With `reset`, `added` has all connections, and the
    receiver discards the previous ones."""

    reset: bool = False
    added: tuple[Connection, ...] = ()
    changed: tuple[Connection, ...] = ()
    removed: tuple[str, ...] = ()
    """Keys of connections that were removed."""
    source: str | None = None
    fault: Message | None = None
    """Why the list is missing or not current; None while it is current."""

    def apply(self, known: dict[str, Connection]) -> None:
        """Change the connections known from previous messages, given by key, into the current ones."""
        if self.reset:
            known.clear()
        known.update((each.key, each) for each in (*self.added, *self.changed))
        for key in self.removed:
            known.pop(key, None)


class AppRates(msgspec.Struct, frozen=True):
    """Rates of the apps in one past interval; each pair is received and sent bytes/s."""

    at: float
    """Unix time of its end."""
    elapsed_s: float
    total: tuple[int, int]
    """Sum of the rates of the uplinks (the interfaces that count in the total)."""
    apps: dict[str, tuple[int, int]]
    """Rates by the key of the app; apps without traffic are left out."""


class AppsMessage(msgspec.Struct, frozen=True, tag="apps", kw_only=True):
    """Topic `apps`: the apps that used the network in the last interval between two readings of the sockets, and sums
    over all apps. Each pair is bytes received and sent."""

    apps: tuple[App, ...]
    interval_s: float | None
    """Length of the interval; None before the second reading."""
    uplink: tuple[int, int] = (0, 0)
    """Bytes that the uplinks (the interfaces that count in the total) counted in the interval."""
    tcp: tuple[int, int] = (0, 0)
    """TCP payload of all apps over the uplinks in the interval."""
    udp: tuple[int, int] | None = None
    """UDP payload of all apps over the uplinks, QUIC included; None if nothing counts UDP by app."""
    other: tuple[int, int] = (0, 0)
    """The rest of `uplink`: headers, forwarded traffic, all other bytes of no known connection, and UDP where it is not
    counted. It is never distributed over the apps."""
    uncounted: tuple[int, int] = (0, 0)
    """The part of `other` that is UDP payload of flows for which the helper had no room in its table."""
    local: tuple[int, int] = (0, 0)
    """Payload of all apps that crossed no uplink, such as over the loopback interface. Not part of the sums above."""
    lan: tuple[int, int] = (0, 0)
    """The part of `tcp`, `udp` and the connections of tunnels that is known to have stayed in the local network; so at
    most `uplink` minus this went to the Internet. UDP is in it only if the helper runs."""
    states: dict[TcpState, int] = {}
    """Number of TCP sockets in each state."""
    overrun: bool = False
    """Whether connections closed faster than the kernel could report them; the last bytes of some are
    then in `other`."""
    recent: tuple[AppRates, ...] = ()
    """Rates of the last minutes, oldest first; only in the first message after a client subscribed."""

    @classmethod
    def of(cls, observation: Observation, recent: tuple[AppRates, ...] = ()) -> AppsMessage:
        """Return the message about an observation (sums over the sockets) at its last reading."""
        apps, states, sums = observation.table.apps(), observation.table.states(), observation.sums
        if sums is None:
            return cls(apps=apps, interval_s=None, states=states, recent=recent)
        return cls(
            apps=apps,
            interval_s=sums.elapsed_s,
            uplink=sums.uplink,
            tcp=sums.tcp,
            udp=sums.udp if observation.counts_udp else None,
            uncounted=observation.uncounted,
            other=sums.other,
            local=sums.local,
            lan=sums.lan,
            states=states,
            overrun=observation.table.interval.overrun,
            recent=recent,
        )


class HostsMessage(msgspec.Struct, frozen=True, tag="hosts", kw_only=True):
    """The response to `HostsRequest`: how many bytes the app exchanged with each remote host in about the last day.

    Connections within this machine are left out. The bytes of a connection are included once its app and the name of
    the host are known, or after ten seconds. Hosts beyond 256 for an app in an hour, and beyond 500 in all, are one
    sum.
    """

    app: str
    since: float
    """Unix time at which the amounts begin: 24 hours before the current hour began, or later if the agent has no older
    data. Times in which no agent ran are missing."""
    hosts: tuple[HostAmount, ...]
    """Sorted by bytes, the largest first; the sum of all others is last."""


class EventsMessage(msgspec.Struct, frozen=True, tag="events", kw_only=True):
    """Topic `events`. With `reset`: the last MOST_EVENTS events by `Event.last`, oldest first. Otherwise: new and
    changed events, each replacing the one with the same ID. Newer than what the history has."""

    reset: bool = False
    events: tuple[Event, ...] = ()
    unseen: int = 0
    """Number of all alerts that are neither seen nor muted, including those older than the events of this message."""


class Status(msgspec.Struct, frozen=True, tag="status", kw_only=True):
    """The response to the command `status`. Also sent to every client once it is known whether a tray
    shows the icon."""

    version: str
    pid: int
    uptime_s: float
    cpu_s: float
    """CPU time that the agent has used, in seconds."""
    pss_bytes: int | None
    """Memory of the agent, as `own_memory` measures it; None if unknown."""
    interfaces: str
    """Name of the source that reads the interfaces."""
    connections: Message = Message("")
    """The source that reads the connections, or why there is none."""
    helper: Message | None = None
    """What the helper provides, or why there is none."""
    offers_helper: bool = False
    """Whether the helper can be set up on this machine, and is not."""
    tray: Message
    """The tray backend in use and its state, or why there is none."""
    no_tray: Message | None = None
    """What the user can do if no tray shows the icon; None if nothing has to be done."""
    is_looking: bool = False
    """Whether no tray was found yet, but one may still appear. The window is open meanwhile."""
    upload: Message | None = None
    """State of uploading; None if it is off."""
    upload_fault: Message | None = None
    """Why snapshots are not sent at the moment."""
    metrics: Message | None = None
    """Where metrics are served, or why not; None if they are off."""
    otlp: Message | None = None
    """State of the export to an OpenTelemetry collector; None if it is off."""
    otlp_fault: Message | None = None
    """Why nothing is exported at the moment."""
    settings_fault: Message | None = None
    """What is invalid in the settings file; nothing is uploaded then."""
    clients: int
    faults: tuple[Message, ...] = ()
    today_bytes: int | None = None
    """Bytes of the total today, both directions together; None if unknown."""
    month_bytes: int | None = None
    """Bytes of the total in this billing month, both directions together; None if unknown."""
    month_since: date | None = None
    """The first day of this billing month; None if unknown."""


class Goodbye(msgspec.Struct, frozen=True, tag="goodbye"):
    """Sent when the user quits the program, so that clients close. Not sent if the agent ends in another way."""


class SettingsMessage(msgspec.Struct, frozen=True, tag="settings"):
    """The new settings; sent to every client when they have changed."""

    settings: Settings


class Subscribe(msgspec.Struct, frozen=True, tag="subscribe"):
    """From a client: send it these topics from now on, and no others."""

    topics: frozenset[Topic]
    again: frozenset[Topic] = frozenset()
    """Topics of which the first message, with the full state, is sent again although the client had subscribed to them
    before."""


class Command(msgspec.Struct, frozen=True, tag="command"):
    """From a client: execute a command. `status` is answered by a Status, the others get no response; `reload` reads
    the settings file again."""

    name: Literal[
        "open-window",
        "open-settings",
        "open-events",
        "open-mini",
        "quit",
        "status",
        "pause",
        "resume",
        "reload",
        "show-doctor",
    ]


class HostsRequest(msgspec.Struct, frozen=True, tag="get-hosts"):
    """From a client: request a `HostsMessage` for an app. It is not sent again by itself when amounts change; a
    response costs the agent about a millisecond."""

    app: str
    """`App.key`."""


class MarkSeen(msgspec.Struct, frozen=True, tag="mark-seen"):
    """From a client: the user has seen these events (IDs; None for all). Every subscriber of `events` gets the changed
    events."""

    ids: tuple[int, ...] | None


class ChangeMute(msgspec.Struct, frozen=True, tag="mute"):
    """From a client: add or remove a mute, which silences events of one kind. It is stored in `Settings.events.muted`,
    so every client gets a SettingsMessage."""

    code: str
    """The mute in the form of `event.Mute.code`."""
    on: bool


ServerMessage = (
    Hello
    | TickMessage
    | ConnectionsMessage
    | AppsMessage
    | HostsMessage
    | EventsMessage
    | Status
    | SettingsMessage
    | Goodbye
)
Request = Command | HostsRequest | MarkSeen | ChangeMute
ClientMessage = Subscribe | Request

_encoder = msgspec.json.Encoder()


@functools.cache
def _server_decoder() -> msgspec.json.Decoder[ServerMessage]:
    """Return the decoder of the agent's messages. It is made at the first call, because making it takes 3 ms and the
    agent needs none."""
    return msgspec.json.Decoder(ServerMessage)


@functools.cache
def _client_decoder() -> msgspec.json.Decoder[ClientMessage]:
    return msgspec.json.Decoder(ClientMessage)


def encode(message: ServerMessage | ClientMessage) -> bytes:
    """Return the message as one line, newline included."""
    return _encoder.encode(message) + b"\n"


def decode_server_message(line: bytes) -> ServerMessage:
    """Decode a line that the agent sent. Raise ParseError if it is no valid message of an agent."""
    try:
        return _server_decoder().decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"The agent sent a line that is not understood: {error}.") from error


def decode_client_message(line: bytes) -> ClientMessage:
    """Decode a line that a client sent. Raise ParseError if it is no valid message of a client."""
    try:
        return _client_decoder().decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"A client sent a line that is not understood: {error}.") from error
