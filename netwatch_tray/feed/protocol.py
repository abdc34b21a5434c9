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
"""Bytes; a peer that sends more without a newline is not one of ours."""

Topic = Literal["interfaces", "connections", "apps", "events"]

MOST_EVENTS = 200
"""In the first message of the topic `events`; older ones are in the history."""
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
    """The last minutes, oldest first, so that the charts of a new window have no gap."""


class TickMessage(msgspec.Struct, frozen=True, tag="tick"):
    """Topic `interfaces`: the latest tick."""

    tick: Tick


class ConnectionsMessage(msgspec.Struct, frozen=True, tag="connections", kw_only=True):
    """Topic `connections`: changes since the previous message. If `reset` is set, `added` has all connections, and
    previous rows are discarded."""

    reset: bool = False
    added: tuple[Connection, ...] = ()
    changed: tuple[Connection, ...] = ()
    removed: tuple[str, ...] = ()
    """Keys of connections that were removed."""
    source: str | None = None
    fault: Message | None = None
    """Why the list is missing or stale."""

    def apply(self, known: dict[str, Connection]) -> None:
        """Apply the changes to the connections of previous messages. `known`: by key."""
        if self.reset:
            known.clear()
        known.update((each.key, each) for each in (*self.added, *self.changed))
        for key in self.removed:
            known.pop(key, None)


class AppRates(msgspec.Struct, frozen=True):
    """Rates of the apps in a past interval, as pairs of received and sent bytes/s."""

    at: float
    """Unix time of its end."""
    elapsed_s: float
    total: tuple[int, int]
    """Rates of the interfaces of the total."""
    apps: dict[str, tuple[int, int]]
    """By key; idle ones are left out."""


class AppsMessage(msgspec.Struct, frozen=True, tag="apps", kw_only=True):
    """Topic `apps`: the apps that used the network in the last interval, and the sums over all of them. Pairs are bytes
    received and sent."""

    apps: tuple[App, ...]
    interval_s: float | None
    """None if there was no interval yet."""
    uplink: tuple[int, int] = (0, 0)
    """Bytes that the interfaces of the total counted in the interval."""
    tcp: tuple[int, int] = (0, 0)
    """TCP payload of all apps over the interfaces of the total."""
    udp: tuple[int, int] | None = None
    """UDP payload of all apps over the interfaces of the total, QUIC included; None if it is not counted."""
    other: tuple[int, int] = (0, 0)
    """The rest: headers, forwarded traffic and all other bytes of no known connection, and UDP if it is not counted.
    Never spread over the apps."""
    uncounted: tuple[int, int] = (0, 0)
    """UDP payload in `other` that the helper could not attribute, because it had no room for more flows."""
    local: tuple[int, int] = (0, 0)
    """Payload that crossed no interface of the total; no part of the above."""
    lan: tuple[int, int] = (0, 0)
    """The part of `tcp`, `udp` and the connections of tunnels that is known to have stayed in the local network. At
    most `uplink` minus this went to the Internet. Without the helper UDP is not included."""
    states: dict[TcpState, int] = {}
    """How many TCP sockets are in each state."""
    overrun: bool = False
    """Connections closed faster than the kernel could report; the last bytes of some are in `other`."""
    recent: tuple[AppRates, ...] = ()
    """The last minutes, oldest first; only in the first message to a subscriber."""

    @classmethod
    def of(cls, observation: Observation, recent: tuple[AppRates, ...] = ()) -> AppsMessage:
        """Return the state of an observation at its last sample."""
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
    """The response to `HostsRequest`: what the app exchanged with each remote host in about the last day.

    Connections that stay on this machine are not in it. Bytes appear once owner and name are known, or after ten
    seconds. The bytes of hosts beyond 256 of an app in an hour, and beyond 500 in all, are one sum.
    """

    app: str
    since: float
    """Unix time of the earliest bytes: at most 24 hours before the hour under way, else when the agent started, or the
    start of what it kept from before. The time in which no agent ran is missing."""
    hosts: tuple[HostAmount, ...]
    """The largest first, the sum of others last."""


