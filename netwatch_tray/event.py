"""Events on the network: the values that detectors make, the history stores, and every surface shows.

A detector makes a `Finding`. `engine.events` merges findings with equal keys into an `Event`, decides whether the user
is notified, and gives it an ID. The evidence is numbers and names, never words; `event_words` has the sentences.

Times are Unix times in seconds, amounts are bytes, durations are seconds. Unknown is `None`.
"""

from __future__ import annotations

import enum
import functools
from typing import ClassVar, NamedTuple

import msgspec

from netwatch_tray.model import GapReason


class EventKind(enum.IntEnum):
    """Kinds of events. The numbers are stored and sent, so they never change."""

    NEW_APP = 1
    LISTENER = 2
    """An app opened a port that accepts connections from other machines."""
    UPLOAD = 3
    BEACON = 4
    SCAN = 5
    DNS_TUNNEL = 6
    NXDOMAIN_STORM = 7
    PLAN = 8
    LINE = 9
    """The machine was offline: no interface counted in the total."""
    INTERFACE = 10
    """The set of interfaces that make the total changed."""
    GATEWAY = 11
    DNS_SERVER = 12
    AGENT = 13
    """About this program: it was restarted, it measured nothing for a while (the computer slept), or it dropped
    findings."""
    UNKNOWN = 255
    """A number that another version of the program has stored."""

    @classmethod
    def _missing_(cls, value: object) -> EventKind | None:
        return cls.UNKNOWN if isinstance(value, int) else None

    @property
    def label(self) -> str:
        """Return the name used in settings, on the command line and in JSON: `dns-tunnel`."""
        return self.name.lower().replace("_", "-")


KINDS = {kind.label: kind for kind in EventKind if kind is not EventKind.UNKNOWN}
"""Kinds by their label."""


class Severity(enum.IntEnum):
    """How much an event matters. The numbers are stored and sent, so they never change."""

    RECORD = 1
    """Recorded, and shown only in the list of events."""
    NOTICE = 2
    """Shown as a notice: the user may want to look at it."""
    ALERT = 3
    """Notifies, and counts on the bell until it is seen."""

    @classmethod
    def _missing_(cls, value: object) -> Severity | None:
        return cls.RECORD if isinstance(value, int) else None

    @property
    def label(self) -> str:
        return self.name.lower()


class _Evidence(msgspec.Struct, frozen=True):
    """Base class of the evidence for a finding. Fields named `rule_…` are the limits of the rule when it fired.

    New fields need a default, because stored rows do not have them.
    """

    kind: ClassVar[EventKind]


class NewApp(_Evidence, frozen=True, tag="new-app", kw_only=True):
    """An app used the network that does not occur in the history."""

    kind = EventKind.NEW_APP
    program: str | None = None
    """Path of its executable."""
    remote: str | None = None
    """Address of the first peer; `Finding.host` is its name if known, else the address."""
    port: int | None = None


class NewListener(_Evidence, frozen=True, tag="listener", kw_only=True):
    kind = EventKind.LISTENER
    protocol: str
    """`TCP` or `UDP`."""
    address: str
    """Numeric address that it listens on; `*` for all addresses."""
    port: int
    before: tuple[str, ...] = ()
    """Addresses on which the same app listened at that port before, all of them reachable only from this machine."""


class SentMuch(_Evidence, frozen=True, tag="sent-much", kw_only=True):
    """An app has sent more today than it usually does."""

    kind = EventKind.UPLOAD
    sent: int
    """Bytes on the local day of the finding."""
    usual: int
    """Median of the bytes sent on the days that are in the history."""
    greatest: int
    """Most bytes sent on one of these days."""
    days: int
    """Number of days with history."""
    rule_times: float
    """Limit of the rule: the app sent more than this many times what it usually sends in a day …"""
    rule_least: int
    """… and more than this many bytes."""


class HeldRate(_Evidence, frozen=True, tag="held-rate", kw_only=True):
    """An app uploaded for a long time at more than the rate that the user has set."""

    kind = EventKind.UPLOAD
    rate: float
    """Mean over `seconds`, in bytes/s."""
    seconds: float
    rule_rate: float
    rule_seconds: float


class Beacon(_Evidence, frozen=True, tag="beacon", kw_only=True):
    """An app connects or sends to the same remote host (`Finding.host`) at regular intervals."""

    kind = EventKind.BEACON
    period: float
    times: int
    deviation: float
    """Largest difference of one interval from the period, in seconds."""
    variation: float
    """Standard deviation of the intervals ÷ their mean."""
    size: int | None = None
    """Mean bytes of a connection or transfer, both directions together."""
    port: int | None = None
    rule_times: int
    rule_variation: float


