"""The scoreboard's words: lines while it runs, rows for `--json`, and docs/accuracy.md. Pure."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks._harness import Row
from benchmarks.accuracy.amounts import Both, Judged, Result, Truth, Verdict
from benchmarks.accuracy.processes import Cost
from benchmarks.accuracy.scenarios import Cause, Scenario

_OURS = ("NetWatch Tray", "NetWatch Tray with helper")


class Played(NamedTuple):
    """The results of a scenario."""

    scenario: Scenario
    truth: Truth
    differences: tuple[str, ...]
    """Where the record of the wire differs from counters or programs."""
    results: Mapping[str, Result]
    costs: Mapping[str, Cost]


class Tool(NamedTuple):
    name: str
    version: str
    about: str
    """How the tool was run, and what it does not claim to show."""


class Board(NamedTuple):
    played: Sequence[Played]
    tools: Sequence[Tool]
    left_out: Mapping[str, str]
    minutes: float
    loads: tuple[float, float]
    """Load of the machine before and after."""
    machine: str
    date: str


def in_short(played: Played) -> str:
    """Return the name of the scenario and a line for each tool."""
    lines = [f" {difference}" for difference in played.differences]
    for name, result in played.results.items():
        total, apps = (_cell(each) for each in (result.total, result.apps))
        lines.append(f"    {name:26} total {total:28} apps {apps:28} others {_both(result.others)}")
    return "\n".join(["", *lines])


def _both(error: Both) -> str:
    return "0" if error == Both() else f"{error.rx:+d} ↓ {error.tx:+d} ↑"


def _cell(judged: Judged) -> str:
    if judged.verdict in {Verdict.EXACT, Verdict.UNCLAIMED}:
        return "exact" if judged.verdict == Verdict.EXACT else "–"
    return f"{judged.verdict} {_both(judged.error)}"


_HEAD = """\
# Accuracy

Known bytes, counted by this program and by others at the same time. This page is written by `./dev bench accuracy
--write`; do not edit it. It needs Linux and root, makes network namespaces of its own, and runs what is installed of
{programs} (`apt-get install vnstat nethogs iftop bmon conky-std`,
`cargo install bandwhich rustnet-monitor`). Nothing leaves the machine.

Run on {date}, {machine}, in {minutes:.0f} minutes.

## Result

| | total and apps exact | total exact | apps exact | CPU, ms/min | memory (PSS), MB |
|---|---:|---:|---:|---:|---:|
{scores}

Of {count} scenarios. *Exact* means equal to the last byte, in both directions. What a tool does not show counts as not
exact, so compare tools that show no apps by their totals. The load of the machine was {before:.1f} when the run began
and {after:.1f} when it ended, on {processors} processors, so compare CPU times with one another only. Each was measured
from the start of the traffic until the tools were read, with its output read each second or two. Bytes do not depend on
the load; whether a short connection was seen in time may.

## How it is measured

Each scenario has a network of its own: the machine with the tools and the apps, a far side, and a wire between them.
All tools start and become ready, known bytes move, and once our numbers stand still every tool is read.

- **Sent**: each app counts the payload that it sends and receives.
- **Headers**: a frame is its payload, 8 bytes of UDP or a TCP header with its options, 20 bytes of IPv4 or 40 of IPv6,
  and 14 bytes of Ethernet. All packets are recorded at the far end, headers are read from them, and the sum has to be
  what the interface there counted. {model}
- **Total**: what passed the wires of the uplinks. Tools that count interfaces or capture frames are compared with
  frames, others with what they say they count: IP packets, or these without their header.
- **Apps**: we are compared with payload; tools that capture, with their unit.
- A tool that shows few digits is *rounded* where its digits are right.

