"""The man page and the shells' completions, made from the program's own argument parser, so that they cannot differ."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

NAME = "netwatch-tray"

_ENDINGS = r""".SH EXIT STATUS
.TP
.B 0
Done.
.TP
.B 1
Failed, with the reason on standard error. Also: a mismatch of selftest, or what a status reports is off or not set up.
.TP
.B 2
The command line is wrong.
.TP
.B 3
No agent is running.
.SH FILES
.TP
.I ~/.config/netwatch\-tray/settings.toml
Settings; on macOS in
.IR ~/Library/Application\~Support/netwatch\-tray .
.TP
.I ~/.local/state/netwatch\-tray
What the program keeps.
.SH ENVIRONMENT
.TP
.B NO_COLOR
No colours in the terminal.
"""


class Option(NamedTuple):
    flags: tuple[str, ...]
    """Short and long names of the option; empty: it is a positional argument."""
    value: str
    """Name of its value in texts; empty: it has no value."""
    choices: tuple[str, ...]
    help: str


class Subcommand(NamedTuple):
    name: str
    help: str
    options: tuple[Option, ...]
    subcommands: tuple[Subcommand, ...]
    example: str


def describe(parser: argparse.ArgumentParser, name: str = NAME, help_text: str = "") -> Subcommand:
    """Return the options and subcommands of an argument parser. Subcommands without a help text are internal and left
    out."""
    options = []
    subcommands = []
    for action in parser._actions:  # noqa: SLF001  argparse has no public way to ask
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  as above
            listed = {each.dest: each.help or "" for each in action._choices_actions}  # noqa: SLF001  as above
            subcommands = [describe(action.choices[each], each, text) for each, text in listed.items()]
        elif action.help != argparse.SUPPRESS:
            value = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
            choices = tuple(map(str, action.choices or ()))
            options.append(Option(tuple(action.option_strings), value, choices, _help(parser, action)))
    example = getattr(parser, "example", "")
    return Subcommand(name, help_text or parser.description or "", tuple(options), tuple(subcommands), example)


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    values = {**vars(action), "prog": parser.prog}
    return (action.help or "") % values


# The man page: man(7), groff_man(7)


def man_page(program: Subcommand, version: str, date: str) -> str:
    """Return the text of the man page (section 1). `date`: as 2026-01-31."""
    subcommands = "".join(_man_subcommand(subcommand) for subcommand in program.subcommands)
    return (
        f'.TH NETWATCH\\-TRAY 1 {date} "netwatch\\-tray {version}" "User Commands"\n'
        ".SH NAME\n"
        "netwatch\\-tray \\- live network rates in the tray and the menu bar\n"
        ".SH SYNOPSIS\n.B netwatch\\-tray\n.RI [ subcommand ]\n.RI [ option \\~...]\n"
        f".SH DESCRIPTION\n{_man(program.help)}\n"
        f".SH OPTIONS\n{''.join(_man_option(option) for option in program.options)}"
        f".SH SUBCOMMANDS\n{subcommands}{_man_examples(program)}{_ENDINGS}"
    )


def _man(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def _man_subcommand(subcommand: Subcommand, before: str = "") -> str:
    words = f"{before} {subcommand.name}".strip()
    options = "".join(_man_option(option) for option in subcommand.options if "--help" not in option.flags)
    inside = f".RS\n{options}.RE\n" if options else ""
    return f".TP\n.B {_man(words)}\n{_man(_sentence(subcommand.help))}\n{inside}" + "".join(
        _man_subcommand(each, words) for each in subcommand.subcommands
    )


def _man_examples(program: Subcommand) -> str:
    examples = [each.example for _path, each in _paths(program) if each.example]
    lines = "".join(f"{_man(example)}\n" for example in examples)
    return f".SH EXAMPLES\n.nf\n{lines}.fi\n" if examples else ""


def _man_option(option: Option) -> str:
    value = "|".join(option.choices) or option.value
    flags = ", ".join(f"\\fB{_man(flag)}\\fR" for flag in option.flags)
    head = f"{flags} \\fI{_man(value)}\\fR" if flags and option.value else flags or f"\\fI{_man(value)}\\fR"
    return f".TP\n{head}\n{_man(_sentence(option.help)) or '.br'}\n"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text and not text.endswith((".", "?")) else text[:1].upper() + text[1:]


# Completions


def bash(program: Subcommand) -> str:
    """Return the script that completes the command line in bash. It does not need bash-completion's functions."""
    return (
        "# Completion of netwatch-tray for bash\n"
        "_netwatch_tray() {\n"
        '  local word given="" found=""\n'
        '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do\n'
        f"{_follow(program)}"
        "  done\n"
        '  case "$given ${COMP_WORDS[COMP_CWORD-1]}" in\n'
        f"{_values(program, _bash_words)}"
        '    *) case "$given" in\n'
        f"{_cases(program, lambda subcommand: _bash_words(_words(subcommand)))}"
        "    esac ;;\n"
        "  esac\n"
        '  mapfile -t COMPREPLY < <(compgen -W "$found" -- "${COMP_WORDS[COMP_CWORD]}")\n'
        "}\n"
        "complete -F _netwatch_tray netwatch-tray\n"
    )


