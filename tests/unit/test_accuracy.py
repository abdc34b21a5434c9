"""The scoreboard's pure parts: what tools print, headers of packets, verdicts, and the page."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, strategies as st

from benchmarks.accuracy import parsers, record, table
from benchmarks.accuracy.amounts import Both, Result, Seen, Truth, Unit, Verdict, judge
from benchmarks.accuracy.peers import PEERS
from benchmarks.accuracy.processes import Cost
from benchmarks.accuracy.scenarios import SCENARIOS

TCP = struct.pack("!HHIIBBHHH", 40000, 5001, 1, 1, 8 << 4, 0x10, 0, 0, 0) + bytes(12)
UDP = struct.pack("!HHHH", 40000, 5001, 8 + 700, 0)


def ipv4(protocol: int, inner: bytes, *, fragment: int = 0) -> bytes:
    length = 20 + len(inner)
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, 1, fragment, 64, protocol, 0, bytes(4), bytes(4)) + inner


def ipv6(protocol: int, inner: bytes) -> bytes:
    return struct.pack("!IHBB", 6 << 28, len(inner), protocol, 64) + bytes(32) + inner


@pytest.mark.parametrize(
    ("packet", "kind", "expected"),
    [
        (ipv4(6, TCP + bytes(1000)), 0x0800, record.Packet("tcp", 40000, 5001, 1052, 1032, 1000)),
        (ipv4(17, UDP + bytes(700)), 0x0800, record.Packet("udp", 40000, 5001, 728, 708, 700)),
        (ipv6(6, TCP + bytes(1000)), 0x86DD, record.Packet("tcp", 40000, 5001, 1072, 1032, 1000)),
        (ipv6(17, UDP + bytes(700)), 0x86DD, record.Packet("udp", 40000, 5001, 748, 708, 700)),
        (ipv4(6, TCP) + bytes(2), 0x0800, record.Packet("tcp", 40000, 5001, 52, 32, 0)),
        (ipv4(17, bytes(100), fragment=185), 0x0800, None),
        (ipv4(1, bytes(64)), 0x0800, None),
        (bytes(28), 0x0806, None),
    ],
    ids=["tcp", "udp", "tcp over ipv6", "udp over ipv6", "padding", "later fragment", "icmp", "arp"],
)
def test_headers_are_read_from_the_packet(packet: bytes, kind: int, expected: record.Packet | None) -> None:
    assert record.parse(packet, kind) == expected


@given(st.binary(max_size=100), st.sampled_from([0x0800, 0x86DD, 0x0806]))
def test_any_bytes_parse_as_packet_or_none(data: bytes, kind: int) -> None:
    parsed = record.parse(data, kind)
    assert parsed is None or parsed.ip >= parsed.segment >= parsed.payload


def test_parsers_accept_the_output_of_each_tool() -> None:
    assert parsers.vnstat_total(
        '{"interfaces": [{"name": "uplink0", "traffic": {"total": {"rx": 7, "tx": 8}}},'
        ' {"name": "br0", "traffic": {"total": {"rx": 1, "tx": 1}}}]}',
        ["uplink0", "uplink1"],
    ) == Both(7, 8)
    assert parsers.vnstat_total('{"interfaces": []}', ["uplink0"]) is None
    assert parsers.bmon_total(["uplink0 1 2", "uplink1 10 20", "uplink0 3 4"]) == Both(13, 24)
    assert parsers.conky_total(["0 0 0 0", "5 6 70 80"]) == Both(75, 86)
    assert parsers.ours_total(
        ['{"total": {"rx_delta": null, "tx_delta": null}}', '{"total": {"rx_delta": 5, "tx_delta": 6}}'] * 2
    ) == Both(10, 12)
    assert parsers.first_number(" version 0.8.7-2\n") == "0.8.7"


def test_rows_of_nethogs_keep_their_last_amounts() -> None:
    printed = """