Verdicts: **exact**, **rounded**, **missed** (fewer than were sent), **no name** (the tool has them, but says that it
does not know the app), **misattributed** (another app has them), **too many**, **–** (the tool does not show this).
Errors are bytes, received ↓ and sent ↑.
"""


def document(board: Board, reasons: Mapping[str, str]) -> str:
    """Return the text of docs/accuracy.md. `reasons`: why tools were not run."""
    scores = []
    for tool in board.tools:
        both, total, apps = score(board, tool.name)
        cost = cost_of(board, tool.name)
        name = f"{tool.name} {tool.version}"
        spent = cost.cpu_ms * 60 / (cost.elapsed_s or 1)
        scores.append(f"| {name} | {both} | {total} | {apps} | {spent:.0f} | {cost.pss_mb:.1f} |")
    odd = [
        f"`{played.scenario.name}` ({'; '.join(played.differences)})" for played in board.played if played.differences
    ]
    model = (
        f"It was, and the payload in the packets was what the apps counted, in all scenarios but {', '.join(odd)}: "
        "repeated packets."
        if odd
        else "It was, in all scenarios, and the payload in the packets was what the apps counted."
    )
    head = _HEAD.format(
        programs=", ".join(tool.name for tool in board.tools if tool.name not in _OURS),
        date=board.date,
        machine=board.machine,
        minutes=board.minutes,
        scores="\n".join(scores),
        count=len(board.played),
        before=board.loads[0],
        after=board.loads[1],
        processors=os.cpu_count(),
        model=model,
    )
    parts = [
        head,
        "## The total",
        _matrix(board, "total"),
        "## The apps",
        _matrix(board, "apps"),
        "## Where we are not exact, and where another is better",
        _causes(board),
        "\n".join(_shortcomings(board)) or "Nowhere.",
        "## The scenarios",
        "\n".join(f"- `{each.scenario.name}`: {_about(each.scenario)}" for each in board.played),
        "## The tools",
        "\n".join(f"- **{tool.name} {tool.version}**: {tool.about}" for tool in board.tools),
    ]
    if board.left_out or reasons:
        missing = {**reasons, **board.left_out}
        parts.append("Not run: " + "; ".join(f"{name} ({reason})" for name, reason in sorted(missing.items())) + ".")
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _about(scenario: Scenario) -> str:
    return f"{scenario.about}. {scenario.note}".strip()


def _matrix(board: Board, question: str) -> str:
    tools = [tool.name for tool in board.tools]
    lines = ["| | " + " | ".join(tools) + " |", "|---|" + "---|" * len(tools)]
    for played in board.played:
        cells = [_cell(getattr(played.results[name], question)) for name in tools]
        lines.append(f"| `{played.scenario.name}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _causes(board: Board) -> str:
    """Return a table of the scenarios in which this program is not exact without the helper, grouped by cause."""
    names: dict[Cause, list[str]] = {}
    for played in board.played:
        result = played.results.get(_OURS[0])
        if result is not None and not result.is_exact and played.scenario.cause is not None:
            names.setdefault(played.scenario.cause, []).append(f"`{played.scenario.name}`")
    lines = [f"| {cause} | {len(found)} | {', '.join(found)} |" for cause, found in sorted(names.items())]
    head = "Without the helper the kernel does not show:\n\n| | scenarios | |\n|---|---:|---|\n"
    return head + "\n".join(lines) if lines else ""


def _shortcomings(board: Board) -> list[str]:
    """Return a line for each scenario and figure (total, apps) in which this program was not exact, with or without the
    helper."""
    found = []
    for played in board.played:
        for question in ("total", "apps"):
            judged = {name: getattr(result, question) for name, result in played.results.items()}
            ours = {name: each for name, each in judged.items() if name in _OURS and each.verdict != Verdict.EXACT}
            if not ours:
                continue
            better = [name for name, each in judged.items() if each.verdict == Verdict.EXACT and name not in _OURS]
            which = "with and without the helper" if len(ours) == 2 else f"{next(iter(ours))} only"
            line = f"- `{played.scenario.name}`, {question}, {which}: "
            line += "; ".join(dict.fromkeys(_cell(each) for each in ours.values())) + ". " + played.scenario.why
            found.append(line.rstrip() + (f" **Exact here: {', '.join(better)}.**" if better else ""))
    return found


def rows(board: Board) -> list[Row]:
    found = [Row("accuracy.scenarios", len(board.played), "", more_is_better=True)]
    scores = {tool.name: score(board, tool.name) for tool in board.tools}
    keys = {_OURS[0]: "ours", _OURS[1]: "ours_helper"}
    for name, each in scores.items():
        key = keys.get(name, name.lower())
        found.append(Row(f"accuracy.{key}.exact", each.both, "", more_is_better=True))
        found.append(Row(f"accuracy.{key}.total_exact", each.total, "", more_is_better=True))
        found.append(Row(f"accuracy.{key}.apps_exact", each.apps, "", more_is_better=True))
        cost = cost_of(board, name)
        found.append(Row(f"accuracy.{key}.cpu_ms_per_min", cost.cpu_ms * 60 / (cost.elapsed_s or 1), "ms/min"))
        found.append(Row(f"accuracy.{key}.pss_mb", cost.pss_mb, "MB"))
    peers = [each for name, each in scores.items() if name not in _OURS]
    if peers:
        found.append(Row("accuracy.best_peer.exact", max(each.both for each in peers), "", more_is_better=True))
        found.append(Row("accuracy.best_peer.total_exact", max(each.total for each in peers), "", more_is_better=True))
        found.append(Row("accuracy.best_peer.apps_exact", max(each.apps for each in peers), "", more_is_better=True))
    found.append(Row("accuracy.peers", len(peers), "", more_is_better=True))
    found.append(Row("accuracy.minutes", board.minutes, "min"))
    return found


class Score(NamedTuple):
    """The number of scenarios in which a tool was exact."""

    both: int
    total: int
    apps: int


def score(board: Board, name: str) -> Score:
    results = [played.results[name] for played in board.played]
    return Score(
        sum(each.is_exact for each in results),
        sum(each.total.verdict == Verdict.EXACT for each in results),
        sum(each.apps.verdict == Verdict.EXACT for each in results),
    )


def cost_of(board: Board, name: str) -> Cost:
    result = Cost()
    for played in board.played:
        result = result.plus(played.costs[name])
    return result
