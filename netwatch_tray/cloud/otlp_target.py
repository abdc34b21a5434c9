"""Where to export to by OTLP: from the settings and OpenTelemetry's standard environment variables.

The variables override the user's settings, but turn nothing on. A variable for one signal
(OTEL_EXPORTER_OTLP_METRICS_…) overrides the general one.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import unquote

import netwatch_tray
from netwatch_tray import settings
from netwatch_tray.cloud import account, wire
from netwatch_tray.cloud.account import Endpoint, Identity, Key
from netwatch_tray.cloud.connection import trusted_by_system
from netwatch_tray.cloud.otlp_json import Attributes
from netwatch_tray.errors import SettingsError
from netwatch_tray.settings import Otlp

Signal = Literal["metrics", "logs"]

_TIMEOUT_MS = 10_000
_LONGEST_TIMEOUT_MS = 600_000
_MOST_HEADERS = 64 << 10
"""Most bytes of the file with headers."""
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_OWN_HEADERS = frozenset(
    {"host", "content-type", "content-length", "content-encoding", "transfer-encoding", "connection", "user-agent"}
)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm32", "i686": "x86"}
"""Value of the attribute host.arch, by the word that uname(2) has for the architecture if it is another one."""
_NO_KEY = Key("otlp")
"""Stands for the API key when this host's identity is looked up: a collector has no accounts, so it is identified by
its URL alone."""


class Target(NamedTuple):
    """URL and options for one signal (metrics or logs)."""

    endpoint: Endpoint
    headers: dict[str, str]
    """HTTP headers by name. They may contain secrets."""
    is_compressed: bool
    timeout: float
    """Seconds for one request."""
    trusted: Callable[[], ssl.SSLContext]

    def __repr__(self) -> str:
        """Return the URL only, because headers must not get into a log."""
        return str(self.endpoint)


def target(otlp: Otlp, signal: Signal, environment: Mapping[str, str]) -> Target:
    """Return URL and options of the collector for a signal. Raise SettingsError if a setting or environment variable is
    invalid."""

    managed = settings.managed()

    def option(name: str, key: str | None = None) -> str:
        if f"otlp.{key}" in managed:
            return ""
        found = environment.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_{name}")
        return (found or environment.get(f"OTEL_EXPORTER_OTLP_{name}") or "").strip()

    if option("PROTOCOL") == "grpc":
        raise SettingsError("OTEL_EXPORTER_OTLP_PROTOCOL is grpc; only OTLP over HTTP is supported (port 4318).")
    return Target(
        endpoint=_endpoint(otlp, signal, {} if "otlp.endpoint" in managed else environment),
        headers={**_headers_of_file(otlp.headers_file), **parse_headers(option("HEADERS", "headers_file"))},
        is_compressed=_is_compressed(option("COMPRESSION")),
        timeout=_timeout(option("TIMEOUT")),
        trusted=_trusted(
            option("CERTIFICATE", "certificate_file") or otlp.certificate_file,
            option("CLIENT_CERTIFICATE", "client_certificate_file") or otlp.client_certificate_file,
            option("CLIENT_KEY", "client_key_file") or otlp.client_key_file,
        ),
    )


def _endpoint(otlp: Otlp, signal: Signal, environment: Mapping[str, str]) -> Endpoint:
    of_signal = environment.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT")
    if of_signal:
        return account.parse_endpoint(of_signal, "")  # complete
    address = (environment.get("OTEL_EXPORTER_OTLP_ENDPOINT") or otlp.endpoint).strip().rstrip("/")
    for each in ("/v1/metrics", "/v1/logs"):  # often given where the base is meant
        address = address.removesuffix(each)
    return account.parse_endpoint(address, f"/v1/{signal}")


def parse_headers(text: str) -> dict[str, str]:
    """Parse `name=value` pairs with percent-encoded values, separated by commas or line ends.

    Raise SettingsError if a pair is invalid; its text does not contain the values.
    """
    found = {}
    for pair in re.split(r"[,\n]", text):
        name, separator, value = (part.strip() for part in pair.partition("="))
        if not (name or separator) or name.startswith("#"):
            continue
        value = unquote(value)
        is_text = value.isascii() and value.isprintable()
        if not separator or not _HEADER_NAME.fullmatch(name) or not is_text or name.lower() in _OWN_HEADERS:
            raise SettingsError(
                "A header for the OpenTelemetry collector is not usable: {name}. Example: authorization=Bearer%20TOKEN",
                name=repr(name[:100]) if separator else "…",  # without a name it is a value, maybe a secret
            )
        found[name] = value
    return found


def _headers_of_file(name: str) -> dict[str, str]:
    if not name:
        return {}
    file = Path(name).expanduser()
    try:
        with file.open("rb") as opened:
            if os.fstat(opened.fileno()).st_mode & 0o007:
                raise SettingsError("{file} holds headers that others must not read. Run: chmod o= {file}", file=file)
            content = opened.read(_MOST_HEADERS).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            "The headers for the OpenTelemetry collector cannot be read from {file}: {error}.", file=file, error=error
        ) from error
    return parse_headers(content)


def _is_compressed(text: str) -> bool:
    if text not in {"", "gzip", "none"}:
        raise SettingsError("OTEL_EXPORTER_OTLP_COMPRESSION is {text}; it must be gzip or none.", text=repr(text))
    return text != "none"


def _timeout(text: str) -> float:
    if not text:
        return _TIMEOUT_MS / 1000
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text) <= _LONGEST_TIMEOUT_MS:
        raise SettingsError(
            "OTEL_EXPORTER_OTLP_TIMEOUT is {text}; it must be milliseconds, at most {most}.",
            text=repr(text),
            most=_LONGEST_TIMEOUT_MS,
        )
    return int(text) / 1000


def _trusted(authorities: str, certificate: str, key: str) -> Callable[[], ssl.SSLContext]:
    """Return a function that makes the TLS context. `authorities`: file of certificate authorities to trust instead of
    the system's. `certificate`, `key`: files of the client certificate. Each is empty if not used."""
    for each in filter(None, (authorities, certificate, key)):
        if not os.access(Path(each).expanduser(), os.R_OK):
            raise SettingsError("The file {file} of the OpenTelemetry collector's settings cannot be read.", file=each)

    def context() -> ssl.SSLContext:
        found = trusted_by_system() if not authorities else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        found.minimum_version = ssl.TLSVersion.TLSv1_2
        if authorities:
            found.load_verify_locations(Path(authorities).expanduser())
        if certificate:
            found.load_cert_chain(Path(certificate).expanduser(), Path(key).expanduser() if key else None)
        return found

    return context


