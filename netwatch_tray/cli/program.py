"""The subcommands that start and end the program: none (start, or open the window), `window`, `agent` and `quit`."""

from __future__ import annotations

import gc
import sys
import time
from typing import TYPE_CHECKING

from netwatch_tray import launch
from netwatch_tray.cli.session import DONE, connect, has_display, send
from netwatch_tray.errors import AgentBusyError, AgentUnreachableError, AlreadyRunningError, NetWatchError
from netwatch_tray.language import translate

if TYPE_CHECKING:
    import argparse

    from netwatch_tray.agent.agent import Agent
    from netwatch_tray.window.shell.single_instance import Request

_QUIT_TIMEOUT = 10.0
_REBIND_TIMEOUT = 5.0
"""Seconds to wait for a running agent whose socket file was removed to create it again, which takes it a second."""


def add_subcommands(subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from netwatch_tray.cli import record

    parser = subcommands.add_parser(
        "window",
        example="netwatch-tray window --settings",
        help="open the window (and start the program first, if it is not running)",
    )
    at = parser.add_mutually_exclusive_group()
    at.add_argument("--settings", action="store_true", help="at its settings")
    at.add_argument("--events", action="store_true", help="at its events")
    at.add_argument("--mini", action="store_true", help="the mini window, which stays on top")
    record.add_replay(parser)
    parser.set_defaults(run=_window)

    parser = subcommands.add_parser(
        "agent", example="netwatch-tray agent --headless", help="run the resident part in the foreground"
    )
    parser.add_argument("--headless", action="store_true", help="without a tray icon")
    record.add_replay(parser)
    parser.set_defaults(run=_agent)

    parser = subcommands.add_parser("quit", example="netwatch-tray quit", help="end the running program")
    parser.set_defaults(run=_quit)


def start() -> int:
    """Run `netwatch-tray` without a subcommand: start the agent, or open the window of the running one. Without a
    display show the full-screen program of the terminal, or print live rates."""
    if not has_display():
        from netwatch_tray.cli import live

        if live.has_screen():
            return live.show_screen()
        no_display = translate("Terminal", "No display here, so no tray and no window; live rates until Ctrl-C:")
        print(no_display, file=sys.stderr)
        return live.watch()
    try:
        agent = _agent_of_this_machine(headless=False, by_hand=True)
    except AlreadyRunningError:
        _open_window_of_other()
    else:
        agent.run()
    return DONE


def _open_window_of_other() -> None:
    """Request the agent that runs already to open its window. Raise NetWatchError if nothing listens on this process's
    feed socket, although an agent holds the locks."""
    from netwatch_tray import paths
    from netwatch_tray.feed.protocol import Command

    deadline = time.monotonic() + _REBIND_TIMEOUT
    while True:
        try:
            send(Command("open-window")).close()
        except AgentUnreachableError:
            if time.monotonic() > deadline:
                raise NetWatchError(
                    "The agent is running already, but does not listen on {feed_socket}. It may have been "
                    "started with another XDG_RUNTIME_DIR. End it and start it again.",
                    feed_socket=paths.feed_socket(),
                ) from None
            time.sleep(0.1)
        else:
            return


def run_agent(*, headless: bool = False) -> int:
    """Run the subcommand `agent` on this machine, not on a recording. `headless`: without an icon."""
    _agent_of_this_machine(headless=headless).run()
    return DONE


def _agent_of_this_machine(*, headless: bool, by_hand: bool = False) -> Agent:
    gc.disable()  # imports leave next to no garbage, and searching for it takes 5 ms
    try:
        from netwatch_tray.agent.agent import Agent

        return Agent(headless=headless, by_hand=by_hand)
    finally:
        gc.enable()


def _agent(options: argparse.Namespace) -> int:
    if options.replay is None:
        return run_agent(headless=options.headless)
    from netwatch_tray import paths
    from netwatch_tray.agent.agent import Agent
    from netwatch_tray.cli import record
    from netwatch_tray.recording.replay import Replay

    source = Replay(options.replay, speed=options.speed)
    with record.private_home() as home:
        agent = Agent(headless=options.headless, sources=source)
        print(f"{paths.HOME}={home}", flush=True)  # for others to reach it
        agent.run()
    return DONE


def _window(options: argparse.Namespace) -> int:
    gc.disable()  # until the window is visible: imports leave next to no garbage, and searching for it takes a tenth
    from netwatch_tray import paths

    try:
        from netwatch_tray.window.shell.application import run
        from netwatch_tray.window.shell.require_display import require_display
    except ImportError as error:
        if ".so" not in str(error):  # ours is missing, and no library of the system
            raise
        raise NetWatchError(
            "The window needs a library that this system does not have ({error}). Install it with your package "
            "manager. Without it, netwatch-tray watch shows the rates in the terminal.",
            error=error,
        ) from None
    require_display()  # before an agent is started in vain
    chosen: tuple[Request, ...] = ("settings", "events", "mini")
    request: Request = next((each for each in chosen if getattr(options, each)), "window")
    if options.replay is not None:
        from netwatch_tray.cli import record

        with record.replaying_agent(options.replay, options.speed):
            return run(paths.feed_socket(), request)
    socket = paths.feed_socket()  # raises NetWatchError where no agent could listen
    try:
        connect()[0].close()
    except AgentBusyError:
        pass  # the window tries until it is greeted
    except AgentUnreachableError:
        launch.start_agent()  # the window waits for this agent as for one that restarts
    return run(socket, request)


def _quit(_options: argparse.Namespace) -> int:
    from netwatch_tray.feed.protocol import Command

    client = send(Command("quit"))
    deadline = time.monotonic() + _QUIT_TIMEOUT
    try:
        while time.monotonic() < deadline:
            client.wait(deadline - time.monotonic())
    except AgentUnreachableError:
        return DONE
    raise NetWatchError("The agent was asked to quit, but is still there after {seconds:.0f} s.", seconds=_QUIT_TIMEOUT)
