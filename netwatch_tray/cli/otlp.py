"""The subcommand `otlp`: the export to an OpenTelemetry collector."""

from __future__ import annotations

import argparse
import os
from typing import get_args

from netwatch_tray.cli.session import (
    DONE,
    WRONG,
    complain,
    load_settings,
    print_pairs,
    save,
    state_in_agent,
    usable_settings,
    whole_number,
)
from netwatch_tray.language import mark, said, translate
from netwatch_tray.settings import OtlpLevel
from netwatch_tray.text import printable_json

_LEVELS: dict[OtlpLevel, str] = {
    "rates": mark(
        "Terminal", "bytes, packets, errors and rates of the network interfaces; name and system of this host"
    ),
    "system": mark(
        "Terminal", "connection counts, processor, memory, disks, and round trips to gateway and DNS server"
    ),
    "apps": mark("Terminal", "the processes that use the network, with user and memory"),
    "events": mark("Terminal", "events as log records, with the app and its numbers; no names of hosts"),
}
"""What each level adds to the one before."""
_PREVIEW_SECONDS = 2.0
"""Seconds over which the rates of the preview are measured."""


def add_subcommands(subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    otlp = subcommands.add_parser(
        "otlp",
        example="netwatch-tray otlp on --endpoint https://collector.example.org:4318",
        help="send metrics and events to an OpenTelemetry collector: off until you turn it on",
    )
    actions = otlp.add_subparsers(metavar="ACTION", required=True)
    parser = actions.add_parser(
        "on",
        example="netwatch-tray otlp on --endpoint https://collector.example.org:4318 --level system",
        help="begin to send",
    )
    parser.add_argument("--endpoint", metavar="URL", help="URL of the collector, without /v1/metrics")
    parser.add_argument("--level", choices=get_args(OtlpLevel), help="how much is sent")
    parser.add_argument(
        "--interval", type=whole_number(10, 3600), metavar="S", help="seconds between exports (at least 10)"
    )
    parser.add_argument("--headers-file", metavar="FILE", help="file with lines such as authorization=Bearer%%20TOKEN")
    parser.set_defaults(run=_on)
    for name, text, function in (
        ("off", mark("Terminal", "send nothing any more"), _off),
        ("status", mark("Terminal", "what was sent, what waits, and what is wrong"), _status),
        ("show", mark("Terminal", "print the metrics that are sent, or would be, without sending them"), _show),
        ("test", mark("Terminal", "send a request without metrics and print the collector's response"), _test),
    ):
        parser = actions.add_parser(name, example=f"netwatch-tray otlp {name}", help=text)
        parser.set_defaults(run=function)


def _on(options: argparse.Namespace) -> int:
    import msgspec

    from netwatch_tray.cloud import otlp_target

    chosen = {
        name: value
        for name in ("endpoint", "level", "interval", "headers_file")
        if (value := getattr(options, name)) is not None
    }
    if "headers_file" in chosen:
        chosen["headers_file"] = os.path.abspath(os.path.expanduser(chosen["headers_file"]))  # noqa: PTH100, PTH111  keeps links
    found = otlp_target.target(msgspec.structs.replace(load_settings().otlp, **chosen), "metrics", os.environ)
    settings, is_running = save("otlp", on=True, **chosen)
    otlp = settings.otlp
    text = translate("Terminal", "Metrics at the level {level} go to {server} each {seconds} s.")
    if not is_running:
        text = translate(
            "Terminal", "Metrics at the level {level} go to {server} each {seconds} s once the program runs."
        )
    print(text.format(level=otlp.level, server=found.endpoint, seconds=otlp.interval))
    return DONE


def _off(_options: argparse.Namespace) -> int:
    save("otlp", on=False)
    print(translate("Terminal", "Nothing is sent to an OpenTelemetry collector any more."))
    return DONE


def _status(_options: argparse.Namespace) -> int:
    from netwatch_tray.cloud import otlp_target
    from netwatch_tray.cloud.privacy import includes

    otlp = usable_settings().otlp
    first = translate("Terminal", "each {seconds} s, at the level {level}:")
    parts = [translate("Terminal", text) for level, text in _LEVELS.items() if includes(otlp.level, level)]
    print_pairs(
        {
            "OpenTelemetry": translate("Terminal", "on") if otlp.on else translate("Terminal", "off: nothing is sent"),
            translate("Terminal", "server"): str(otlp_target.target(otlp, "metrics", os.environ).endpoint),
            translate("Terminal", "sent"): [
                first.format(seconds=otlp.interval, level=otlp.level),
                *(f"- {part}" for part in parts),
            ],
            translate("Terminal", "state"): said(state_in_agent(lambda status: status.otlp)),
        }
    )
    return DONE


def _show(_options: argparse.Namespace) -> int:
    import time

    import msgspec

    from netwatch_tray.cloud import otlp_json, otlp_target
    from netwatch_tray.cloud.otlp_metrics import MetricsEncoder
    from netwatch_tray.cloud.otlp_service import measured_by
    from netwatch_tray.cloud.standalone import Standalone

    settings = usable_settings()
    identity = otlp_target.identity(otlp_target.target(settings.otlp, "metrics", os.environ).endpoint)
    measured = msgspec.structs.replace(settings, upload=measured_by(settings.otlp))
    standalone = Standalone(measured, identity, period=_PREVIEW_SECONDS)
    standalone.step()
    time.sleep(_PREVIEW_SECONDS)
    standalone.step()
    standalone.wait_for_health()
    resource = otlp_target.resource(standalone.host(), os.environ)
    element = MetricsEncoder().encode(standalone.snapshot(), resource)
    standalone.close()
    for fault in standalone.faults:
        complain(said(fault))
    body = otlp_json.request("metrics", [element])
    print(printable_json(msgspec.json.format(body, indent=2).decode()))
    return DONE


def _test(_options: argparse.Namespace) -> int:
    """Send one request without metrics, which only tests the way to the collector. Metrics of this process would begin
    at 0, which the collector would take for a counter reset of the agent."""
    from netwatch_tray import settings as settings_file
    from netwatch_tray.cloud import otlp_target
    from netwatch_tray.cloud.client import describe
    from netwatch_tray.cloud.otlp_uploader import client_of, decide, request_body
    from netwatch_tray.cloud.response_policy import PerSnapshot

    otlp = load_settings().otlp
    if not otlp.on:
        settings_file.refuse_managed({"otlp": {"on": True}})
    target = otlp_target.target(otlp, "metrics", os.environ)
    client = client_of(target)
    response = client.post(request_body(target, "metrics", []))
    client.close()
    decision, refused = decide(response, 0)
    if isinstance(decision, PerSnapshot):
        if refused is not None:
            complain(said(refused))
        text = translate("Terminal", "{server} accepts OTLP ({protection}).")
        print(text.format(server=target.endpoint, protection=said(describe(target.endpoint))))
        return DONE
    text = translate("Terminal", "{server} did not take it: {reason}")
    complain(text.format(server=target.endpoint, reason=said(decision.reason)))
    return WRONG
