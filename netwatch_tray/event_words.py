"""The sentences for events, in the user's language, for window, tray, terminal and notifications.

They state what was seen, never what it means: regular connections may be a beacon, or the clock of a harmless program.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple

from netwatch_tray import units, wording
from netwatch_tray.event import (
    Beacon,
    DnsServerSilent,
    DnsTunnel,
    Event,
    EventKind,
    Evidence,
    GatewaySilent,
    HeldRate,
    Mute,
    NewApp,
    NewListener,
    NotMeasured,
    NxdomainStorm,
    Offline,
    PlanUsed,
    PortScan,
    ScanSuspected,
    SentMuch,
    TooManyFindings,
    TotalMoved,
)
from netwatch_tray.language import mark, translate
from netwatch_tray.model import GapReason
from netwatch_tray.units import Units

_KINDS = {
    EventKind.NEW_APP: (mark("EventWords", "New app"), mark("EventWords", "new apps")),
    EventKind.LISTENER: (mark("EventWords", "New port"), mark("EventWords", "new ports")),
    EventKind.UPLOAD: (mark("EventWords", "Unusual upload"), mark("EventWords", "unusual uploads")),
    EventKind.BEACON: (mark("EventWords", "Regular connections"), mark("EventWords", "regular connections")),
    EventKind.SCAN: (mark("EventWords", "Port scan"), mark("EventWords", "port scans")),
    EventKind.DNS_TUNNEL: (mark("EventWords", "Data in DNS names"), mark("EventWords", "data in DNS names")),
    EventKind.NXDOMAIN_STORM: (
        mark("EventWords", "Names that do not exist"),
        mark("EventWords", "names that do not exist"),
    ),
    EventKind.PLAN: (mark("EventWords", "Data plan"), mark("EventWords", "data plan notices")),
    EventKind.LINE: (mark("EventWords", "Offline times"), mark("EventWords", "offline times")),
    EventKind.INTERFACE: (mark("EventWords", "Total moved"), mark("EventWords", "moves of the total")),
    EventKind.GATEWAY: (mark("EventWords", "Gateway silent"), mark("EventWords", "gateway failures")),
    EventKind.DNS_SERVER: (mark("EventWords", "DNS server silent"), mark("EventWords", "DNS server failures")),
    EventKind.AGENT: (mark("EventWords", "The agent itself"), mark("EventWords", "events of the agent")),
    EventKind.UNKNOWN: (mark("EventWords", "Unknown event"), mark("EventWords", "unknown events")),
}
"""Names of each kind of event: of a single event, and of several."""
_UNNAMED = mark("EventWords", "An unknown app")


class _Words(NamedTuple):
    sentence: str
    detail: str
    """The evidence in numbers; empty if the sentence has all of them."""
    why: str
    """Why it is an event: the detector's rule in words."""


def title(event: Event) -> str:
    """Return the name of an event's kind, such as `Unusual upload`."""
    return translate("EventWords", _KINDS[event.kind][0])


def sentence(event: Event, in_units: Units) -> str:
    """Return what happened, in one sentence without a full stop."""
    return _words(event, in_units).sentence


def detail(event: Event, in_units: Units) -> str:
    """Return the evidence in numbers, in lower case; empty if the sentence contains all of it."""
    return _words(event, in_units).detail


def explain(event: Event, in_units: Units) -> str:
    """Return why this is an event: the rule with its numbers, and how often it is reported."""
    return _words(event, in_units).why


def mute(what: Mute, event: Event) -> str:
    """Return the text of the command that adds a mute: `Mute unusual uploads of Syncthing`."""
    return translate("EventWords", "Mute {what}").format(what=_covered(what, _name(what, event)))


def unmute(what: Mute, event: Event) -> str:
    return translate("EventWords", "Unmute {what}").format(what=_covered(what, _name(what, event)))


def muted(what: Mute) -> str:
    """Return which events a mute applies to, in words: `unusual uploads of rsync`."""
    return _covered(what, _name(what, None))


def _covered(what: Mute, name: str | None) -> str:
    if what.kind is None:
        return translate("EventWords", "everything of {name}").format(name=name)
    several = translate("EventWords", _KINDS[what.kind][1])
    if name is None:
        return translate("EventWords", "all {events}").format(events=several)
    return translate("EventWords", "{events} of {name}").format(events=several, name=name)


def _name(what: Mute, event: Event | None) -> str | None:
    if what.app is None:
        return what.host
    if event is not None and event.app == what.app and event.app_name:
        return event.app_name
    return what.app.partition(":")[2].rpartition("/")[2] or what.app


