"""Sends metrics or log records from the spool to a collector, and handles its responses by the rules of
OTLP over HTTP."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable

from netwatch_tray.cloud import otlp_json, wire
from netwatch_tray.cloud.client import JsonClient, LateError, Response, UnreachableError
from netwatch_tray.cloud.otlp_target import Signal, Target
from netwatch_tray.cloud.response_policy import (
    Decision,
    Outcome,
    Pause,
    PerSnapshot,
    Retry,
    SetAside,
    Split,
    described,
    quoted,
)
from netwatch_tray.cloud.spool import Spool, Stored
from netwatch_tray.cloud.uploader import Pace, Uploader
from netwatch_tray.errors import Message, ParseError, message

_log = logging.getLogger(__name__)

OTLP_PACE = Pace(gap=1.0)
"""Pace with short gaps between requests: a collector has no rate limit, and the interval of the export keeps requests
few."""
_REFUSALS = {
    401: message("The OpenTelemetry collector does not accept the credentials. Check the headers."),
    403: message("The OpenTelemetry collector does not allow this computer to send. Check the headers."),
    404: message("There is no OpenTelemetry collector at this URL. Check the endpoint."),
    405: message("There is no OpenTelemetry collector at this URL. Check the endpoint."),
}


class OtlpUploader(Uploader):
    """Sends one signal (metrics or logs), with the retries, batches and states of Uploader."""

    def __init__(
        self,
        spool: Spool,
        target: Target,
        signal: Signal,
        stream: str,
        *,
        notify: Callable[[Message], None] = lambda _: None,
        pace: Pace = OTLP_PACE,
    ) -> None:
        """`stream`: name in the spool of what is to be sent. `notify`: called with what the user has to do before
        anything can be sent."""
        self._signal = signal
        self._target = target
        self._was_refused: Message | None = None
        """What the collector refused of the last request although it accepted the rest; None if nothing."""
        of_stream = wire.HostInfo(host_id=stream, hostname="")
        super().__init__(spool, client_of(target), lambda: of_stream, notify=notify, pace=pace)

    def _post(self, batch: list[Stored]) -> Decision:
        body = request_body(self._target, self._signal, [each.body for each in batch])
        self._was_refused = None
        try:
            response = self._client.post(body)
        except LateError as error:
            self._max_batch = max(1, len(batch) // 2)
            return Retry(error.message)
        except UnreachableError as error:
            return Retry(error.message)
        decision, self._was_refused = decide(response, len(batch))
        return decision

    def _succeed(self) -> None:
        super()._succeed()
        if self._was_refused is not None:
            self._report(self._was_refused)


def client_of(target: Target) -> JsonClient:
    headers = {**({"Content-Encoding": "gzip"} if target.is_compressed else {}), **target.headers}
    return JsonClient(target.endpoint, headers, wire.AGENT, timeout=target.timeout, trusted=target.trusted)


def request_body(target: Target, signal: Signal, elements: list[bytes]) -> bytes:
    body = otlp_json.request(signal, elements)
    return _gzipped(body) if target.is_compressed else body


def _gzipped(body: bytes) -> bytes:
    """Compress a body. The window is small, to save memory, as in the spool."""
    packer = zlib.compressobj(level=1, wbits=16 + 13, memLevel=5)  # 16: with the head of gzip
    return packer.compress(body) + packer.flush()


def decide(response: Response, count: int) -> tuple[Decision, Message | None]:
    """Return what to do after a response to `count` elements. Also return a message about elements that the collector
    refused although it accepted the rest; None if there are none.

    Partial success is never retried. Of failures, only 429, 502, 503 and 504 are. While the user has to do something,
    elements stay in the spool.
    """
    status = response.status
    if 200 <= status < 300:
        accepted = PerSnapshot(((Outcome.ACCEPTED, Message("")),) * count)
        try:
            refused = otlp_json.refused(response.body)
        except ParseError:  # the status alone is binding
            return accepted, None
        if refused is None:
            return accepted, None
        _log.warning("The OpenTelemetry collector refused %d values: %s", refused.number, refused.reason)
        return accepted, message(
            "The OpenTelemetry collector refused {count} values ({reason}).",
            count=refused.number,
            reason=quoted(refused.reason) or "–",
        )
    if status in _REFUSALS:
        return Pause(_REFUSALS[status]), None
    if 300 <= status < 400:
        return Pause(
            message(
                "The OpenTelemetry collector redirects to {url}, which is not followed. "
                "If you trust it, set it as the endpoint.",
                url=quoted(response.location or "–"),
            )
        ), None
    quote = described(response)
    if status in {429, 502, 503, 504}:
        return Retry(
            message("The OpenTelemetry collector is busy or failed ({quote}).", quote=quote), response.retry_after
        ), None
    refused_all = message("The OpenTelemetry collector refused what was sent ({quote}).", quote=quote)
    return (Split(refused_all) if status == 413 else SetAside(refused_all)), None
