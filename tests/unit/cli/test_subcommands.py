from __future__ import annotations

import argparse
import importlib

import pytest

from netwatch_tray import cli


def choices(parser: argparse.ArgumentParser) -> set[str]:
    (actions,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    return set(actions.choices)


@pytest.mark.parametrize("module", cli._SUBCOMMANDS)
def test_each_module_adds_the_subcommands_of_the_table(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")  # it has them all
    parser = cli._Parser()
    importlib.import_module(f"netwatch_tray.cli.{module}").add_subcommands(parser.add_subparsers())
    assert choices(parser) == set(cli._SUBCOMMANDS[module])


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["misspelt"], ["--xembed-icon"]])
def test_all_subcommands_are_known_where_none_is_named(words: list[str]) -> None:
    assert {"agent", "watch", "usage", "upload"} <= choices(cli._parser(words))
