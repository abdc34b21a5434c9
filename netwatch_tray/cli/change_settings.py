"""The hidden option `--change-settings`: the agent starts it as a child process that writes the settings file, so that
the agent itself does not load tomlkit."""

from __future__ import annotations

import argparse
import sys

from netwatch_tray.cli.session import DONE
from netwatch_tray.errors import SettingsError


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add the option. It is no subcommand, because the error for a misspelt subcommand would list it to users."""
    parser.add_argument("--change-settings", dest="run", action="store_const", const=_change, help=argparse.SUPPRESS)


def _change(_options: argparse.Namespace) -> int:
    """Apply the JSON Merge Patch (RFC 7396) on stdin to the settings file."""
    import msgspec

    from netwatch_tray import paths, settings, settings_writer

    try:
        changes = msgspec.json.decode(sys.stdin.buffer.read(), type=settings.Changes)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsError(
            "The settings were not changed: stdin is not a JSON object of settings ({error}).", error=error
        ) from error
    settings_writer.change(paths.settings_file(), lambda before: settings.changed(before, changes))
    return DONE