def _words(event: Event, in_units: Units) -> _Words:
    return _MADE_BY[type(event.evidence)](event, event.evidence, in_units)


def _app(event: Event) -> str:
    return event.app_name or translate("EventWords", _UNNAMED)


def _of_new_app(event: Event, new: NewApp, _units: Units) -> _Words:
    place = event.host if new.port is None else f"{event.host}, {new.port}"
    parts = [new.program or "", translate("EventWords", "first host {host}").format(host=place) if event.host else ""]
    return _Words(
        translate("EventWords", "{app} used the network for the first time").format(app=_app(event)),
        ", ".join(filter(None, parts)),
        translate(
            "EventWords",
            "The history does not have this app. During the first day of a history no app is reported as new.",
        ),
    )


def _of_listener(event: Event, new: NewListener, _units: Units) -> _Words:
    place = {"app": _app(event), "protocol": new.protocol, "port": new.port, "address": new.address}
    if new.address == "*":
        text = translate("EventWords", "{app} now listens on {protocol} {port}, all addresses")
    else:
        text = translate("EventWords", "{app} now listens on {protocol} {port}, address {address}")
    before = translate("EventWords", "reachable from the network; before only {addresses}")
    return _Words(
        text.format(**place),
        before.format(addresses=wording.listed(new.before))
        if new.before
        else translate("EventWords", "reachable from the network"),
        translate(
            "EventWords",
            "The port opened while NetWatch was watching, and other computers may be able to reach it.",
        ),
    )


def _of_sent_much(event: Event, upload: SentMuch, in_units: Units) -> _Words:
    text = (
        translate("EventWords", "{app} sent {sent} in one day, {times} times its usual day")
        if upload.usual
        else translate("EventWords", "{app} sent {sent} in one day, and usually sends nothing")
    )
    times = _number(upload.sent / upload.usual) if upload.usual else ""
    usual, greatest = units.size(upload.usual, in_units), units.size(upload.greatest, in_units)
    why = translate(
        "EventWords",
        "More than {times} times the usual day of this app (the median of {days} days) and more than {least}. It is "
        "reported once a day and app.",
    )
    return _Words(
        text.format(app=_app(event), sent=units.size(upload.sent, in_units), times=times),
        translate("EventWords", "usual day {usual}, greatest in {days} days {greatest}").format(
            usual=usual, days=upload.days, greatest=greatest
        ),
        why.format(times=_number(upload.rule_times), days=upload.days, least=units.size(upload.rule_least, in_units)),
    )


def _of_held_rate(event: Event, held: HeldRate, in_units: Units) -> _Words:
    who = _app(event) if event.app else translate("EventWords", "This computer")
    return _Words(
        translate("EventWords", "{app} sent {rate} for {duration}").format(
            app=who, rate=units.rate(held.rate, in_units), duration=wording.duration(held.seconds)
        ),
        translate("EventWords", "limit {rate} for {duration}").format(
            rate=units.rate(held.rule_rate, in_units), duration=wording.duration(held.rule_seconds)
        ),
        translate(
            "EventWords", "The settings have a limit: an upload above {rate} that lasts {duration} is an alert."
        ).format(rate=units.rate(held.rule_rate, in_units), duration=wording.duration(held.rule_seconds)),
    )


def _of_beacon(event: Event, beacon: Beacon, in_units: Units) -> _Words:
    parts = [translate("EventWords", "{count} times").format(count=beacon.times)]
    if beacon.size is not None:
        parts.append(translate("EventWords", "{size} each").format(size=units.size(beacon.size, in_units)))
    parts.append(
        translate("EventWords", "never more than {duration} early or late").format(
            duration=wording.duration(beacon.deviation)
        )
    )
    why = translate(
        "EventWords",
        "At least {times} connections to one host came so regularly that their intervals vary by less than "
        "{percent} %. Programs that wait for news do this, and so do programs that report to somebody.",
    )
    return _Words(
        translate("EventWords", "{app} connects to {host} every {duration}").format(
            app=_app(event), host=event.host or units.UNKNOWN, duration=wording.duration(beacon.period)
        ),
        ", ".join(parts),
        why.format(times=beacon.rule_times, percent=_number(100 * beacon.rule_variation)),
    )


