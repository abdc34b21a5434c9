"""Starting and ending it: without a verb, `window`, `agent`, `quit`."""

from __future__ import annotations

import argparse
import sys
import time

from netwatch_tray import launch
from netwatch_tray.cli import live
from netwatch_tray.cli.session import DONE, connect, has_display, send
from netwatch_tray.errors import AgentUnreachableError, AlreadyRunningError, NetWatchError

_QUIT_TIMEOUT = 10.0


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb = verbs.add_parser("window", help="open the window (and start the program first, if it is not running)")
    verb.set_defaults(verb=_window)

    verb = verbs.add_parser("agent", help="run the resident part in the foreground")
    verb.add_argument("--headless", action="store_true", help="without a tray icon")
    verb.set_defaults(verb=_agent)

    verb = verbs.add_parser("quit", help="end the running program")
    verb.set_defaults(verb=_quit)


def start(_options: argparse.Namespace) -> int:
    """Without a verb."""
    if not has_display():
        print("No display here, so no tray and no window; live rates until Ctrl-C:", file=sys.stderr)
        return live.watch(interval=1.0)
    try:
        return _run_agent(headless=False)
    except AlreadyRunningError:
        from netwatch_tray.feed.protocol import Command

        send(Command("open-window")).close()
        return DONE


def _agent(options: argparse.Namespace) -> int:
    return _run_agent(headless=options.headless)


def _run_agent(*, headless: bool) -> int:
    from netwatch_tray.agent.agent import Agent

    Agent(headless=headless).run()
    return DONE


def _window(_options: argparse.Namespace) -> int:
    from netwatch_tray import paths
    from netwatch_tray.window.application import run
    from netwatch_tray.window.display import require_display

    require_display()  # before an agent is started for nothing
    try:
        connect()[0].close()
    except AgentUnreachableError:
        launch.start_agent()  # the window waits for it as it would for one that restarts
    return run(paths.feed_socket())


def _quit(_options: argparse.Namespace) -> int:
    from netwatch_tray.feed.protocol import Command

    client = send(Command("quit"))
    deadline = time.monotonic() + _QUIT_TIMEOUT
    try:
        while time.monotonic() < deadline:
            client.wait(deadline - time.monotonic())
    except AgentUnreachableError:
        return DONE
    raise NetWatchError(f"The agent was asked to quit, but is still there after {_QUIT_TIMEOUT:.0f} s.")
