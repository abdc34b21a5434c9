"""What the agent says of interfaces and gaps, in the person's language; on the feed and in terminals it is English."""

from __future__ import annotations

import re
from functools import lru_cache

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

translate = QCoreApplication.translate

_SAID = (
    QT_TRANSLATE_NOOP("Agent", "counted: carries the default route"),
    QT_TRANSLATE_NOOP("Agent", "counted: carries {name}, which has the default route"),
    QT_TRANSLATE_NOOP("Agent", "counted: no default route, so all that are up count"),
    QT_TRANSLATE_NOOP("Agent", "counted: chosen in the settings"),
    QT_TRANSLATE_NOOP("Agent", "not counted: chosen in the settings"),
    QT_TRANSLATE_NOOP("Agent", "not counted: traffic of this computer with itself"),
    QT_TRANSLATE_NOOP("Agent", "not counted: down"),
    QT_TRANSLATE_NOOP("Agent", "not counted: no default route goes through it"),
    QT_TRANSLATE_NOOP("Agent", "not counted: reaches the outside over {names}"),
    QT_TRANSLATE_NOOP("Agent", "not counted: traffic of {name} already passes {names}"),
    QT_TRANSLATE_NOOP("Agent", "asleep"),
    QT_TRANSLATE_NOOP("Agent", "another source of counters"),
    QT_TRANSLATE_NOOP("Agent", "could not be written"),
    QT_TRANSLATE_NOOP("Agent", "counters jumped by more than the link carries"),
    QT_TRANSLATE_NOOP("Agent", "counters reset"),
    QT_TRANSLATE_NOOP("Agent", "interface gone"),
    QT_TRANSLATE_NOOP("Agent", "not running"),
    QT_TRANSLATE_NOOP("Agent", "nothing measured for {seconds} s"),
    QT_TRANSLATE_NOOP("Agent", "paused until now"),
    QT_TRANSLATE_NOOP("Agent", "the clock was set back"),
    QT_TRANSLATE_NOOP("Agent", "the clock was set forward"),
)


def _pattern(sentence: str) -> re.Pattern[str]:
    """Of one of them, its placeholders as groups."""
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(sentence)))


_PATTERNS = tuple((sentence, _pattern(sentence)) for sentence in map(str, _SAID))


@lru_cache(maxsize=512)
def in_words(said: str) -> str:
    """A reason of the agent's as the person reads it; one that is not known here stays as it is."""
    for sentence, pattern in _PATTERNS:
        if found := pattern.fullmatch(said):
            values = found.groupdict()
            if "names" in values:
                values["names"] = values["names"].replace(" and ", translate("Agent", " and "))
            return translate("Agent", sentence).format(**values)
    return said
