"""The privileged helper: `helper install`, `remove`, `status` and `run`."""

from __future__ import annotations

import argparse
import os
import sys
import time

from netwatch_tray.cli.session import DONE, WRONG, complain, print_pairs
from netwatch_tray.errors import NetWatchError, message
from netwatch_tray.language import mark, said, translate

_ANSWER_TIMEOUT = 5.0
_OF_THE_HELPER = (
    mark(
        "Messages",
        "Your account may not read the counters of the helper. An administrator can allow it: sudo netwatch-tray "
        "helper install",
    ),
    mark("Messages", "The helper serves as many programs as it can. Close some of them."),
    mark("Messages", "The helper cannot give up root's privileges here, so it does not start."),
    mark("Messages", "This system has no control groups of version 2, at which the counters are attached."),
    mark(
        "Messages",
        "The kernel permits no eBPF programs here: containers usually cannot load them, and elsewhere CAP_BPF and "
        "CAP_NET_ADMIN are needed.",
    ),
    mark("Messages", "This kernel has no bpf(2)."),
)
"""Sentences that the helper sends, in English. They are listed here so that the catalogue of translations has them."""


def add_subcommands(subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subcommands.add_parser(
        "helper",
        example="sudo netwatch-tray helper install",
        help="bytes of UDP and names of hosts by a system service: install, remove, status, or run it here",
    )
    parser.add_argument("what", choices=("install", "remove", "status", "run"), nargs="?", default="status")
    parser.add_argument(
        "--user",
        dest="users",
        action="append",
        default=[],
        type=_user,
        metavar="NAME",
        help="whom it serves besides root, by name or number; may be repeated (default: who ran sudo)",
    )
    parser.set_defaults(run=_helper)


def _user(text: str) -> int:
    """Return the UID of a user, given by name or number. An argparse `type`."""
    import pwd

    try:
        return (pwd.getpwuid(int(text)) if text.isdecimal() else pwd.getpwnam(text)).pw_uid
    except (KeyError, OverflowError):
        problem = translate("Terminal", "there is no user {text!r}").format(text=text)
        raise argparse.ArgumentTypeError(problem) from None


def _helper(options: argparse.Namespace) -> int:
    if sys.platform != "linux":
        raise NetWatchError("The helper needs Linux.")
    if os.environ.get("FLATPAK_ID"):
        raise NetWatchError("In the sandbox of a Flatpak the helper can be neither set up nor used.")
    from netwatch_tray import helper_setup

    if options.what == "status":
        return _status()
    is_root = os.geteuid() == 0
    found = helper_setup.invoking_user() if is_root else os.getuid()
    users = set(options.users) or ({found} if found else set())
    if not is_root or helper_setup.refusal():
        return _show_commands(options.what, users)
    match options.what:
        case "install":
            helper_setup.install(users)
            done = translate("Terminal", "The helper is set up for {names}. It runs while an agent uses it.")
            print(done.format(names=_names(helper_setup.allowed_users())))
        case "remove":
            if helper_setup.remove():
                print(translate("Terminal", "The helper is removed."))
            else:
                print(translate("Terminal", "Nothing to remove."))
        case "run":
            serving = translate("Terminal", "Serving {names} until Ctrl-C.").format(names=_names(users))
            helper_setup.run(users, lambda: print(serving, flush=True))
    return DONE


def _show_commands(what: str, users: set[int]) -> int:
    """Print the commands that install or remove the helper, for the user to run as root; this process is not root or
    must not do it. Return WRONG.

    If `what` is `run`, raise NetWatchError with the reason or the command instead.
    """
    from netwatch_tray import helper_setup

    reason = helper_setup.refusal()
    if what == "run":
        if reason:
            raise NetWatchError(reason)
        raise NetWatchError("This needs root: {command}", command=helper_setup.run_command())
    complain(f"{reason or 'This needs root.'} Commands that do it:")
    commands = helper_setup.remove_commands() if what == "remove" else helper_setup.install_commands(users)
    print(*commands, sep="\n")
    return WRONG


def _status() -> int:
    from netwatch_tray import clock, helper_setup
    from netwatch_tray.collect.helper_client import HelperClient

    client = HelperClient()
    client.read(_ANSWER_TIMEOUT)
    info, reason = client.info, client.reason
    client.close()
    if info is None:
        state = said(reason or message("The helper does not answer."))
    else:
        began = time.localtime(time.time() - clock.boottime() + info.attached_since)
        state = translate("Terminal", "Running since {time}, process {pid}")
        if not info.is_whole_system:
            state = translate("Terminal", "Running since {time}, process {pid}; counts this container only")
        state = state.format(time=time.strftime("%H:%M:%S", began), pid=info.pid)
    pairs = {translate("Terminal", "helper"): state}
    if helper_setup.is_installed():
        pairs[translate("Terminal", "serves")] = _names(helper_setup.allowed_users())
        if helper_setup.is_outdated():
            pairs[translate("Terminal", "version")] = translate(
                "Terminal", "Of another version of NetWatch Tray than this one. Set it up again."
            )
    else:
        pairs[translate("Terminal", "to set it up")] = "netwatch-tray helper install"
    print_pairs(pairs)
    return DONE if info else WRONG


def _names(users: set[int] | frozenset[int]) -> str:
    import pwd

    names = ["root"]
    for uid in sorted(users):
        try:
            names.append(pwd.getpwuid(uid).pw_name)
        except KeyError:
            names.append(str(uid))
    return ", ".join(names)
