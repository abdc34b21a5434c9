"""The parser of the command line: a subcommand for each purpose, whose module is loaded when it is called."""

from __future__ import annotations

import argparse
import importlib
import os
import re
from collections.abc import Sequence
from functools import partial
from typing import Any, NoReturn

import netwatch_tray
from netwatch_tray import language
from netwatch_tray.cli import change_settings, program, xembed
from netwatch_tray.language import mark, translate
from netwatch_tray.text import closest

SUBCOMMANDS = {
    "program": ("window", "agent", "quit"),
    "live": ("watch", "status"),
    "connections": ("connections", "apps"),
    "usage": ("usage",),
    "events": ("events",),
    "export": ("export", "import"),
    "history": ("history",),
    "record": ("record",),
    "diagnose": ("doctor", "selftest"),
    "mac_check": ("mac-check",),
    "autostart": ("autostart",),
    "desktop": ("desktop",),
    "helper": ("helper",),
    "upload": ("snapshot", "upload", "serve-metrics"),
    "otlp": ("otlp",),
}
"""Subcommands by module of this package, in the order of the help text."""


_OF_ARGPARSE = (
    mark("Argparse", "usage: "), mark("Argparse", "%(prog)s: error: %(message)s\n"),
    mark("Argparse", "options"), mark("Argparse", "positional arguments"),
    mark("Argparse", "show this help message and exit"), mark("Argparse", "show program's version number and exit"),
    mark("Argparse", "argument %(argument_name)s: %(message)s"), mark("Argparse", "unrecognized arguments: %s"),
    mark("Argparse", "invalid choice: %(value)r (choose from %(choices)s)"), mark("Argparse", "expected one argument"),
    mark("Argparse", "the following arguments are required: %s"), mark("Argparse", "not allowed with argument %s"),
)  # fmt: skip
"""Texts of argparse itself that this program can print, listed here so that the catalogue of translations has them."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose help ends with an example and whose errors suggest a similar word for a mistyped one.

    It determines the width of the terminal by `_columns`: argparse would import shutil for that, with all its modules
    for compressed files.
    """

    def __init__(self, *, example: str = "", **more: Any) -> None:
        """`example`: a command line, shown at the end of the help."""
        super().__init__(formatter_class=lambda prog: _HelpFormatter(prog, width=_columns() - 2), **more)
        # A value that begins with a minus sign must look like a number to argparse; `-7d` is a day.
        self._negative_number_matcher = re.compile(r"-[0-9]")
        self.example = example

    def format_help(self) -> str:
        return f"{super().format_help()}\n{translate('Terminal', 'example:')}\n  {self.example}\n"

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """Exit with code 2 and an error that names these unknown words."""
        text = translate("Argparse", "unrecognized arguments: %s") % " ".join(unknown)
        shown = [each for each in self._actions if each.help != argparse.SUPPRESS]
        meant = closest(unknown[0].partition("=")[0], [option for each in shown for option in each.option_strings])
        self.error(f"{text}. {_did_you_mean(meant)}" if meant else text)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            meant = closest(str(value), map(str, action.choices or ()))
            if meant:
                text = translate("Terminal", "{value!r} is none of the choices.").format(value=value)
                error.message = f"{text} {_did_you_mean(meant)}"
            raise


def _did_you_mean(meant: str) -> str:
    return translate("Terminal", "Did you mean {meant}?").format(meant=meant)


class _HelpFormatter(argparse.HelpFormatter):
    """Translates help texts at the moment of printing; the calls of `add_argument` contain them in English."""

    def add_text(self, text: str | None) -> None:
        super().add_text(text and translate("Terminal", text))

    def _expand_help(self, action: argparse.Action) -> str:
        return self._get_help(action) % {**vars(action), "prog": self._prog}

    @staticmethod
    def _get_help(action: argparse.Action) -> str:
        text = action.help or ""
        return language.translation("Terminal", text) or translate("Argparse", text)


def _columns() -> int:
    """Return the width of the terminal in cells, by the same rules as shutil.get_terminal_size."""
    chosen = os.environ.get("COLUMNS", "")
    if chosen.isdecimal() and int(chosen):
        return int(chosen)
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Parse a command line (without the program's name). `run` of the result is the function to call with it. Print an
    error and exit if the command line is wrong."""
    # argparse translates its texts by gettext's compiled files, through this name, which it looks up at each call.
    argparse._ = partial(translate, "Argparse")  # type: ignore[attr-defined]
    options, unknown = build(words).parse_known_args(words)
    if unknown:
        options.parser.refuse(unknown)
    return options


def build(words: Sequence[str] = ("--help",)) -> argparse.ArgumentParser:
    """Return a parser with the subcommand that `words` begin with; with all subcommands if they begin with none. Each
    module is imported only if needed, because an agent started with options would keep all of them in memory."""
    parser = Parser(
        prog="netwatch-tray",
        description="Live network rates in the tray. Without a subcommand: start it; a second start opens the window.",
        example="netwatch-tray watch",
    )
    parser.add_argument("--version", action="version", version=f"netwatch-tray {netwatch_tray.__version__}")
    xembed.add_option(parser)
    change_settings.add_option(parser)
    parser.set_defaults(run=lambda _options: program.start(), parser=parser)
    subcommands = parser.add_subparsers(
        title=translate("Terminal", "subcommands"), metavar=translate("Terminal", "SUBCOMMAND")
    )
    first = words[0] if words else "agent"
    named = [module for module, names in SUBCOMMANDS.items() if first in names]
    for module in named or SUBCOMMANDS:
        importlib.import_module(f"netwatch_tray.cli.{module}").add_subcommands(subcommands)
    _describe(subcommands)
    return parser


def _describe(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Begin the help of each subcommand with the sentence that the list of subcommands has for it. Also make the parsed
    options contain its parser as `parser`, which prints errors."""
    for listed in subparsers._choices_actions:
        text = language.translation("Terminal", listed.help or "") or listed.help
        parser = subparsers.choices[listed.dest]
        parser.set_defaults(parser=parser)
        if text and not parser.description:
            parser.description = f"{text[0].upper()}{text[1:]}."
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                _describe(action)
