"""Finds the program that a runtime executes: the script, class, assembly or program on the command line of an
interpreter.

Programs that share a runtime (python3, java, electron, wine …) are different apps to the user. The options of each
runtime are listed, so that an option's value is not mistaken for the script.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

_SEPARATORS = r"[/\\]"
# Patterns are compiled when the first such program is found: most machines run none.
_ELECTRON_APP = r"(?:^|\0| )--app-path=([^\0]*?)(?=\0| --|$)"
_ELECTRON_DATA = r"(?:^|\0| )--user-data-dir=([^\0]*?)(?=\0| --|$)"
"""Option on the command lines of Electron's child processes. Chromium overwrites their arguments with one text, in
which spaces separate the words."""
_WINDOWS_PROGRAM = r"(?i)([^\\/\0\"]*?\.exe)(?=[\0\" ]|$)"
_NO_NAMES = frozenset(
    {"app", "app.asar", "default_app.asar", "resources", "main.js", "index.js", "dist", "build", "src"}
)
"""Directory names in the path of an Electron app that are the same for many apps; the directory above them names the
app."""


class _Options(NamedTuple):
    """The options of a runtime that may precede the script."""

    valued: frozenset[str] = frozenset()
    """Options whose value is the next word of the command line."""
    letters: str | None = None
    """One-letter options with a value, in the same word or the next; other letters may precede them in the word, as
    getopt allows. None: this runtime does not join letters in a word."""
    code: frozenset[str] = frozenset()
    """Options that are followed by code to execute, so that there is no script."""
    names: frozenset[str] = frozenset()
    """Options whose value is the program that the runtime executes, such as `-m` of Python."""
    commands: frozenset[str] = frozenset()
    """Subcommands of the runtime that are followed by a script."""
    other_commands: frozenset[str] = frozenset()
    """Subcommands of the runtime that are not followed by a script."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PYTHON = _Options(_words("--check-hash-based-pycs"), "cmWXQ", _words("-c"), _words("-m"))
_JAVASCRIPT = _Options(
    _words(
        "-r --require --import --loader --experimental-loader -C --conditions --input-type --title --icu-data-dir"
        " --openssl-config --redirect-warnings --diagnostic-dir --disable-warning --env-file --inspect-port"
        " --cpu-prof-dir --cpu-prof-name --heap-prof-dir --heap-prof-name --dns-result-order --unhandled-rejections"
        " --watch-path --max-http-header-size --test-reporter --test-reporter-destination --trace-event-categories"
        " -c --config --import-map -L --log-level --cert --location --seed --preload --cwd -d --define -l --port"
        " --tsconfig-override"
    ),
    code=_words("-e --eval -p --print -pe --run"),
    commands=_words("inspect"),
)
_RUNTIMES: Mapping[str, _Options] = {
    "python": _PYTHON,
    "pypy": _PYTHON,
    "perl": _Options(letters="IMm", code=_words("-e -E")),
    "ruby": _Options(_words("--encoding --external-encoding --internal-encoding"), "CEIr", _words("-e")),
    "php": _Options(letters="cdzt", code=_words("-r -R -B -E -S"), names=_words("-f -F")),
    "lua": _Options(letters="l", code=_words("-e")),
    "gjs": _Options(
        _words("-I --include-path -C --coverage-prefix --coverage-output -p --profile"), code=_words("-c --command")
    ),
    "node": _JAVASCRIPT,
    "deno": _JAVASCRIPT._replace(
        commands=_words("run serve"), other_commands=_words("task repl install eval fmt lint upgrade lsp test compile")
    ),
    "bun": _JAVASCRIPT._replace(commands=_words("run x"), other_commands=_words("install add test build repl")),
    "java": _Options(
        _words(
            "-cp -classpath --class-path -p --module-path --upgrade-module-path --add-modules --limit-modules"
            " --add-reads --add-exports --add-opens --patch-module --source --enable-native-access"
        ),
        names=_words("-jar -m --module"),
    ),
    "mono": _Options(_words("--config --profile-file")),
    "dotnet": _Options(
        _words("--additionalprobingpath --additional-deps --fx-version --roll-forward --runtimeconfig --depsfile"),
        commands=_words("exec"),
    ),
    "electron": _Options(_words("-r --require"), code=_words("-i -e")),
    "wine": _Options(),
    "shell": _Options(_words("--rcfile --init-file"), "oO", _words("-c -s --command")),
}
_FAMILY_OF = {name: name for name in _RUNTIMES} | {
    "luajit": "lua",
    "nodejs": "node",
    "javaw": "java",
    **dict.fromkeys("bash dash sh zsh fish ksh ash".split(), "shell"),
}
"""Key in _RUNTIMES by the name of an executable without version and variant, such as `python` for `python3.11-dbg`, or
`wine` for `wine64-preloader`."""
_VERSION = re.compile(r"[\d.]*(?:-\w+)?$")


