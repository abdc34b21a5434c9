"""The hidden option `--xembed-icon`: the agent starts it as a separate process that shows the icon in an
XEmbed tray."""

from __future__ import annotations

import argparse


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add the option. It is no subcommand, because the error for a misspelt subcommand would list it to users."""
    parser.add_argument("--xembed-icon", dest="run", action="store_const", const=_show, help=argparse.SUPPRESS)


def _show(_options: argparse.Namespace) -> int:
    from netwatch_tray import paths
    from netwatch_tray.window.shell.require_display import require_display
    from netwatch_tray.xembed.icon import run

    require_display()
    return run(paths.feed_socket())
