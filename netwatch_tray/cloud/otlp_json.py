"""OTLP/JSON (OpenTelemetry protocol 1.x over HTTP): makes requests, and parses a collector's responses.

In protobuf's JSON mapping: names in camel case, 64-bit integers as decimal text, enumerations as numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

import netwatch_tray
from netwatch_tray.errors import ParseError

SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"
"""Identifies the release of the semantic conventions from which the names of the metrics are."""
CUMULATIVE = 2
"""Number of AGGREGATION_TEMPORALITY_CUMULATIVE: each value of a sum is the amount since its start time."""

Scalar = str | int | float | bool
Attributes = Mapping[str, Scalar | tuple[Scalar, ...]]


class _Struct(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, gc=False):
    """Base class of the messages. The garbage collector does not track them, because they form trees without cycles."""


class AnyValue(_Struct, frozen=True, kw_only=True):
    string_value: str | UnsetType = UNSET
    bool_value: bool | UnsetType = UNSET
    int_value: str | UnsetType = UNSET
    double_value: float | UnsetType = UNSET
    array_value: ArrayValue | UnsetType = UNSET


class ArrayValue(_Struct, frozen=True, kw_only=True):
    values: tuple[AnyValue, ...]


class KeyValue(_Struct, frozen=True, kw_only=True):
    key: str
    value: AnyValue


class NumberDataPoint(_Struct, frozen=True, kw_only=True):
    attributes: tuple[KeyValue, ...] = ()
    start_time_unix_nano: str | UnsetType = UNSET
    time_unix_nano: str
    as_int: str | UnsetType = UNSET
    as_double: float | UnsetType = UNSET


class Gauge(_Struct, frozen=True, kw_only=True):
    data_points: tuple[NumberDataPoint, ...]


class Sum(_Struct, frozen=True, kw_only=True):
    data_points: tuple[NumberDataPoint, ...]
    aggregation_temporality: int
    is_monotonic: bool = False


class Metric(_Struct, frozen=True, kw_only=True):
    name: str
    unit: str
    gauge: Gauge | UnsetType = UNSET
    sum: Sum | UnsetType = UNSET


class Resource(_Struct, frozen=True, kw_only=True):
    attributes: tuple[KeyValue, ...]


class Scope(_Struct, frozen=True, kw_only=True):
    name: str
    version: str


class LogRecord(_Struct, frozen=True, kw_only=True):
    time_unix_nano: str
    observed_time_unix_nano: str
    severity_number: int
    severity_text: str
    event_name: str
    body: AnyValue
    attributes: tuple[KeyValue, ...]


class _PartialSuccess(_Struct, frozen=True, kw_only=True):
    rejected_data_points: str | int = 0
    rejected_log_records: str | int = 0
    error_message: str = ""


class _ExportResponse(_Struct, frozen=True, kw_only=True):
    partial_success: _PartialSuccess | None = None


class Refused(NamedTuple):
    """What a collector refused of a request that it otherwise accepted ("partial success")."""

    number: int
    """How many data points or log records were refused."""
    reason: str


_SCOPE = Scope(name="netwatch-tray", version=netwatch_tray.__version__)
_encoder = msgspec.json.Encoder()
_response_decoder = msgspec.json.Decoder(_ExportResponse)


def any_value(value: Scalar | tuple[Scalar, ...]) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=str(value))
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)
    return AnyValue(array_value=ArrayValue(values=tuple(map(any_value, value))))


def key_values(attributes: Attributes) -> tuple[KeyValue, ...]:
    return tuple(map(_key_value, attributes.keys(), attributes.values()))


@lru_cache(maxsize=512, typed=True)
def _key_value(key: str, value: Scalar | tuple[Scalar, ...]) -> KeyValue:
    """Return an attribute as a message. It is cached, because most attributes occur in several points and in every
    export."""
    return KeyValue(key=key, value=any_value(value))


def nanoseconds(at: float) -> str:
    """Return a Unix time, given in seconds, as the text in nanoseconds that OTLP requires. A float is exact to the
    microsecond."""
    return str(round(at * 1e6) * 1000)


def resource_metrics(resource: Attributes, metrics: Iterable[Metric]) -> bytes:
    """Return metrics of one moment, encoded as an element for `request`."""
    return _element(resource, "scopeMetrics", {"metrics": tuple(metrics)})


def resource_logs(resource: Attributes, record: LogRecord) -> bytes:
    """Return a log record, encoded as an element for `request`."""
    return _element(resource, "scopeLogs", {"logRecords": (record,)})


def _element(resource: Attributes, name: str, found: dict[str, object]) -> bytes:
    """Return metrics or log records (`found`) with the resource and the scope that they belong to, encoded as an
    element for `request`. The scope is always this program."""
    scope = {"scope": _SCOPE, **found, "schemaUrl": SCHEMA_URL}
    return _encoder.encode(
        {"resource": Resource(attributes=key_values(resource)), name: (scope,), "schemaUrl": SCHEMA_URL}
    )


def request(signal: str, elements: Iterable[bytes]) -> bytes:
    """Return the body of a request. `signal`: `metrics` or `logs`. `elements`: encoded elements of that signal."""
    return _encoder.encode({f"resource{signal.capitalize()}": [msgspec.Raw(each) for each in elements]})


def refused(body: bytes) -> Refused | None:
    """Return what a collector refused according to the body of its response with status 200; None if nothing. Raise
    ParseError if the body is malformed."""
    if not body.strip():  # some collectors respond without a body
        return None
    try:
        found = _response_decoder.decode(body).partial_success
        if found is None:
            return None
        number = int(found.rejected_data_points) + int(found.rejected_log_records)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ParseError(f"This is not a response of a collector: {error}.") from error
    return Refused(number, found.error_message) if number or found.error_message else None