def _of_scan(event: Event, scan: PortScan, _units: Units) -> _Words:
    rule = {"count": scan.rule_count, "duration": wording.duration(scan.rule_seconds)}
    within = translate("EventWords", "within {duration}").format(duration=wording.duration(scan.seconds))
    if not scan.inbound:
        return _Words(
            translate("EventWords", "{app} tried port {port} of {hosts} hosts").format(
                app=_app(event), port=units.UNKNOWN if scan.port is None else scan.port, hosts=scan.hosts
            ),
            within,
            translate(
                "EventWords", "One program tried the same port of at least {count} hosts within {duration}."
            ).format(**rule),
        )
    if scan.is_local is None:
        text = translate("EventWords", "A host tried {ports} ports of yours")
    elif scan.is_local:
        text = translate("EventWords", "A computer in this network tried {ports} ports of yours")
    else:
        text = translate("EventWords", "A host on the Internet tried {ports} ports of yours")
    answered = ""  # not known
    if scan.answered:
        ports = wording.listed([str(port) for port in scan.answered])
        answered = translate("EventWords", "answered: {ports}").format(ports=ports)
    return _Words(
        text.format(ports=scan.ports),
        ", ".join(filter(None, (event.host, within, answered))),
        translate("EventWords", "One host tried at least {count} ports within {duration}.").format(**rule),
    )


def _of_suspicion(_event: Event, scan: ScanSuspected, _units: Units) -> _Words:
    return _Words(
        translate("EventWords", "Somebody may be trying ports of yours: {count} refused").format(
            count=scan.resets + scan.unreachables
        ),
        translate("EventWords", "within {duration}; the source is not known without the helper").format(
            duration=wording.duration(scan.seconds)
        ),
        translate(
            "EventWords",
            "The system refused at least {count} packets within {duration}. It does not report who sent them.",
        ).format(count=scan.rule_count, duration=wording.duration(scan.rule_seconds)),
    )


def _of_tunnel(event: Event, tunnel: DnsTunnel, _units: Units) -> _Words:
    text = (
        translate("EventWords", "Names requested by {app} look like carried data")
        if event.app_name
        else translate("EventWords", "Requested names look like carried data")
    )
    why = translate(
        "EventWords",
        "At least {labels} different names below one domain within {duration}, longer than {length} characters on "
        "average and as varied as random ones ({entropy} bits a character).",
    )
    return _Words(
        text.format(app=event.app_name),
        translate(
            "EventWords", "{count} queries below {domain} in {duration}, {length} characters each on average"
        ).format(
            count=tunnel.queries,
            domain=event.host or units.UNKNOWN,
            duration=wording.duration(tunnel.seconds),
            length=_number(tunnel.length),
        ),
        why.format(
            labels=tunnel.rule_labels,
            duration=wording.duration(tunnel.rule_seconds),
            length=_number(tunnel.rule_length),
            entropy=_number(tunnel.rule_entropy),
        ),
    )


def _of_storm(event: Event, storm: NxdomainStorm, _units: Units) -> _Words:
    text = (
        translate("EventWords", "{app} requested many names that do not exist")
        if event.app_name
        else translate("EventWords", "Many requested names do not exist")
    )
    return _Words(
        text.format(app=event.app_name),
        translate("EventWords", "{nxdomain} of {responses} responses in {duration}").format(
            nxdomain=storm.nxdomain, responses=storm.responses, duration=wording.duration(storm.seconds)
        ),
        translate(
            "EventWords",
            "At least {count} responses within {duration} were that the name does not exist, and these were at least "
            "{percent} % of all.",
        ).format(
            count=storm.rule_count,
            duration=wording.duration(storm.rule_seconds),
            percent=_number(100 * storm.rule_share),
        ),
    )


def _period(plan: PlanUsed) -> str:
    """Return the name of the billing month: `November`, or `5 Nov – 4 Dec` if it is no calendar month."""
    first, last = date.fromisoformat(plan.since), date.fromisoformat(plan.until)
    if first.day == 1 and (first.year, first.month) == (last.year, last.month):
        return wording.month_name(first.month)
    begin, end = (wording.day_name(day, is_short=True) for day in (first, last))
    return f"{begin} – {end}"


def _of_plan(_event: Event, plan: PlanUsed, in_units: Units) -> _Words:
    used, cap = units.size(plan.used, in_units), units.size(plan.cap, in_units)
    left = max(0, plan.cap - plan.used)
    if left and plan.days_left:
        rest = translate("EventWords", "days left: {days}, {amount} a day").format(
            days=plan.days_left, amount=units.size(left / plan.days_left, in_units)
        )
    else:
        rest = translate("EventWords", "days left: {days}").format(days=plan.days_left)
    return _Words(
        translate("EventWords", "{percent} % of the data plan for {period} used: {used} of {cap}").format(
            percent=plan.percent, period=_period(plan), used=used.value if used.unit == cap.unit else used, cap=cap
        ),
        rest,
        translate("EventWords", "Reported at 80 % and at 100 % of the data plan, once each in a billing month."),
    )


