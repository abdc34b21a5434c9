"""The history to other programs and from them: `export`, `import`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from netwatch_tray.cli.session import DONE, add_days, chosen_days, open_history, print_csv, print_json, usable_settings
from netwatch_tray.errors import HistoryError
from netwatch_tray.text import printable

if TYPE_CHECKING:
    from netwatch_tray.history.reader import HistoryReader, Kind, Used

_STEPS = {"10s": 10, "minute": 60, "hour": 3600, "day": 0}
"""Seconds; a day has as many as it has."""
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


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser("export", help="the history as CSV or JSON")
    what = verb.add_mutually_exclusive_group()
    what.add_argument("--interfaces", action="store_true", help="per interface; default: the total")
    what.add_argument("--apps", action="store_true", help="per app (TCP payload)")
    verb.add_argument("--name", help="of one interface or app alone")
    add_days(verb)
    verb.add_argument("--step", choices=_STEPS, default="hour", help="default: hour")
    verb.add_argument("--json", action="store_true", help="one JSON object a line; default: CSV")
    verb.set_defaults(verb=_export)

    verb = verbs.add_parser("import", help="the past from vnStat: vnstat --json | netwatch-tray import -")
    verb.add_argument("file", type=Path, metavar="FILE", help="what `vnstat --json` printed; -: standard input")
    verb.add_argument(
        "--total",
        action="append",
        default=[],
        metavar="INTERFACE",
        help="belongs to the total; default: those that make it now or ever did",
    )
    verb.set_defaults(verb=_import)


def _export(options: argparse.Namespace) -> int:
    kind: Kind = "interface" if options.interfaces else "app" if options.apps else "total"
    first, last = chosen_days(options, 30)
    with open_history() as reader:
        if options.step == "day":
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
    reader: HistoryReader, kind: Kind, name: str | None, first: date, last: date, step: int
) -> Iterator[tuple[object, ...]]:
    """What is stored of each series, then what gaps carried."""
    from netwatch_tray.history.reader import midnight, midnight_after

    start, end = int(midnight(first)), int(midnight_after(last))
    for row in reader.rows(kind, name, start, end, step):
        peaks = row.rx_peak, row.tx_peak
        yield (_moment(row.at), row.seconds, row.name, row.rx, row.tx, *peaks, row.covered_s, None)
    for gap in reader.carried(kind, name, start, end):
        seconds = round(gap.finish - gap.start)
        yield (_moment(gap.start), seconds, gap.name, gap.rx, gap.tx, None, None, 0.0, gap.reason)


def _days(reader: HistoryReader, kind: Kind, name: str | None, first: date, last: date) -> Iterator[tuple[object, ...]]:
    names = [name] if name else reader.names(kind)
    for each in names:
        for day, used in reader.days(kind, each, first, last).items():
            yield _span(day, day, each, used)
        for days, used in reader.undated(kind, each, first, last):
            yield _span(days.first, days.last, each, used)


def _span(first: date, last: date, name: str, used: Used) -> tuple[object, ...]:
    from netwatch_tray.history.reader import midnight, midnight_after

    seconds = int(midnight_after(last) - midnight(first))
    note = "imported" if used.imported else None
    return (first.isoformat(), seconds, name, used.rx, used.tx, None, None, used.covered_s, note)


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().isoformat(timespec="seconds")


def _import(options: argparse.Namespace) -> int:
    from netwatch_tray import paths
    from netwatch_tray.history import imports, vnstat

    document = sys.stdin.buffer.read() if str(options.file) == "-" else _read(options.file)
    told = vnstat.parse(document)
    names = sorted({each.name for each in told})
    file = paths.history_file()
    counted = imports.counted_in_total(file) | set(options.total)
    counted |= {name for name, is_counted in usable_settings().total.items() if is_counted}
    imports.add_imports(file, told, counted)
    for name in names:
        own = [each for each in told if each.name == name]
        days = sum(each.span == "day" for each in own)
        where = "counted in the total" if name in counted else f"not in the total (--total {printable(name)} counts it)"
        print(f"{printable(name)}: days: {days}, months and years: {len(own) - days}; {where}.")
    print("Only what is older than this program's own first day counts, so nothing counts twice.")
    return DONE


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise HistoryError(f"{file} cannot be read: {error.strerror}.") from error
