from __future__ import annotations

import argparse
import importlib
from functools import partial

import pytest

from netwatch_tray import cli
from netwatch_tray.cli import program
from netwatch_tray.cli.parser import SUBCOMMANDS, Parser, build, parse


def choices(parser: argparse.ArgumentParser) -> set[str]:
    (actions,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    return set(actions.choices)


@pytest.mark.parametrize("module", SUBCOMMANDS)
def test_each_module_adds_the_subcommands_of_the_table(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")  # it has them all
    parser = Parser()
    importlib.import_module(f"netwatch_tray.cli.{module}").add_subcommands(parser.add_subparsers())
    assert choices(parser) == set(SUBCOMMANDS[module])


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["misspelt"], ["--xembed-icon"]])
def test_parser_has_all_subcommands_if_the_command_line_names_none(words: list[str]) -> None:
    assert {"agent", "watch", "usage", "upload"} <= choices(build(words))


@pytest.mark.parametrize("words", cli._RESIDENT)
def test_unparsed_command_lines_run_what_the_parser_would_run(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[str, bool]] = []
    monkeypatch.setattr(program, "start", lambda: ran.append(("start", False)))
    monkeypatch.setattr(program, "run_agent", lambda *, headless=False: ran.append(("agent", headless)))
    options = parse(words)
    options.run(options)
    unparsed = cli._RESIDENT[words]
    function, more = (unparsed.func, unparsed.keywords) if isinstance(unparsed, partial) else (unparsed, {})
    assert ran == [({"start": "start", "run_agent": "agent"}[function.__name__], more.get("headless", False))]