class EventsMessage(msgspec.Struct, frozen=True, tag="events", kw_only=True):
    """Topic `events`. With `reset` the last MOST_EVENTS ones, by `Event.last`, oldest first; otherwise those that are
    new or changed. An event replaces the one with its ID, from any source: this message is newer than the history."""

    reset: bool = False
    events: tuple[Event, ...] = ()
    unseen: int = 0
    """Alerts that are neither seen nor muted, those that are older than the last MOST_EVENTS included."""


class Status(msgspec.Struct, frozen=True, tag="status", kw_only=True):
    """The response to the command `status`. It is also sent to every client when it becomes known whether a tray shows
    the icon."""

    version: str
    pid: int
    uptime_s: float
    cpu_s: float
    """CPU time that the agent has used, in seconds."""
    rss_bytes: int | None
    interfaces: str
    """The interface source in use."""
    connections: Message = Message("")
    """The connection source in use, or why there is none."""
    helper: Message | None = None
    """What the helper provides, or why there is none."""
    offers_helper: bool = False
    """A helper could be set up here, and is not."""
    tray: Message
    """The tray backend in use and its state, or why there is none."""
    no_tray: Message | None = None
    """What the user can do if no tray shows the icon; None if nothing has to be done."""
    is_looking: bool = False
    """No tray has been found yet, but one may still appear; the window is open meanwhile."""
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
    """Bytes in this billing month."""
    month_since: date | None = None
    """The first day of that month."""


class Goodbye(msgspec.Struct, frozen=True, tag="goodbye"):
    """Sent when the user quits, so that clients close. Not sent when the agent ends otherwise."""


class SettingsMessage(msgspec.Struct, frozen=True, tag="settings"):
    """Sent to every client when the settings change."""

    settings: Settings


class Subscribe(msgspec.Struct, frozen=True, tag="subscribe"):
    """Client: subscribe to these topics, in place of the previous subscription."""

    topics: frozenset[Topic]
    again: frozenset[Topic] = frozenset()
    """Those of them whose first message is sent again, even if the client subscribed to them before."""


class Command(msgspec.Struct, frozen=True, tag="command"):
    """Client: execute a command. `status` gets a response, the others only have an effect; `reload` reads the settings
    file again."""

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
    """Client: request a `HostsMessage`. Repeat it for current amounts; a response costs about a millisecond."""

    app: str
    """`App.key`."""


class MarkSeen(msgspec.Struct, frozen=True, tag="mark-seen"):
    """Client: the user has seen these events; `None` for all events. Every subscriber gets the events that change."""

    ids: tuple[int, ...] | None


class ChangeMute(msgspec.Struct, frozen=True, tag="mute"):
    """Client: mute or unmute from now on. The mute is stored in `Settings.events.muted`, so a SettingsMessage
    follows."""

    code: str
    """The mute as text, as `event.Mute.code` returns it."""
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
    """Return the decoder. It is made for the first message, because that takes 3 ms and the agent never needs it."""
    return msgspec.json.Decoder(ServerMessage)


@functools.cache
def _client_decoder() -> msgspec.json.Decoder[ClientMessage]:
    return msgspec.json.Decoder(ClientMessage)


def encode(message: ServerMessage | ClientMessage) -> bytes:
    """Return the message as one line, newline included."""
    return _encoder.encode(message) + b"\n"


def decode_server_message(line: bytes) -> ServerMessage:
    """Decode a message of the agent. Raise ParseError if it is anything else."""
    try:
        return _server_decoder().decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"The agent sent a line that is not understood: {error}.") from error


def decode_client_message(line: bytes) -> ClientMessage:
    """Decode a message of a client. Raise ParseError if it is anything else."""
    try:
        return _client_decoder().decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"A client sent a line that is not understood: {error}.") from error
