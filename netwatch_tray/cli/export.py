"""The subcommands `export` and `import`: the history as CSV or JSON, and amounts that vnStat measured."""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from netwatch_tray.cli.dates import add_days, chosen_days
from netwatch_tray.cli.session import (
    DONE,
    complain,
    open_history,
    print_csv,
    print_json,
    usable_settings,
)
from netwatch_tray.cli.usage import NAMES_OF_REST, network_called, network_label
from netwatch_tray.errors import HistoryError
from netwatch_tray.language import mark, translate
from netwatch_tray.text import printable

if TYPE_CHECKING:
    from netwatch_tray.history.reader import HistoryReader
    from netwatch_tray.history.results import GapBytes, Used
    from netwatch_tray.history.series import SeriesKind

_STEPS = {"10s": 10, "minute": 60, "hour": 3600, "day": 0}
"""Length in seconds of the rows that each choice of `--step` makes; 0 for days, whose lengths differ."""
_MOST_LISTED = 5
_COLUMNS = (
    "start",
    "seconds",
    "name",
    "rx_bytes",
    "tx_bytes",
    "rx_peak_bytes_s",
    "tx_peak_bytes_s",
    "measured_s",
    "note",
)


def add_subcommands(subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subcommands.add_parser(
        "export", example="netwatch-tray export --interfaces --step day --from -7d", help="the history as CSV or JSON"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--interfaces", action="store_true", help="per interface; default: the total")
    what.add_argument("--apps", action="store_true", help="per app (TCP payload)")
    what.add_argument("--networks", action="store_true", help="per network; only with --step day")
    parser.add_argument("--name", help="of one interface, app or network alone")
    add_days(
        parser,
        mark(
            "Terminal",
            "first day, such as 2026-01-31, today, yesterday or -7d (7 days ago); default: 30 days up to --to",
        ),
    )
    parser.add_argument("--step", choices=_STEPS, default="hour", help="default: hour")
    parser.add_argument("--json", action="store_true", help="one JSON object a line; default: CSV")
    parser.set_defaults(run=_export)

    parser = subcommands.add_parser(
        "import",
        example="vnstat --json | netwatch-tray import -",
        help="the past from vnStat: vnstat --json | netwatch-tray import -",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="what `vnstat --json` printed; -: standard input")
    parser.add_argument(
        "--total",
        action="append",
        default=[],
        metavar="INTERFACE",
        help="belongs to the total; default: those that make it now or ever did",
    )
    parser.set_defaults(run=_import)


def _export(options: argparse.Namespace) -> int:
    kind: SeriesKind = "interface" if options.interfaces else "app" if options.apps else "total"
    if options.networks and options.step != "day":
        options.parser.error(translate("Terminal", "--networks needs --step day: networks are kept per day"))
    first, last = chosen_days(options, 30)
    with open_history() as reader:
        if options.networks:
            rows = _networks(reader, options.name, first, last)
        elif options.step == "day":
            rows = _days(reader, kind, options.name, first, last)
        else:
            rows = _values(reader, kind, options.name, first, last, _STEPS[options.step])
        if options.json:
            for row in rows:
                print_json(dict(zip(_COLUMNS, row, strict=True)))
        else:
            print_csv(_COLUMNS, rows)
    return DONE


def _values(
    reader: HistoryReader, kind: SeriesKind, name: str | None, first: date, last: date, step: int
) -> Iterator[tuple[object, ...]]:
    """Yield the CSV rows of the stored intervals; then, for each gap in the history, a row with the bytes that were
    counted while NetWatch was not measuring."""
    from netwatch_tray.history.usage import midnight, midnight_after

    start, end = int(midnight(first)), int(midnight_after(last))
    apps: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
    for row in reader.rows(kind, name, start, end, step):
        apps[row.at][0] += row.rx
        apps[row.at][1] += row.tx
        peaks = row.rx_peak, row.tx_peak
        yield (_moment(row.at), row.seconds, row.name, row.rx, row.tx, *peaks, row.covered_s, None)
    if kind == "app" and name is None:
        if step >= _STEPS["minute"]:  # of shorter times nothing is kept of apps
            yield from _other(reader, apps, start, end, step)
        for gap in reader.carried("total", None, start, end):
            yield _gap(gap._replace(name=NAMES_OF_REST["unmeasured"]))
    else:
        yield from map(_gap, reader.carried(kind, name, start, end))


def _other(
    reader: HistoryReader, apps: Mapping[int, Sequence[int]], start: int, end: int, step: int
) -> Iterator[tuple[object, ...]]:
    """Yield the CSV rows of the bytes of the total that belong to no app.

    Apps are read a moment later than the interfaces, so the apps of an interval may have more bytes than the total. The
    excess is then subtracted from the following rows.
    """
    ahead_rx = ahead_tx = 0
    for row in reader.rows("total", None, start, end, step):
        rx, tx = apps.get(row.at, (0, 0))
        rx, tx = row.rx - rx - ahead_rx, row.tx - tx - ahead_tx
        ahead_rx, ahead_tx = max(0, -rx), max(0, -tx)
        if rx > 0 or tx > 0:
            name, covered = NAMES_OF_REST["other"], row.covered_s
            yield (_moment(row.at), row.seconds, name, max(0, rx), max(0, tx), None, None, covered, "other")


def _gap(gap: GapBytes) -> tuple[object, ...]:
    seconds = round(gap.finish - gap.start)
    return (_moment(gap.start), seconds, gap.name, gap.rx, gap.tx, None, None, 0.0, gap.reason.label)


def _days(
    reader: HistoryReader, kind: SeriesKind, name: str | None, first: date, last: date
) -> Iterator[tuple[object, ...]]:
    names = [name] if name else reader.names(kind)
    for each in names:
        for day, used in reader.days(kind, each, first, last).items():
            yield _span(day, day, each, used)
        for days, used in reader.undated(kind, each, first, last):
            yield _span(days.first, days.last, each, used)
    if kind == "app" and name is None:
        for day in reader.days("total", None, first, last):
            for rest, used in reader.remainder(day, day)._asdict().items():
                if used.both:
                    yield (*_span(day, day, NAMES_OF_REST[rest], used)[:-1], rest)
        for days, used in reader.undated("total", None, first, last):
            yield _span(days.first, days.last, NAMES_OF_REST["imported"], used)


def _networks(reader: HistoryReader, name: str | None, first: date, last: date) -> Iterator[tuple[object, ...]]:
    settings = usable_settings()
    with_names = settings.history.network_names
    found = reader.networks(with_names=with_names)
    for each in [network_called(reader, settings, name)] if name else found:
        days = reader.days("total", None, first, last, network=each.key, with_names=with_names)
        for day, used in days.items():
            if used.both:
                yield _span(day, day, network_label(each), used)


def _span(first: date, last: date, name: str, used: Used) -> tuple[object, ...]:
    from netwatch_tray.history.usage import midnight, midnight_after

    seconds = int(midnight_after(last) - midnight(first))
    note = "imported" if used.imported else None
    return (first.isoformat(), seconds, name, used.rx, used.tx, None, None, used.covered_s, note)


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().isoformat(timespec="seconds")


def _import(options: argparse.Namespace) -> int:
    from netwatch_tray import paths
    from netwatch_tray.history import imports, vnstat

    document = sys.stdin.buffer.read() if str(options.file) == "-" else _read(options.file)
    told = vnstat.parse(document, date.today())  # noqa: DTZ011  the user's own days
    names = sorted({each.name for each in told.imports})
    file = paths.history_file()
    counted = imports.counted_in_total(file) | set(options.total)
    counted |= {name for name, is_counted in usable_settings().total.items() if is_counted}
    imports.add_imports(file, told.imports, counted)
    for name in names:
        own = [each for each in told.imports if each.name == name]
        days = sum(each.span == "day" for each in own)
        row = translate("Terminal", "{name}: days: {days}, months and years: {longer}; counted in the total.")
        if name not in counted:
            row = translate(
                "Terminal",
                "{name}: days: {days}, months and years: {longer}; not in the total (--total {name} counts it).",
            )
        print(row.format(name=printable(name), days=days, longer=len(own) - days))
    if told.added:
        twice = translate(
            "Terminal", "Rows of a day, month or year that was there already: {count}. They were added up."
        )
        print(twice.format(count=told.added))
    if told.refused:
        refused = translate("Terminal", "Rows that cannot be right were left out: {count}")
        lines = [refused.format(count=len(told.refused))]
        lines += [f"  {printable(each)}" for each in told.refused[:_MOST_LISTED]]
        if (more := len(told.refused) - _MOST_LISTED) > 0:
            lines.append("  " + translate("Terminal", "and {count} more").format(count=more))
        complain("\n".join(lines))
    print(
        translate("Terminal", "Only what is older than this program's own first day counts, so nothing counts twice.")
    )
    return DONE


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise HistoryError("{file} cannot be read: {reason}.", file=file, reason=error) from error
