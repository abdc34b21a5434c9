"""The subcommands `snapshot`, `upload` and `serve-metrics`: everything that can leave this machine."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from netwatch_tray.cli.session import (
    DONE,
    WRONG,
    complain,
    load_settings,
    print_pairs,
    reload_agent,
    save,
    state_in_agent,
    usable_settings,
    whole_number,
)
from netwatch_tray.errors import NetWatchError, SettingsError
from netwatch_tray.language import mark, said, translate
from netwatch_tray.settings import Metrics, UploadLevel
from netwatch_tray.text import printable_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netwatch_tray.cloud.account import Endpoint, Key
    from netwatch_tray.settings import Upload

_LEVELS: dict[UploadLevel, str] = {
    "rates": mark("Terminal", "counters and rates of the network interfaces; name, system and processor of this host"),
    "system": mark(
        "Terminal", "connection counts, processor, memory, disks, and round trips to gateway and DNS server"
    ),
    "apps": mark("Terminal", "the processes that use the network, with user, memory and path of the program"),
    "connections": mark("Terminal", "the connections with both addresses"),
    "events": mark("Terminal", "alerts with the app and its numbers, and counts of DNS; no names of hosts"),
}
"""What each level of uploading sends in addition to the previous level."""
_PREVIEW_SECONDS = 2.0
"""Seconds over which the rates of a snapshot are measured."""
_METRICS_SECONDS = 5.0
"""Seconds between two readings of `serve-metrics`. Prometheus and others request them about every fifteen seconds."""
_LONGEST_KEY_FILE = 4096
"""Most bytes of a file with an API key."""


def add_subcommands(subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    levels = get_args(UploadLevel)
    parser = subcommands.add_parser(
        "snapshot",
        example="netwatch-tray snapshot --pretty",
        help="print what uploading sends, or would send, without sending it",
    )
    parser.add_argument("--pretty", action="store_true", help="indented, for people")
    parser.add_argument("--level", choices=levels, help="as if this had been chosen (default: what was)")
    parser.set_defaults(run=_snapshot)

    upload = subcommands.add_parser(
        "upload",
        example="netwatch-tray upload setup",
        help="send snapshots to a NetWatch server: off until you turn it on",
    )
    actions = upload.add_subparsers(metavar="ACTION", required=True)

    parser = actions.add_parser(
        "setup",
        example="netwatch-tray upload setup --level system --interval 60",
        help="enter server and API key; the key is read from the terminal, stdin or a file",
    )
    parser.add_argument("--endpoint", help="URL of the server, with or without /api/v1/ingest")
    parser.add_argument(
        "--key-file", metavar="FILE", help="read the key from a file (-: stdin) and ask nothing, for scripts"
    )
    parser.add_argument("--level", choices=levels, help="how much is sent")
    parser.add_argument(
        "--interval", type=whole_number(10, 3600), metavar="S", help="seconds between snapshots (at least 10)"
    )
    parser.add_argument(
        "--hide-addresses", action=argparse.BooleanOptionalAction, help="replace addresses by their kind"
    )
    parser.add_argument("--hide-names", action=argparse.BooleanOptionalAction, help="replace names by random words")
    parser.add_argument(
        "--same-account", action="store_true", help="the new key is of the same account: this host keeps its history"
    )
    parser.set_defaults(run=_setup)

    for name, text, function in (
        ("on", mark("Terminal", "begin to send"), _on),
        ("off", mark("Terminal", "send nothing any more"), _off),
        ("status", mark("Terminal", "what was sent, what waits, and what is wrong"), _status),
        ("test", mark("Terminal", "send one snapshot now and print the server's response"), _test),
    ):
        parser = actions.add_parser(name, example=f"netwatch-tray upload {name}", help=text)
        parser.set_defaults(run=function)

    parser = subcommands.add_parser(
        "serve-metrics",
        example="netwatch-tray serve-metrics --port 9120",
        help="serve numbers to Prometheus on this machine without the agent, until Ctrl-C",
    )
    parser.add_argument(
        "--port",
        type=whole_number(1, 65535),
        default=Metrics().port,
        metavar="N",
        help="on 127.0.0.1 (default: %(default)s)",
    )
    parser.add_argument(
        "--otlp", nargs="?", const="", metavar="URL", help="also export to an OpenTelemetry collector (optional extra)"
    )
    parser.set_defaults(run=_serve_metrics)


def _snapshot(options: argparse.Namespace) -> int:
    import msgspec

    from netwatch_tray.cloud import account
    from netwatch_tray.cloud.standalone import NOBODY, Standalone

    settings = usable_settings()
    if options.level:
        upload = msgspec.structs.replace(settings.upload, level=options.level)
        settings = msgspec.structs.replace(settings, upload=upload)
    try:
        identity = account.known_identity(settings.upload) or NOBODY
    except NetWatchError:
        identity = NOBODY
    standalone = Standalone(settings, identity, period=_PREVIEW_SECONDS)
    standalone.step()
    time.sleep(_PREVIEW_SECONDS)
    standalone.step()
    standalone.wait_for_health()
    body = standalone.envelope()
    standalone.close()
    for fault in standalone.faults:
        complain(said(fault))
    print(printable_json((msgspec.json.format(body, indent=2) if options.pretty else body).decode()))
    return DONE


def _setup(options: argparse.Namespace) -> int:
    from netwatch_tray import settings as settings_file
    from netwatch_tray.cloud import account

    settings, managed = load_settings(), settings_file.managed()
    asks = options.key_file is None and sys.stdin.isatty()
    address = options.endpoint or settings.upload.endpoint
    if asks and not options.endpoint and "upload.endpoint" not in managed:
        address = _asked(translate("Terminal", "Server [{address}]: ").format(address=address)) or address
    endpoint = account.parse_endpoint(address)
    before = _account_before(settings.upload)
    key = None if options.key_file is None else _key_in(options.key_file)
    chosen: dict[str, Any] = {
        name: value
        for name in ("level", "interval", "hide_addresses", "hide_names")
        if (value := getattr(options, name)) is not None
    }
    if endpoint != account.parse_endpoint(settings.upload.endpoint):  # otherwise it is another notation of the same URL
        chosen["endpoint"] = address
    if "upload.on" not in managed and not (key and _is_same(before, (endpoint, key))):
        # Uploading is off while the key changes, so that no data of one account is sent to another.
        chosen["on"] = False
    upload = save("upload", **chosen)[0].upload
    if key is None:
        key = _asked_key()
    # Before the key, which a running agent may use at once.
    is_same = _is_same_account(before, (endpoint, key), is_confirmed=options.same_account, asks=asks)
    account.identity(endpoint, key, like=before if is_same else None)
    where = account.save_key(endpoint, key)
    reload_agent()
    pairs: dict[str, str | Sequence[str]] = {
        translate("Terminal", "server"): str(endpoint),
        translate("Terminal", "key"): translate("Terminal", "kept in {place}").format(place=where),
        translate("Terminal", "sent"): _what(upload),
        translate("Terminal", "exactly"): "netwatch-tray snapshot --pretty",
    }
    if not upload.on:
        pairs[translate("Terminal", "begin")] = "netwatch-tray upload on"
    print_pairs(pairs)
    return DONE


def _key_in(file: str) -> Key:
    """Return the API key in a file, or on stdin if the name is `-`. Raise SettingsError if there is none or it cannot
    be read."""
    from netwatch_tray.cloud.account import Key

    try:
        if file == "-":
            content = sys.stdin.buffer.read(_LONGEST_KEY_FILE + 1)
        else:
            with Path(file).open("rb") as opened:
                content = opened.read(_LONGEST_KEY_FILE + 1)
    except OSError as error:
        raise SettingsError(
            "The API key cannot be read from {file}: {reason}. Nothing was changed.", file=file, reason=error
        ) from error
    text = content.decode("ascii", errors="replace")
    if not text.strip():
        raise SettingsError("There is no API key in {file}. Nothing was changed.", file=file)
    return Key(text)


def _asked_key() -> Key:
    from netwatch_tray.cloud.account import Key

    text = ""
    if sys.stdin.isatty():
        import getpass

        with contextlib.suppress(EOFError):
            text = getpass.getpass(translate("Terminal", "API key (not shown): "))
    else:
        text = sys.stdin.readline()
    if not text.strip():
        raise SettingsError("No key was given, so uploading is off. Run it again when you have one.")
    return Key(text)


def _account_before(upload: Upload) -> tuple[Endpoint, Key] | None:
    """Return the server and the key that are set up already, or None if one of them is missing."""
    from netwatch_tray.cloud import account

    try:
        endpoint = account.parse_endpoint(upload.endpoint)
    except SettingsError:
        return None
    key = account.load_key(endpoint)
    return None if key is None else (endpoint, key)


def _is_same_account(
    before: tuple[Endpoint, Key] | None, now: tuple[Endpoint, Key], *, is_confirmed: bool, asks: bool
) -> bool:
    if is_confirmed or not asks or before is None or _is_same(before, now):
        return is_confirmed
    same = translate("Terminal", "Is this key of the same account as the one before? Then this host keeps its history.")
    answer = _asked(f"{same} {translate('Terminal', '[y/N]')} ")
    return answer.lower() in {"y", "yes", translate("Terminal", "y"), translate("Terminal", "yes")}


def _is_same(before: tuple[Endpoint, Key] | None, now: tuple[Endpoint, Key]) -> bool:
    return before is not None and (before[0], before[1].reveal()) == (now[0], now[1].reveal())


def _asked(question: str) -> str:
    try:
        return input(question).strip()
    except EOFError:
        raise SettingsError("Uploading is off; nothing else was changed.") from None


def _on(_options: argparse.Namespace) -> int:
    from netwatch_tray.cloud import account

    found = account.resolve(load_settings().upload)
    settings, is_running = save("upload", on=True)
    upload = settings.upload
    text = translate("Terminal", "Snapshots at the level {level} go to {server} each {seconds} s.")
    if not is_running:
        text = translate(
            "Terminal", "Snapshots at the level {level} go to {server} each {seconds} s once the program runs."
        )
    print(text.format(level=upload.level, server=found.endpoint, seconds=account.interval(upload)))
    return DONE


def _off(_options: argparse.Namespace) -> int:
    save("upload", on=False)
    print(translate("Terminal", "Nothing is sent any more."))
    return DONE


def _status(_options: argparse.Namespace) -> int:
    from netwatch_tray import paths, settings as settings_file
    from netwatch_tray.cloud import account

    upload = usable_settings().upload
    endpoint = account.server(upload)
    managed = sorted(settings_file.managed())
    print_pairs(
        {
            translate("Terminal", "upload"): translate("Terminal", "on")
            if upload.on
            else translate("Terminal", "off: nothing is sent"),
            translate("Terminal", "server"): str(endpoint),
            translate("Terminal", "sent"): _what(upload),
            translate("Terminal", "spool"): _waiting(paths.exists(paths.spool_file())),
            translate("Terminal", "state"): said(state_in_agent(lambda status: status.upload)),
            **({translate("Terminal", "set by your administrator"): managed} if managed else {}),
        }
    )
    return DONE


def _what(upload: Upload) -> list[str]:
    """Return in words what is uploaded: a line about interval and level, then a line for each part that is sent."""
    from netwatch_tray.cloud import account
    from netwatch_tray.cloud.privacy import includes

    first = translate("Terminal", "each {seconds} s, at the level {level}:")
    first = first.format(seconds=account.interval(upload), level=upload.level)
    parts = [translate("Terminal", text) for level, text in _LEVELS.items() if includes(upload.level, level)]
    if upload.hide_addresses and upload.hide_names:
        parts.append(translate("Terminal", "addresses and names are hidden in all of it"))
    elif upload.hide_addresses:
        parts.append(translate("Terminal", "addresses are hidden in all of it"))
    elif upload.hide_names:
        parts.append(translate("Terminal", "names are hidden in all of it"))
    return [first, *(f"- {part}" for part in parts)]


def _waiting(exists: bool) -> str:
    from netwatch_tray import paths
    from netwatch_tray.cloud.spool import Spool

    if not exists:
        return translate("Terminal", "empty")
    spool = Spool(paths.spool_file())
    counts = spool.counts()
    spool.close()
    text = translate("Terminal", "{waiting} waiting, {delivered} delivered, {refused} refused, {dropped} dropped")
    return text.format(waiting=counts.waiting, delivered=counts.delivered, refused=counts.aside, dropped=counts.dropped)


def _test(_options: argparse.Namespace) -> int:
    """Send one snapshot to the server. It does not go through the spool, which belongs to the agent that may be
    uploading.

    The snapshot is the first measurement, so its deltas are 0: a server that adds up deltas must not count the traffic
    of a test.
    """
    from netwatch_tray import settings as settings_file
    from netwatch_tray.cloud import account, wire
    from netwatch_tray.cloud.client import ServerClient, describe
    from netwatch_tray.cloud.response_policy import Outcome, PerSnapshot, decide
    from netwatch_tray.cloud.standalone import Standalone
    from netwatch_tray.cloud.uploader import PACE

    settings = load_settings()
    if not settings.upload.on:
        settings_file.refuse_managed({"upload": {"on": True}})
    found = account.resolve(settings.upload)
    standalone = Standalone(settings, found.identity)
    standalone.step()
    body = standalone.envelope()
    standalone.close()
    client = ServerClient(found, wire.AGENT, timeout=PACE.timeout)
    response = client.post(body)
    if response.status == 429:
        again = translate("Terminal", "The server takes a snapshot every ten seconds; trying again in a moment.")
        print(again, file=sys.stderr)
        time.sleep(PACE.gap)
        response = client.post(body)
    client.close()
    decision = decide(response, 1, None)
    if isinstance(decision, PerSnapshot) and decision.outcomes[0][0] is Outcome.ACCEPTED:
        taken = translate("Terminal", "{server} took one snapshot of {size} bytes ({protection}).")
        print(taken.format(server=found.endpoint, size=len(body), protection=said(describe(found.endpoint))))
        return DONE
    reason = decision.outcomes[0][1] if isinstance(decision, PerSnapshot) else decision.reason
    refused = translate("Terminal", "{server} did not take it: {reason}")
    complain(refused.format(server=found.endpoint, reason=said(reason)))
    return WRONG


def _serve_metrics(options: argparse.Namespace) -> int:
    import msgspec

    from netwatch_tray.cloud import otlp
    from netwatch_tray.cloud.metrics_service import MetricsService
    from netwatch_tray.cloud.standalone import Standalone
    from netwatch_tray.engine.scheduler import Scheduler

    settings = usable_settings()
    # Only programs on this machine can connect, so nothing has to be hidden. Processes and connections make no metrics.
    upload = msgspec.structs.replace(settings.upload, level="system", hide_addresses=False, hide_names=False)
    settings = msgspec.structs.replace(settings, upload=upload, metrics=Metrics(port=options.port))
    scheduler = Scheduler()
    standalone = Standalone(settings, period=_METRICS_SECONDS, on_health=lambda health: service.health(health))  # noqa: PLW0108  made below
    try:
        service = MetricsService(scheduler, settings, lambda: standalone.states, with_events=False)
    except OSError as error:
        raise SettingsError("Port {port} cannot be served: {reason}.", port=options.port, reason=error) from error
    service.tick(standalone.step())
    export = None
    if options.otlp is not None:
        export = otlp.start(options.otlp or None, float(upload.interval), standalone.snapshot())

    def step() -> None:
        service.tick(standalone.step())
        if export is not None:
            export.add(standalone.snapshot())

    scheduler.every(_METRICS_SECONDS, step)
    print(translate("Terminal", "Serving {url}").format(url=service.url), flush=True)
    try:
        scheduler.run()
    finally:
        service.close()
        if export is not None:
            export.close()
        standalone.close()
    return DONE
