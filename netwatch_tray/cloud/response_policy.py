"""Decides by the rules of docs/wire.md what a server's response means for the snapshots in the request. Pure."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from netwatch_tray.cloud import wire
from netwatch_tray.cloud.client import Response
from netwatch_tray.errors import Message, ParseError, message
from netwatch_tray.text import printable

_MAX_QUOTE = 200
"""Characters quoted of a text that the server sent."""
SKEW = 3600.0
"""Seconds by which the clocks must differ at least, so that a timestamp refused by the server is attributed to this
host's clock."""
RATE_LIMITED = message("The server asks for fewer requests.")

_REFUSALS = {
    401: message("The server does not accept the API key. Enter it again: netwatch-tray upload setup"),
    402: message("The account at the server does not cover this host (its plan ended, or it has too many hosts)."),
    403: message("The server does not allow this API key to upload. Enter another: netwatch-tray upload setup"),
    404: message("There is no NetWatch server at this URL. Check it: netwatch-tray upload setup"),
    405: message("There is no NetWatch server at this URL. Check it: netwatch-tray upload setup"),
}


class Outcome(Enum):
    """What became of one snapshot at the server."""

    ACCEPTED = "the server stored it"
    REJECTED = "the server will never store it"
    FAILED = "the server could not store it this time"
    DEFERRED = "the server will store it once this host's clock is right"


class PerSnapshot(NamedTuple):
    """The response has a separate outcome for each snapshot of the batch."""

    outcomes: tuple[tuple[Outcome, Message], ...]
    """Outcome and the server's message for each snapshot, in the order of sending."""


class Retry(NamedTuple):
    """The request failed, and the server may not have stored anything. Send the same batch again later."""

    reason: Message
    after: float | None = None
    """Seconds that the server requests to wait; None if it does not."""
    may_be_stored: bool = False
    """Whether the server may have stored the batch, because only its response is missing."""


class SlowDown(NamedTuple):
    """The server's rate limit refused the request. Hosts with the same API key share that limit."""

    reason: Message
    after: float | None = None
    """Seconds that the server requests to wait; None if it does not."""


class Pause(NamedTuple):
    """Nothing can be sent until the user has done what `reason` says."""

    reason: Message


class Split(NamedTuple):
    """The server refused the batch because it is too large, or because of some part of it. Send fewer snapshots in a
    request."""

    reason: Message


class SetAside(NamedTuple):
    """The server refused the batch, and would refuse every snapshot in it. Do not send them again."""

    reason: Message


Decision = PerSnapshot | Retry | SlowDown | Pause | Split | SetAside


def decide(response: Response, count: int, skew: float | None) -> Decision:
    """Return what to do after a response to `count` snapshots. `skew`: seconds by which this host's clock is ahead of
    the server's; None if unknown."""
    status = response.status
    if status in _REFUSALS:
        return Pause(_REFUSALS[status])
    if 300 <= status < 400:
        where = quoted(response.location or "–")
        return Pause(
            message(
                "The server redirects to {url}, which is not followed. If you trust it, enter it as the URL.",
                url=where,
            )
        )
    if status in {200, 207, 400}:
        try:
            results = wire.decode_response(response.body)
        except ParseError as error:
            return Split(_refused(response)) if status == 400 else Retry(error.message, may_be_stored=True)
        return PerSnapshot(_outcomes(results, count, skew))
    if status == 415:
        return SetAside(_refused(response))
    if status in {413, 422}:
        return Split(_refused(response))
    if status == 429:
        return SlowDown(RATE_LIMITED, response.retry_after)
    return Retry(
        message("The server failed ({quote}).", quote=described(response)),
        response.retry_after,
        may_be_stored=status >= 500,
    )


def _outcomes(results: wire.IngestResponse, count: int, skew: float | None) -> tuple[tuple[Outcome, Message], ...]:
    if not results.rejected and results.accepted == count:
        return ((Outcome.ACCEPTED, Message("")),) * count
    found = [(Outcome.FAILED, message("the server did not report a result for it"))] * count
    for result in results.results:
        if result.index < count:
            found[result.index] = (_outcome(result, skew), Message(quoted(result.message)))
    return tuple(found)


def _outcome(result: wire.IngestResult, skew: float | None) -> Outcome:
    if 200 <= result.status < 300:
        return Outcome.ACCEPTED
    if result.status >= 500 or result.status == 429:
        return Outcome.FAILED
    if "window" in result.message and skew is not None and abs(skew) >= SKEW:
        return Outcome.DEFERRED
    return Outcome.REJECTED


def _refused(response: Response) -> Message:
    return message("The server refused what was sent ({quote}).", quote=described(response))


def described(response: Response) -> str:
    """Return the status and the beginning of the body as a text for the user."""
    text = quoted(response.body[:1000].decode(errors="replace"))
    return f"HTTP {response.status}: {text}" if text else f"HTTP {response.status}"


def quoted(text: str) -> str:
    """Return a text from the server, cut and on one line."""
    return printable(" ".join(text.split()), _MAX_QUOTE)
