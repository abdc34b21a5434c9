"""What a server's answer means for the snapshots it is about. Pure: the rules of docs/wire.md, both servers' ways."""

from __future__ import annotations

from typing import Literal, NamedTuple

from netwatch_tray.cloud import wire
from netwatch_tray.cloud.client import Answer
from netwatch_tray.errors import ParseError
from netwatch_tray.text import printable

_MOST_WORDS = 200
"""Characters of what a peer said."""
SKEW = 3600.0
"""Seconds between the clocks beyond which refused times are the clock's fault."""

_REFUSALS = {
    401: "The server does not accept the API key. Enter it again: netwatch-tray upload setup",
    402: "The account at the server does not cover this host (its plan ended, or it has too many hosts).",
    403: "The server does not allow this API key to upload. Enter another: netwatch-tray upload setup",
    404: "There is no NetWatch server at this address. Check it: netwatch-tray upload setup",
    405: "There is no NetWatch server at this address. Check it: netwatch-tray upload setup",
}

Fate = Literal["accepted", "rejected", "failed", "wait"]
"""Of one snapshot: the server has it; will never take it; stumbled over it; or takes it when the clock is right."""


class Each(NamedTuple):
    """The server judged the snapshots one by one."""

    fates: tuple[tuple[Fate, str], ...]
    """In the order they were sent, with the server's words."""


class Again(NamedTuple):
    """Nothing is known to be stored: the same once more, later."""

    reason: str
    after: float | None = None
    """Seconds the server asks for."""


class Paused(NamedTuple):
    """The person must do something; nothing is lost until then but what gets too old."""

    reason: str


class Smaller(NamedTuple):
    """Something in the batch is refused, or it is too large: with fewer the rest gets through."""

    reason: str


class Aside(NamedTuple):
    """The whole batch is refused, and halves would be."""

    reason: str


Verdict = Each | Again | Paused | Smaller | Aside


def judge(answer: Answer, count: int, skew: float | None) -> Verdict:
    """`count`: snapshots sent. `skew`: seconds this clock is ahead of the server's, if known."""
    status = answer.status
    if status in _REFUSALS:
        return Paused(_REFUSALS[status])
    if 300 <= status < 400:
        where = _words_of_peer(answer.location or "another address")
        return Paused(f"The server redirects to {where}, which is not followed. If you trust it, set it up as address.")
    if status in {200, 207, 400}:
        try:
            response = wire.decode_response(answer.body)
        except ParseError as error:
            if status != 400:
                return Again(str(error))
            return Smaller(_refused(answer))
        return Each(_fates(response, count, skew))
    if status == 415:
        return Aside(_refused(answer))
    if status in {413, 422}:
        return Smaller(_refused(answer))
    if status == 429:
        return Again("The server asks for fewer requests.", answer.retry_after)
    return Again(f"The server failed ({_words(answer)}).", answer.retry_after)


def _fates(response: wire.IngestResponse, count: int, skew: float | None) -> tuple[tuple[Fate, str], ...]:
    if not response.rejected and response.accepted == count:
        return (("accepted", ""),) * count
    # What is not named was not judged.
    fates: list[tuple[Fate, str]] = [("failed", "the server did not say what became of it")] * count
    for result in response.results:
        if result.index < count:
            fates[result.index] = (_fate(result, skew), _words_of_peer(result.message))
    return tuple(fates)


def _fate(result: wire.IngestResult, skew: float | None) -> Fate:
    if 200 <= result.status < 300:
        return "accepted"
    if result.status >= 500 or result.status == 429:
        return "failed"
    if "window" in result.message and skew is not None and abs(skew) >= SKEW:
        return "wait"
    return "rejected"


def _refused(answer: Answer) -> str:
    return f"The server refused what was sent ({_words(answer)})."


def _words(answer: Answer) -> str:
    """Status and the beginning of what it said."""
    text = _words_of_peer(answer.body[:1000].decode(errors="replace"))
    return f"HTTP {answer.status}: {text}" if text else f"HTTP {answer.status}"


def _words_of_peer(text: str) -> str:
    """What a peer said, short and on one line."""
    return printable(" ".join(text.split()), _MOST_WORDS)