def _of_line(event: Event, line: Offline, _units: Units) -> _Words:
    start, end = _clock(event.first), _clock(line.until)
    text = (
        translate("EventWords", "Offline since {start}").format(start=start)
        if line.until is None
        else translate("EventWords", "Offline {start}–{end}").format(start=start, end=end)
    )
    parts = [wording.listed(line.interfaces)]
    if line.until is not None:
        parts.append(wording.duration(line.until - event.first))
    return _Words(
        text,
        ", ".join(filter(None, parts)),
        translate("EventWords", "No interface had a default route for more than some seconds."),
    )


def _of_total(_event: Event, moved: TotalMoved, _units: Units) -> _Words:
    none = translate("EventWords", "no interface")
    return _Words(
        translate("EventWords", "The total moved from {before} to {after}").format(
            before=wording.listed(moved.before) or none, after=wording.listed(moved.after) or none
        ),
        translate("EventWords", "the default route changed"),
        translate("EventWords", "Other interfaces lead out of this computer than before, so these make the total."),
    )


def _of_silence(_event: Event, silent: GatewaySilent | DnsServerSilent, _units: Units) -> _Words:
    text = (
        translate("EventWords", "The gateway {address} did not answer for {duration}")
        if isinstance(silent, GatewaySilent)
        else translate("EventWords", "The DNS server {address} did not answer for {duration}")
    )
    why = translate("EventWords", "Several probes in a row had no answer. Probes run only where the settings allow it.")
    rest = (
        translate("EventWords", "still silent")
        if silent.until is None
        else translate("EventWords", "answers again since {time}").format(time=_clock(silent.until))
    )
    return _Words(text.format(address=silent.address, duration=wording.duration(silent.seconds)), rest, why)


def _of_agent(event: Event, gap: NotMeasured, _units: Units) -> _Words:
    why = translate("EventWords", "The charts have a gap there. Bytes that passed meanwhile are in the totals.")
    if gap.reason is GapReason.NOT_RUNNING:
        if gap.seconds is None:
            return _Words(translate("EventWords", "The agent was restarted"), "", why)
        text = translate("EventWords", "The agent was restarted, {duration} not measured")
        return _Words(text.format(duration=wording.duration(gap.seconds)), "", why)
    if gap.reason is GapReason.ASLEEP and gap.seconds is not None:
        return _of_sleep(event.last, gap.seconds, why)
    length = units.UNKNOWN if gap.seconds is None else wording.duration(gap.seconds)
    return _Words(
        translate("EventWords", "{duration} not measured").format(duration=length), wording.gap(gap.reason), why
    )


def _of_sleep(until: float, seconds: float, why: str) -> _Words:
    form = "%H:%M" if seconds < 86_400 else "%Y-%m-%d %H:%M"
    begin = time.strftime(form, time.localtime(until - seconds))
    text = translate("EventWords", "Slept {begin} – {end}").format(begin=begin, end=_clock(until))
    return _Words(text, wording.duration(seconds), why)


def _of_too_many(_event: Event, more: TooManyFindings, _units: Units) -> _Words:
    several = translate("EventWords", _KINDS[more.of][1])
    return _Words(
        translate("EventWords", "Further {events} were not kept: {count}").format(events=several, count=more.findings),
        "",
        translate("EventWords", "At most {count} events of a kind are kept in {duration}.").format(
            count=more.rule_count, duration=wording.duration(more.rule_seconds)
        ),
    )


_MADE_BY: dict[type[Evidence], Callable[[Event, Any, Units], _Words]] = {
    NewApp: _of_new_app,
    NewListener: _of_listener,
    SentMuch: _of_sent_much,
    HeldRate: _of_held_rate,
    Beacon: _of_beacon,
    PortScan: _of_scan,
    ScanSuspected: _of_suspicion,
    DnsTunnel: _of_tunnel,
    NxdomainStorm: _of_storm,
    PlanUsed: _of_plan,
    Offline: _of_line,
    TotalMoved: _of_total,
    GatewaySilent: _of_silence,
    DnsServerSilent: _of_silence,
    NotMeasured: _of_agent,
    TooManyFindings: _of_too_many,
}


def _clock(at: float | None) -> str:
    return units.UNKNOWN if at is None else time.strftime("%H:%M", time.localtime(at))


def _number(value: float) -> str:
    """Return a number as text, with decimals only as needed: `4`, `2.5`, `41`."""
    return f"{value:.0f}" if value >= 10 or value == round(value) else f"{value:.1f}"
