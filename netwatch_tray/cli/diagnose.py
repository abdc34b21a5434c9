"""Diagnostics: `doctor` and `selftest`."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import netwatch_tray
from netwatch_tray import language
from netwatch_tray.cli.session import (
    DONE,
    WRONG,
    ask_status,
    can_print,
    feed_socket,
    print_json,
    print_pairs,
    print_table,
)
from netwatch_tray.errors import AgentBusyError, AgentUnreachableError, Message, NetWatchError, message
from netwatch_tray.language import mark, said, translate
from netwatch_tray.model import Role
from netwatch_tray.text import printable

if TYPE_CHECKING:
    from netwatch_tray.feed.protocol import Status
    from netwatch_tray.selftest import Verdict


_ROLES = {
    Role.UPLINK: mark("Terminal", "uplink"),
    Role.UNDERLAY: mark("Terminal", "underlay"),
    Role.BRIDGE: mark("Terminal", "bridge"),
    Role.BOND: mark("Terminal", "bond"),
    Role.BRIDGE_PORT: mark("Terminal", "bridge port"),
    Role.BOND_MEMBER: mark("Terminal", "bond member"),
    Role.VLAN: mark("Terminal", "VLAN"),
    Role.VLAN_PARENT: mark("Terminal", "VLAN parent"),
    Role.CONTAINER_END: mark("Terminal", "container end"),
    Role.TUNNEL: mark("Terminal", "tunnel"),
    Role.LOOPBACK: mark("Terminal", "loopback"),
    Role.OTHER: mark("Terminal", "other"),
}
_PATIENCE = 5.0
"""Seconds to wait for the first reading of the helper, which may just be starting."""


def add_subcommands(subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subcommands.add_parser(
        "doctor", example="netwatch-tray doctor", help="what was found on this system, which way was chosen, and why"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object")
    form.add_argument(
        "--show", action="store_true", help="in the program that shows text files, as the tray's menu does"
    )
    parser.set_defaults(run=_doctor)

    parser = subcommands.add_parser(
        "selftest",
        example="netwatch-tray selftest --installed",
        help="move known amounts over the loopback and compare what is counted",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument(
        "--installed", action="store_true", help="check that this installation has all its parts instead"
    )
    parser.set_defaults(run=_selftest)


def _connections(problems: list[Message]) -> str:
    """Return in words which source of connections is used, what it does not provide, and why no better one is used.
    Append to `problems` the reason if there is none."""
    from netwatch_tray.collect.connections import open_source
    from netwatch_tray.errors import UnsupportedError

    try:
        source = open_source()
    except UnsupportedError as error:
        problems.append(error.message)
        return translate("Terminal", "none: {reason}").format(reason=said(error.message))
    source.close()
    return f"{source.name}. {said(source.note)}" if source.note else source.name


def _helper(problems: list[Message]) -> str:
    """Return in words what the helper provides to this user, or why there is none. Append to `problems` the reason if a
    helper is set up but does not work."""
    from netwatch_tray.agent.helper_link import describe
    from netwatch_tray.collect.sources import Sources

    client = Sources().helper()
    if client is None:
        return said(describe(None))
    client.read(_PATIENCE)
    words = said(describe(client))
    if client.is_set_up and client.reason is not None:
        problems.append(client.reason)
    client.close()
    return words


def _agent(status: Status, problems: list[Message]) -> str:
    """Return the state of a running agent in words, and append what it reports as faulty to `problems`."""
    problems += filter(None, (status.no_tray, status.upload_fault, status.otlp_fault, *status.faults))
    return translate("Terminal", "running, process {pid}; tray: {tray}").format(pid=status.pid, tray=said(status.tray))


def _countries() -> str:
    from netwatch_tray.collect.country import Countries

    return Countries().source or translate("Terminal", "none: there is no database of countries")


def _doctor(options: argparse.Namespace) -> int:
    from netwatch_tray import desktop_files, paths, settings, wording
    from netwatch_tray.cli.desktop import in_words
    from netwatch_tray.collect.interfaces import open_interfaces
    from netwatch_tray.engine.monitor import Monitor
    from netwatch_tray.interface_tree import as_tree
    from netwatch_tray.tray.survey import survey

    if options.json:
        language.use(language.ENGLISH)  # programs read it
    opened = open_interfaces()
    chosen, error = settings.read(paths.settings_file())
    monitor = Monitor(opened.source, 1.0, chosen.total)
    tick = monitor.tick()
    interfaces = tick.interfaces if tick else ()
    opened.source.close()
    faults = (error.message if error else None, monitor.fault, opened.source.note)
    problems = [fault for fault in faults if fault is not None]
    helper = ""
    try:
        status = ask_status()
        helper = said(status.helper) if status.helper else ""
        agent = _agent(status, problems)
    except AgentBusyError as busy:
        problems.append(busy.message)
        agent = said(busy.message)
    except AgentUnreachableError as stopped:
        problems.append(stopped.message)
        agent = translate("Terminal", "not running")
    try:
        feed = str(feed_socket())
    except AgentUnreachableError as unusable:
        feed = said(unusable.message)
    program = f"netwatch-tray {netwatch_tray.__version__}, Python {sys.version.split()[0]}, {sys.platform}"
    fine = translate("Terminal", "{file}: fine").format(file=paths.settings_file())
    report = {
        translate("Terminal", "program"): program,
        translate("Terminal", "agent"): agent,
        translate("Terminal", "settings"): said(error.message) if error else fine,
        translate("Terminal", "feed"): feed,
        **survey(chosen),
        **(
            {translate("Terminal", "menu entry and icons"): in_words(desktop_files.find())}
            if sys.platform == "linux"
            else {}
        ),
        translate("Terminal", "counters"): "; ".join(f"{name}: {said(state)}" for name, state in opened.report),
        **({translate("Terminal", "note"): said(opened.source.note)} if opened.source.note else {}),
        translate("Terminal", "connections"): _connections(problems),
        **({translate("Terminal", "helper"): helper or _helper(problems)} if sys.platform == "linux" else {}),
        translate("Terminal", "countries"): _countries(),
        **{
            f"{'  ' * (depth + 1)}{each.name}": f"{translate('Terminal', _ROLES[each.role])}, {wording.why(each)}"
            for depth, each in as_tree(interfaces)
        },
    }
    sentences = list(dict.fromkeys(map(said, problems)))  # the agent reports some that were found here as well
    if options.json:
        print_json({"problems": sentences, **{key.strip(): value for key, value in report.items()}})
    elif options.show:
        _show(sentences, report)
    else:
        _print_report(sentences, report)
    return DONE


def _print_report(problems: Sequence[str], report: Mapping[str, str]) -> None:
    """Print whether there are problems, the problems, and then the findings by subject."""
    print(_verdict(len(problems)))
    for problem in problems:
        print(f"  {printable(problem)}")
    print()
    print_pairs(report)


def _verdict(problems: int) -> str:
    if problems == 0:
        sign, text = "✓", translate("Terminal", "all fine")
    elif problems == 1:
        sign, text = "✗", translate("Terminal", "1 problem")
    else:
        sign, text = "✗", translate("Terminal", "{count} problems").format(count=problems)
    return f"{sign} {text}" if can_print(sign) else text


def _show(problems: Sequence[str], report: Mapping[str, str]) -> None:
    """Write the report to a file, and open it with the program that the desktop uses for text files."""
    import subprocess

    from netwatch_tray import paths

    try:
        file = paths.report_file()
        with file.open("w", encoding="utf-8", errors="replace") as opened, contextlib.redirect_stdout(opened):
            _print_report(problems, report)
    except OSError as error:
        raise NetWatchError(
            "The report cannot be saved in {filename}: {reason}. Read it in a terminal: netwatch-tray doctor",
            filename=error.filename or paths.report_file(),
            reason=error,
        ) from error
    opener = "open" if sys.platform == "darwin" else "xdg-open"
    try:
        subprocess.run([opener, file], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = error if isinstance(error, OSError) else message("exit code {code}", code=error.returncode)
        raise NetWatchError(
            "The report is in {file}, but {opener} cannot show it: {reason}.", file=file, opener=opener, reason=reason
        ) from error


def _selftest(options: argparse.Namespace) -> int:
    if options.installed:
        from netwatch_tray.cli import installed

        return installed.run(as_json=options.json)

    from netwatch_tray import selftest

    if options.json:
        language.use(language.ENGLISH)  # programs read it
    verdicts = selftest.run()
    if options.json:
        print_json([verdict._asdict() for verdict in verdicts])
    else:
        _print_verdicts(verdicts)
    return DONE if all(verdict.is_right for verdict in verdicts) else WRONG


def _print_verdicts(verdicts: list[Verdict]) -> None:
    """Print a table with a row for each amount of bytes that was sent, and a column for each source that counted it."""
    names = list(dict.fromkeys(verdict.who for verdict in verdicts))
    rows: dict[str, dict[str, Verdict]] = {}
    for verdict in verdicts:
        rows.setdefault(verdict.what, {})[verdict.who] = verdict
    for number, name in enumerate(names, 1):
        print(f"[{number}] {printable(name)}")
    print()
    print_table(
        [
            translate("Terminal", "moved"),
            translate("Terminal", "expected"),
            *(f"[{number}]" for number in range(1, len(names) + 1)),
        ],
        [
            [what, str(next(iter(row.values())).expected), *(_found(row.get(name)) for name in names)]
            for what, row in rows.items()
        ],
        "<>" + ">" * len(names),
    )
    wrong = sum(not verdict.is_right for verdict in verdicts)
    print()
    if wrong:
        print(translate("Terminal", "{count} WRONG (marked !)").format(count=wrong))
    else:
        print(translate("Terminal", "Every source counted what was moved, to the byte."))


def _found(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    found = "–" if verdict.found is None else str(verdict.found)
    return found if verdict.is_right else f"! {found}"
