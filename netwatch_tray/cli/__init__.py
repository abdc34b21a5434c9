"""The terminal's side: one command, a verb for each purpose, nothing imported before its verb is called.

Exit codes: 0 done, 1 something is wrong (said on stderr), 2 usage, 3 no agent is running.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable

import netwatch_tray
from netwatch_tray.cli import (
    autostart,
    change_settings,
    connections,
    desktop,
    diagnose,
    export,
    live,
    program,
    upload,
    usage,
    xembed,
)
from netwatch_tray.cli.session import DONE, NO_AGENT, WRONG, complain
from netwatch_tray.errors import AgentBusyError, AgentUnreachableError, NetWatchError
from netwatch_tray.text import LogFormatter, printable_lines


def main(arguments: list[str] | None = None) -> int:
    """Runs one verb; returns the exit code."""
    options = _parser().parse_args(arguments)
    log = logging.StreamHandler()
    log.setFormatter(LogFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[log])
    verb: Callable[[argparse.Namespace], int] = options.verb
    try:
        return verb(options)
    except AgentBusyError as error:
        print(f"netwatch-tray: {error}", file=sys.stderr)
        return WRONG
    except AgentUnreachableError as error:
        print(printable_lines(str(error)), file=sys.stderr)
        return NO_AGENT
    except NetWatchError as error:
        complain(str(error))
        return WRONG
    except KeyboardInterrupt:
        return DONE
    except BrokenPipeError:  # `netwatch-tray watch | head -1`: the reader has what it wanted
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123  the interpreter flushes it at its very end
        return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="netwatch-tray",
        description="Live network rates in the tray. Without a verb: start it; a second start opens the window.",
    )
    parser.add_argument("--version", action="version", version=f"netwatch-tray {netwatch_tray.__version__}")
    xembed.add_option(parser)
    change_settings.add_option(parser)
    parser.set_defaults(verb=program.start)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB")
    for module in (program, live, connections, usage, export, diagnose, autostart, desktop, upload):
        module.add_verbs(verbs)
    return parser