def is_runtime(program: str) -> bool:
    """Return whether this is the base name of an executable that executes other programs."""
    return _family(program) is not None


def script_of(program: str, command_line: str) -> str | None:
    """Return the name of the program that a runtime executes; None if `program` is no runtime, or its code has no name.

    `program`: base name of the executable. `command_line`: its words, each ended by NUL, as in /proc/PID/cmdline.
    """
    family = _family(program)
    if family is None:
        return None
    reader = _SPECIAL.get(family)
    found = reader(command_line) if reader is not None else None
    if found is None and family != "wine":
        found = _first_script(command_line.rstrip("\0").split("\0")[1:], _RUNTIMES[family])
    if found is None or (family == "dotnet" and not found.lower().endswith((".dll", ".exe"))):
        return None
    if family == "electron":
        return _app_name(found)
    return _base_name(found)


def _family(program: str) -> str | None:
    return _FAMILY_OF.get(_VERSION.sub("", program.lower(), 1))


def _first_script(words: Sequence[str], options: _Options) -> str | None:
    remaining = iter(words)
    for word in remaining:
        if word in options.code or word in options.other_commands or word == "-":
            return None
        if word in options.names or word == "--":
            return next(remaining, None)
        if word in options.valued:
            next(remaining, None)
        elif word.startswith(("-", "+", "@")):
            letter, value = _valued_letter(word, options)
            if f"-{letter}" in options.code:
                return None
            if f"-{letter}" in options.names:
                return value or next(remaining, None)
            if letter and not value:
                next(remaining, None)
        elif word and word not in options.commands:
            return word
    return None


def _valued_letter(word: str, options: _Options) -> tuple[str, str]:
    """Find the first one-letter option with a value in a word such as `-uWignore`. Return the letter, and its value if
    that is in the same word; empty texts otherwise."""
    if options.letters is not None and not word.startswith("--"):
        valued = {*options.letters, *(each[1] for each in options.code | options.names if len(each) == 2)}
        for position, letter in enumerate(word[1:], 2):
            if letter in valued:
                return letter, word[position:]
            if not letter.isalnum():
                break
    return "", ""


def _electron(command_line: str) -> str | None:
    found = re.search(_ELECTRON_APP, command_line) or re.search(_ELECTRON_DATA, command_line)
    return found[1] if found is not None else None


def _wine(command_line: str) -> str | None:
    """Return the Windows program that Wine runs; None if the command line does not name one.

    Wine replaces its command line by the Windows command line. Until then the path of its loader precedes the program.
    """
    found = re.search(_WINDOWS_PROGRAM, command_line)
    return found[1].strip() or None if found is not None else None


_SPECIAL: Mapping[str, Callable[[str], str | None]] = {"electron": _electron, "wine": _wine}


def _app_name(path: str) -> str | None:
    parts = [part for part in re.split(_SEPARATORS, path) if part not in {"", "."}]
    while len(parts) > 1 and parts[-1] in _NO_NAMES:
        parts.pop()
    return parts[-1].removesuffix(".asar") if parts else None


def _base_name(path: str) -> str | None:
    return re.split(_SEPARATORS, path.rstrip("/\\"))[-1] or None