Refreshing:
/usr/bin/python3 /tmp/nwt-score-x/acc-one app/71/65534\t100\t200
/usr/bin/python3 /tmp/nwt-score-x/acc-one app/72/65534\t1\t2
unknown TCP/0/0\t10\t20

Refreshing:
/usr/bin/python3 /tmp/nwt-score-x/acc-one app/71/65534\t1.12457e+06\t300
unknown TCP/0/0\t10\t21
"""
    rows = parsers.nethogs_rows(printed.splitlines())
    assert parsers.nethogs_apps(rows) == ({"acc-one": Both(302, 1_124_571)}, Both(21, 10))


def test_iftop_counts_in_steps_of_1024() -> None:
    text = "Cumulative (sent/received/total):   0B  0B  0B\nCumulative (sent/received/total):   20.9KB   197B   21KB\n"
    assert parsers.iftop_total(text) == Both(197, 21401)
    assert parsers.iftop_total("Listening on uplink0\n") == Both()


def test_rows_of_bandwhich_have_processes_and_connections() -> None:
    printed = """
Refreshing:
process: <1795803530> "acc-two" up/down Bps: 1/2 connections: 0
process: <1795803530> "<UNKNOWN>" up/down Bps: 5855/90380 connections: 2
connection: <1795803530> <uplink0>:50250 => 10.0.0.1:5001 (tcp) up/down Bps: 3/4 process: "acc-two"
process: <1795803531> "acc-two" up/down Bps: 11/12 connections: 0
""".splitlines()
    assert parsers.bandwhich_seen(printed) == Seen(Both(4, 3), {"acc-two": Both(12, 11)}, Both(90380, 5855))


def test_connections_of_rustnet_keep_their_last_amounts() -> None:
    line = (
        '{{"connections": [{{"id": "a", "process": {}, "traffic": {{"bytes_sent": {}, "bytes_received": 1}}}},'
        ' {{"id": "b", "process": {{"name": "acc-app"}}, "traffic": {{"bytes_sent": 3, "bytes_received": 4}}}}]}}'
    )
    lines = [line.format("null", 5), line.format("null", 6), '{"connections": []}']
    assert parsers.rustnet_seen(lines) == Seen(Both(5, 9), {"acc-app": Both(4, 3)}, Both(1, 6))


def test_our_apps_without_a_name_are_distinguished() -> None:
    names = ("script:x", "acc-app"), ("exited", "Exited before seen"), ("searching", "Being looked for")
    amounts = {"rx_bytes": 5, "tx_bytes": 6, "local_rx_bytes": 1, "local_tx_bytes": 0}
    seen = parsers.ours_seen({"apps": [{"key": key, "name": name, **amounts} for key, name in names]}, Both(1, 2))
    assert seen == Seen(Both(1, 2), {"acc-app": Both(5, 6)}, Both(12, 12), {"acc-app": Both(1, 0)})


SENT = Truth({Unit.FRAMES: Both(2000, 300)}, {"acc-app": {Unit.PAYLOAD: Both(1000, 200)}})


def judged(total: Both, apps: dict[str, Both], unnamed: Both = Both(), digits: int | None = None) -> Result:  # noqa: B008
    before = Seen(Both(50, 60), {"acc-app": Both(7, 7)})
    added = {name: moved.plus((before.apps or {}).get(name, Both())) for name, moved in apps.items()}
    after = Seen(total.plus(Both(50, 60)), added, unnamed, digits=digits)
    return judge(SENT, Unit.FRAMES, Unit.PAYLOAD, before, after)


def test_verdict_depends_on_the_deviation() -> None:
    right, half = Both(1000, 200), Both(500, 200)
    both = judged(Both(2000, 300), {"acc-app": right})
    assert both.is_exact
    assert judged(Both(2010, 300), {}, digits=3).total.verdict is Verdict.ROUNDED
    assert judged(Both(2100, 300), {}, digits=3).total.verdict is Verdict.DOUBLED
    assert judged(Both(2000, 299), {}).total == (Verdict.MISSED, Both(0, -1))
    assert judged(Both(), {"acc-app": half}).apps == (Verdict.MISSED, Both(-500, 0))
    assert judged(Both(), {"acc-app": half}, Both(500, 0)).apps.verdict is Verdict.UNNAMED
    assert judged(Both(), {"acc-app": half, "other": Both(500, 0)}).apps.verdict is Verdict.MISATTRIBUTED
    assert judged(Both(), {"acc-app": Both(2000, 200)}).apps.verdict is Verdict.DOUBLED


def test_amounts_that_a_tool_does_not_show_get_no_verdict() -> None:
    result = judge(SENT, Unit.FRAMES, Unit.PAYLOAD, Seen(Both(1, 1)), Seen(Both(2001, 301)))
    assert (result.total.verdict, result.apps.verdict) == (Verdict.EXACT, Verdict.UNCLAIMED)
    assert not result.is_exact
    frames = judge(SENT, Unit.FRAMES, Unit.FRAMES, Seen(), Seen(apps={"acc-app": Both(1, 1)}))
    assert frames.apps.verdict is Verdict.UNCLAIMED, "the frames of an app on the loopback are not recorded"


def test_bytes_that_stay_on_the_machine_are_compared_with_local_ones() -> None:
    sent = Truth({Unit.FRAMES: Both()}, {"acc-app": {Unit.PAYLOAD: Both(9, 8)}}, True, frozenset({"acc-server"}))
    after = Seen(Both(), {"acc-app": Both()}, local={"acc-app": Both(9, 8), "acc-server": Both(8, 9)})
    assert judge(sent, Unit.FRAMES, Unit.PAYLOAD, Seen(Both(), {}), after) == (
        (Verdict.EXACT, Both()),
        (Verdict.EXACT, Both()),
        Both(),
    )


def test_there_are_24_scenarios_with_names_of_their_own() -> None:
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS) == 24


def test_each_inexact_scenario_has_a_cause_and_sentences() -> None:
    assert all((scenario.cause is None) == (not scenario.why) for scenario in SCENARIOS)


def test_page_lists_where_another_is_better_and_why() -> None:
    scenario = next(each for each in SCENARIOS if each.why)
    missed = judged(Both(2000, 300), {"acc-app": Both(500, 200)})
    exact = judged(Both(2000, 300), {"acc-app": Both(1000, 200)})
    costs = {"NetWatch Tray": Cost(30, 60, 20), "Peer": Cost(60, 60, 2)}
    played = table.Played(scenario, SENT, (), {"NetWatch Tray": missed, "Peer": exact}, costs)
    board = table.Board(
        played=[played],
        tools=[table.Tool("NetWatch Tray", "0.1", "Ours."), table.Tool("Peer", "2.0", "Made up.")],
        left_out={"gone": "not installed"},
        minutes=1.0,
        loads=(0.5, 1.5),
        machine="a machine",
        date="2026-01-01",
    )
    page = table.document(board, {})
    assert "| Peer 2.0 | 1 | 1 | 1 | 60 | 2.0 |" in page
    assert "| NetWatch Tray 0.1 | 0 | 1 | 0 | 30 | 20.0 |" in page
    assert f"`{scenario.name}`, apps, NetWatch Tray only: missed -500 ↓ +0 ↑. {scenario.why}" in page
    assert "**Exact here: Peer.**" in page
    assert f"| {scenario.cause} | 1 | `{scenario.name}` |" in page
    assert "Not run: gone (not installed)." in page
    rows = {row.name: row.value for row in table.rows(board)}
    assert rows["accuracy.ours.exact"] == 0
    assert rows["accuracy.best_peer.exact"] == rows["accuracy.scenarios"] == 1


def test_each_peer_has_a_program_and_a_description() -> None:
    assert len({peer.name for peer in PEERS}) == len(PEERS) >= 4
    assert all(peer.about and peer.program for peer in PEERS)