def identity(endpoint: Endpoint) -> Identity:
    """Return this host's identity for a collector, which is random and made once for each URL. Raise NetWatchError if
    it cannot be stored."""
    return account.identity(endpoint, _NO_KEY)


def resource(host: wire.HostInfo, environment: Mapping[str, str]) -> Attributes:
    """Return the attributes that describe this host in all metrics and log records. Raise SettingsError if a variable
    is invalid.

    OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME override the attributes found here.
    """
    system = os.uname()
    found = {
        "service.name": "netwatch-tray",
        "service.version": netwatch_tray.__version__,
        "service.instance.id": host.host_id,
        "host.name": host.hostname,
        "host.arch": _ARCHITECTURES.get(system.machine, system.machine),
        "os.type": system.sysname.lower(),
        "os.description": host.os or "",
        "host.cpu.model.name": host.cpu_model or "",
    }
    found |= parse_attributes(environment.get("OTEL_RESOURCE_ATTRIBUTES", ""))
    found["service.name"] = wire.text(environment.get("OTEL_SERVICE_NAME", "")) or found["service.name"]
    return {name: value for name, value in found.items() if value}


def parse_attributes(text: str) -> dict[str, str]:
    """Parse OTEL_RESOURCE_ATTRIBUTES: percent-encoded `name=value` pairs, separated by commas. Raise SettingsError if a
    pair is invalid."""
    found = {}
    for pair in text.split(",") if text.strip() else ():
        name, separator, value = (part.strip() for part in pair.partition("="))
        if not name or not separator:
            raise SettingsError("OTEL_RESOURCE_ATTRIBUTES is not usable. Example: deployment.environment.name=home")
        found[wire.text(unquote(name))] = wire.text(unquote(value))
    return found
