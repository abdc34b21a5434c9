"""What a server's response means for the snapshots of the request, by the rules of docs/wire.md. Pure."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from netwatch_tray.cloud import wire
from netwatch_tray.cloud.client import Response
from netwatch_tray.errors import Message, ParseError, message
from netwatch_tray.text import printable

_MAX_QUOTE = 200
"""Characters quoted of a server's message."""
SKEW = 3600.0
"""Seconds of clock difference above which the server's refusal of a timestamp is blamed on the clock."""
RATE_LIMITED = message("The server asks for fewer requests.")

_REFUSALS = {
    401: message("The server does not accept the API key. Enter it again: netwatch-tray upload setup"),
    402: message("The account at the server does not cover this host (its plan ended, or it has too many hosts)."),
    403: message("The server does not allow this API key to upload. Enter another: netwatch-tray upload setup"),
    404: message("There is no NetWatch server at this URL. Check it: netwatch-tray upload setup"),
    405: message("There is no NetWatch server at this URL. Check it: netwatch-tray upload setup"),
}


class Outcome(Enum):
    """What the server did with one snapshot."""

    ACCEPTED = "the server stored it"
    REJECTED = "the server will never store it"
    FAILED = "the server could not store it this time"
    DEFERRED = "the server will store it once this host's clock is right"


class PerSnapshot(NamedTuple):
    """The response has an outcome for each snapshot."""

    outcomes: tuple[tuple[Outcome, Message], ...]
    """In the order of sending, with the server's message."""


class Retry(NamedTuple):
    """The server may not have stored anything: send the same batch later."""

    reason: Message
    after: float | None = None
    """Seconds that the server requests to wait."""
    may_be_stored: bool = False
    """The server got the batch, and only its answer is missing."""


class SlowDown(NamedTuple):
    """The server refused the request because of its rate limit, which hosts with the same key share."""

    reason: Message
    after: float | None = None
    """Seconds that the server requests to wait."""


class Pause(NamedTuple):
    """Sending cannot continue until the user has done something."""

    reason: Message


class Split(NamedTuple):
    """The batch is too large, or a part of it is refused: send fewer snapshots at once."""

    reason: Message


class SetAside(NamedTuple):
    """The whole batch is refused, and parts of it would be refused, too."""

    reason: Message


Decision = PerSnapshot | Retry | SlowDown | Pause | Split | SetAside


def decide(response: Response, count: int, skew: float | None) -> Decision:
    """Return what to do after a response. `count`: snapshots sent. `skew`: known seconds by which this host's clock is
    ahead."""
    status = response.status
    if status in _REFUSALS:
        return Pause(_REFUSALS[status])
    if 300 <= status < 400:
        where = quoted(response.location or "–")
        return Pause(
            message(
                "The server redirects to {url}, which is not followed. If you trust it, set it as the upload URL.",
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
    """Return the status and the beginning of the body, for the user."""
    text = quoted(response.body[:1000].decode(errors="replace"))
    return f"HTTP {response.status}: {text}" if text else f"HTTP {response.status}"


def quoted(text: str) -> str:
    """Return a server's text, shortened and on one line."""
    return printable(" ".join(text.split()), _MAX_QUOTE)