class PortScan(_Evidence, frozen=True, tag="port-scan", kw_only=True):
    """One host tried many ports of this machine (`inbound`), or an app tried one port on many hosts.

    `Finding.host` is the source of an inbound scan.
    """

    kind = EventKind.SCAN
    inbound: bool
    ports: int
    """Number of distinct ports tried."""
    hosts: int
    """Number of distinct hosts tried; 1 if `inbound`."""
    seconds: float
    """Time from the first to the last try."""
    answered: tuple[int, ...] = ()
    """Ports that accepted a connection, lowest first, at most ten."""
    port: int | None = None
    """The port tried on many hosts; None if `inbound`."""
    is_local: bool | None = None
    """Whether the source is in a network of this machine; None if unknown."""
    rule_count: int
    """Least number of ports (`inbound`) or hosts tried for which this is an event."""
    rule_seconds: float


class ScanSuspected(_Evidence, frozen=True, tag="scan-suspected", kw_only=True):
    """This machine refused far more packets than usual, perhaps those of a port scan. Its kernel does not report the
    sender."""

    kind = EventKind.SCAN
    resets: int
    """TCP segments with RST that were sent in `seconds` and belong to no connection."""
    unreachables: int
    """UDP datagrams received for closed ports. Only some are answered by "port unreachable"."""
    seconds: float
    rule_count: int
    rule_seconds: float


class DnsTunnel(_Evidence, frozen=True, tag="dns-tunnel", kw_only=True):
    """An app sent queries for names below one domain (`Finding.host`) that look as if the names carried data."""

    kind = EventKind.DNS_TUNNEL
    queries: int
    labels: int
    """Number of distinct names below the domain."""
    length: float
    """Mean length of these names, in characters below the domain."""
    entropy: float
    """Mean entropy of these names in bits per character; random text has more than words."""
    seconds: float
    rule_labels: int
    rule_length: float
    rule_entropy: float
    rule_seconds: float


class NxdomainStorm(_Evidence, frozen=True, tag="nxdomain-storm", kw_only=True):
    """Most responses of the DNS server to an app said that the name does not exist."""

    kind = EventKind.NXDOMAIN_STORM
    nxdomain: int
    responses: int
    seconds: float
    rule_count: int
    rule_share: float
    rule_seconds: float


class PlanUsed(_Evidence, frozen=True, tag="plan-used", kw_only=True):
    kind = EventKind.PLAN
    percent: int
    """Threshold of the data plan that was reached."""
    used: int
    cap: int
    since: str
    """First local day of the billing month, ISO 8601."""
    until: str
    """Last local day of the billing month, ISO 8601."""
    days_left: int
    """Number of days left in the month, today included."""


class Offline(_Evidence, frozen=True, tag="offline", kw_only=True):
    """No interface is an uplink. One event covers the time until the machine is online again."""

    kind = EventKind.LINE
    until: float | None = None
    """Unix time of the end; `None` while still offline."""
    interfaces: tuple[str, ...] = ()
    """Names of the interfaces that were uplinks before."""


class TotalMoved(_Evidence, frozen=True, tag="total-moved", kw_only=True):
    kind = EventKind.INTERFACE
    before: tuple[str, ...]
    after: tuple[str, ...]


class GatewaySilent(_Evidence, frozen=True, tag="gateway-silent", kw_only=True):
    """The default gateway does not respond to probes. One event covers the time until it responds again."""

    kind = EventKind.GATEWAY
    address: str
    seconds: float
    """Seconds without a response so far."""
    until: float | None = None
    """Unix time of the next response; `None` while still silent."""


class DnsServerSilent(_Evidence, frozen=True, tag="dns-server-silent", kw_only=True):
    """The DNS server does not respond to probes. One event covers the time until it responds again."""

    kind = EventKind.DNS_SERVER
    address: str
    seconds: float
    until: float | None = None


class NotMeasured(_Evidence, frozen=True, tag="not-measured", kw_only=True):
    kind = EventKind.AGENT
    reason: GapReason
    """Why nothing was measured: NOT_RUNNING if the agent was restarted, ASLEEP if the computer slept."""
    seconds: float | None


class TooManyFindings(_Evidence, frozen=True, tag="too-many-findings", kw_only=True):
    """There were so many findings of one kind that some were neither stored nor notified."""

    kind = EventKind.AGENT
    of: EventKind
    findings: int
    rule_count: int
    """Most events of a kind that are kept within `rule_seconds`."""
    rule_seconds: float


