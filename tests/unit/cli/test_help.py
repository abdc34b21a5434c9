from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from netwatch_tray import cli, language
from netwatch_tray.cli.parser import build


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from parsers(child)


@pytest.mark.parametrize("code", ["en", "de"])
def test_every_help_begins_with_a_sentence(code: str) -> None:
    language.use(code)
    try:
        every = list(parsers(build()))
        assert len(every) > 20
        for parser in every:
            assert parser.description, parser.prog
            assert parser.description[0].isupper(), parser.prog
            assert parser.description.endswith("."), parser.prog
    finally:
        language.use("en")


def test_every_help_ends_with_an_example_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")  # it has all subcommands
    for parser in parsers(build()):
        *_, label, example = parser.format_help().splitlines()
        assert label == "example:"
        words = shlex.split(example)
        words = words[words.index("netwatch-tray") + 1 :]
        assert words[: parser.prog.count(" ")] == parser.prog.split()[1:], f"add_parser(…, example=…) of {parser.prog}"
        options, unknown = build(words).parse_known_args(words)
        assert unknown == []
        assert callable(options.run)


def test_german_help_has_no_english_text_of_the_program() -> None:
    english = {each for each in texts() if " " in each}
    language.use("de")
    try:
        shown = " ".join(" ".join(parser.format_help().split()) for parser in parsers(build()))
    finally:
        language.use("en")
    same = {"the past from vnStat: vnstat --json | netwatch-tray import -"} & english
    assert [each for each in sorted(english - same) if " ".join(each.split()) in shown] == []


def texts() -> set[str]:
    """The help texts of options and subcommands."""
    actions = [action for parser in parsers(build()) for action in parser._actions]
    listed = [each for action in actions for each in getattr(action, "_choices_actions", ())]
    return {each.help for each in [*actions, *listed] if each.help and each.help != argparse.SUPPRESS}


def test_unreadable_settings_use_the_system_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "netwatch-tray").mkdir()
    (tmp_path / "netwatch-tray" / "settings.toml").mkdir()
    assert cli._chosen_language() == "auto"
