"""How the reason of a gap is stored: as the English sentence that earlier versions showed."""

from __future__ import annotations

from netwatch_tray.model import GapReason

SENTENCES = {
    GapReason.PAUSED: "paused",
    GapReason.RESUMED: "paused until now",
    GapReason.UNREADABLE: "the counters could not be read",
    GapReason.NOT_RUNNING: "not running",
    GapReason.RESET: "counters reset",
    GapReason.JUMPED: "counters jumped by more than the link carries",
    GapReason.ASLEEP: "asleep",
    GapReason.SOURCE_CHANGED: "another source of counters",
    GapReason.REMOVED: "interface gone",
    GapReason.NOT_WRITTEN: "could not be written",
    GapReason.CLOCK_SET_BACK: "the clock was set back",
    GapReason.CLOCK_SET_FORWARD: "the clock was set forward",
}
_INTERRUPTED = "nothing measured for "
_REASONS = {sentence: reason for reason, sentence in SENTENCES.items()}


def sentence_of(reason: GapReason, seconds: float) -> str:
    """Return what is stored. `seconds`: length of the gap."""
    return SENTENCES.get(reason) or f"{_INTERRUPTED}{seconds:.0f} s"


def reason_of(sentence: str) -> GapReason:
    """Return the reason that a stored sentence stands for; UNKNOWN if it is none of these."""
    if sentence.startswith(_INTERRUPTED):
        return GapReason.INTERRUPTED
    return _REASONS.get(sentence, GapReason.UNKNOWN)