Evidence = (
    NewApp
    | NewListener
    | SentMuch
    | HeldRate
    | Beacon
    | PortScan
    | ScanSuspected
    | DnsTunnel
    | NxdomainStorm
    | PlanUsed
    | Offline
    | TotalMoved
    | GatewaySilent
    | DnsServerSilent
    | NotMeasured
    | TooManyFindings
)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One report of a detector. It may report the same thing repeatedly; such findings have the same `key` and become
    one event."""

    evidence: Evidence
    severity: Severity
    key: str
    """Identifies the event among those of its kind: for a beacon, the app and the remote host. Never shown."""
    at: float
    since: float | None = None
    """When it began, if that was earlier than `at`; else None."""
    app: str | None = None
    """Key of the app that it is about; None if it is about no app."""
    app_name: str | None = None
    host: str | None = None
    """Remote host: its name, or its address if no name is known."""
    pid: int | None = None
    goes_on: bool = False
    """Whether this only continues or ends what the previous finding with this key reported. The event then gets the new
    evidence, without being counted or notified again."""

    @property
    def kind(self) -> EventKind:
        return self.evidence.kind


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One finding, or several of one day with the same key; see engine.events."""

    id: int
    """Increases with each event, and is never used again, even after a restart."""
    first: float
    last: float
    """Time of the latest finding; lists of events are sorted by it."""
    count: int = 1
    severity: Severity
    key: str
    evidence: Evidence
    """Evidence of the latest finding."""
    app: str | None = None
    app_name: str | None = None
    host: str | None = None
    pid: int | None = None
    is_muted: bool = False
    """Whether a mute applied when it happened last, so that it neither notifies nor counts on the bell."""
    is_seen: bool = False

    @property
    def kind(self) -> EventKind:
        return self.evidence.kind

    @property
    def is_unseen_alert(self) -> bool:
        """Return whether the event counts on the bell (the number of alerts that the user has not seen)."""
        return self.severity is Severity.ALERT and not self.is_seen and not self.is_muted


class Mute(NamedTuple):
    """Which events the user does not want to be notified of: those that match every field that is not None.

    Muted events are stored and counted, but neither notify nor count on the bell. The settings contain the `code`s.
    """

    kind: EventKind | None = None
    """`None` for all kinds."""
    app: str | None = None
    """Key of the app."""
    host: str | None = None

    @property
    def code(self) -> str:
        """Return the mute as text for the settings: `beacon`, `upload app /usr/bin/rsync`, `any host
        backup.example`."""
        words = ["any" if self.kind is None else self.kind.label]
        if self.app is not None:
            words += ["app", self.app]
        elif self.host is not None:
            words += ["host", self.host]
        return " ".join(words)

    @classmethod
    def parsed(cls, code: str) -> Mute | None:
        """Return the mute that a code describes, or `None` if the code is invalid."""
        label, _, rest = code.partition(" ")
        kind = KINDS.get(label)
        if kind is None and label != "any":
            return None
        what, _, name = rest.partition(" ")
        if not rest:
            return None if kind is None else cls(kind)
        if not name or what not in ("app", "host"):
            return None
        return cls(kind, app=name) if what == "app" else cls(kind, host=name)

    def covers(self, kind: EventKind, app: str | None, host: str | None) -> bool:
        return (
            (self.kind is None or self.kind is kind)
            and (self.app is None or self.app == app)
            and (self.host is None or self.host == host)
        )


def mutes_for(event: Event) -> tuple[Mute, ...]:
    """Return the mutes that would silence an event, the most specific first, which is what the button *Mute* adds."""
    found = []
    if event.app is not None:
        found.append(Mute(event.kind, app=event.app))
    if event.host is not None:
        found.append(Mute(event.kind, host=event.host))
    return (*found, Mute(event.kind))


@functools.cache
def _decoder() -> msgspec.json.Decoder[Evidence]:
    """Return the decoder of evidence. It is made at the first call, because making it takes 2 ms."""
    return msgspec.json.Decoder(Evidence)


def packed(evidence: Evidence) -> bytes:
    """Encode evidence, to be stored in the history."""
    return msgspec.json.encode(evidence)


def unpacked(data: bytes) -> Evidence:
    """Decode evidence that was stored by `packed`. Raise msgspec.DecodeError or UnicodeDecodeError if it is invalid."""
    return _decoder().decode(data)
