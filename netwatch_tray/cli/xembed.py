"""The process with the icon for XEmbed trays; the agent starts it, people need not know it."""

from __future__ import annotations

import argparse


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser("xembed-icon")  # without a help text it is not listed
    verb.set_defaults(verb=_xembed_icon)


def _xembed_icon(_options: argparse.Namespace) -> int:
    from netwatch_tray import paths
    from netwatch_tray.window.display import require_display
    from netwatch_tray.xembed.icon import run

    require_display()
    return run(paths.feed_socket())