def zsh(program: Subcommand) -> str:
    """Return the script that completes the command line in zsh, to be installed as _netwatch-tray in zsh's fpath."""
    return (
        "#compdef netwatch-tray\n"
        "local word given=''\n"
        "local -a found\n"
        'for word in "${(@)words[2,CURRENT-1]}"; do\n'
        f"{_follow(program)}"
        "done\n"
        'case "$given ${words[CURRENT-1]}" in\n'
        f"{_values(program, lambda choices: _zsh_words(map(_quoted, choices)))}"
        '    *) case "$given" in\n'
        f"{_cases(program, lambda subcommand: _zsh_words(_described(subcommand)))}"
        "    esac ;;\n"
        "esac\n"
        "_describe netwatch-tray found\n"
    )


def _bash_words(words: Iterable[str]) -> str:
    return f"found={_quoted(' '.join(words))}"


def _zsh_words(quoted: Iterable[str]) -> str:
    return f"found=({' '.join(quoted)})"


def _follow(program: Subcommand) -> str:
    """Return the lines of shell code that collect the subcommands typed so far: they append `$word` to `$given`, unless
    it is an option or the value of one."""
    known = "|".join(_quoted(" ".join(path)) for path, _ in _paths(program) if path)
    return f'    case "${{given:+$given }}$word" in\n      {known}) given="${{given:+$given }}$word" ;;\n    esac\n'


def _values(program: Subcommand, offer: Callable[[Sequence[str]], str]) -> str:
    """Return the cases of a shell's `case` that complete the value of an option, if it has choices. `offer`: returns
    the shell code that offers these words."""
    return "".join(
        f"    {_quoted(' '.join((*path, flag)) if path else f' {flag}')}) {offer(option.choices)} ;;\n"
        for path, subcommand in _paths(program)
        for option in subcommand.options
        if option.value
        for flag in option.flags
    )


def _cases(program: Subcommand, offer: Callable[[Subcommand], str]) -> str:
    return "".join(f"      {_quoted(' '.join(path))}) {offer(subcommand)} ;;\n" for path, subcommand in _paths(program))


def fish(program: Subcommand) -> str:
    lines = ["# Completion of netwatch-tray for fish", "complete -c netwatch-tray -f"]
    for path, subcommand in _paths(program):
        seen = [f"__fish_seen_subcommand_from {word}" for word in path]
        names = " ".join(each.name for each in subcommand.subcommands)
        if names:
            seen.append(f"not __fish_seen_subcommand_from {names}")
        condition = f" -n {_quoted('; and '.join(seen))}" if seen else ""
        lines += [
            f"complete -c netwatch-tray{condition} -a {each.name} -d {_quoted(each.help)}"
            for each in subcommand.subcommands
        ]
        for option in subcommand.options:
            shape = "".join(f" -l {flag[2:]}" if flag.startswith("--") else f" -s {flag[1:]}" for flag in option.flags)
            if not shape:
                shape = f" -a {_quoted(' '.join(option.choices))}" if option.choices else ""
            elif option.value:
                shape += " -x" + (f" -a {_quoted(' '.join(option.choices))}" if option.choices else "")
            if shape:
                lines.append(f"complete -c netwatch-tray{condition}{shape} -d {_quoted(option.help)}")
    return "\n".join(lines) + "\n"


def _paths(subcommand: Subcommand, before: Sequence[str] = ()) -> Iterable[tuple[tuple[str, ...], Subcommand]]:
    """Yield the program and each subcommand, with the words on the command line that lead to it."""
    yield tuple(before), subcommand
    for each in subcommand.subcommands:
        yield from _paths(each, (*before, each.name))


def _words(subcommand: Subcommand) -> list[str]:
    choices = [choice for option in subcommand.options if not option.flags for choice in option.choices]
    flags = [flag for option in subcommand.options for flag in option.flags]
    return [*(each.name for each in subcommand.subcommands), *choices, *flags]


def _described(subcommand: Subcommand) -> list[str]:
    """Return the subcommands in the format of zsh's _describe: word:description, colons escaped, each quoted."""
    pairs = [(each.name, each.help) for each in subcommand.subcommands]
    pairs += [(choice, "") for option in subcommand.options if not option.flags for choice in option.choices]
    pairs += [(flag, option.help) for option in subcommand.options for flag in option.flags]
    return [_quoted(word + (":" + text.replace(":", "\\:") if text else "")) for word, text in pairs]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
