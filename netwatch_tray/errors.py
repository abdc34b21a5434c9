"""Exceptions for expected failures. They are raised where the failure is detected, and reported to the user by the
caller that can.

Any other exception is a bug; the guard around the running thread logs it with its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import NamedTuple, Union


class Message(NamedTuple):
    """A text for the user before it is translated: an English template, and the values of its placeholders.

    `str()` is the English text; `language.said` returns the text in the user's language.
    """

    template: str
    values: dict[str, Value] = {}  # noqa: RUF012  never changed

    def __str__(self) -> str:
        return self.template.format(**self.values) if self.values else self.template


Value = Union[str, int, float, Message]  # noqa: UP007  evaluated by msgspec, where Message is not yet defined


def message(template: str, **values: object) -> Message:
    """Return a message. `template` must be a literal, because `./dev translate` collects it. `values` may also be
    messages and errors, which are translated as well; of other errors the text of `reason_of` is shown."""
    return Message(template, {name: _value(value) for name, value in values.items()})


def joined(messages: Iterable[Message], separator: str = " ") -> Message:
    """Return a message with the texts of several messages, in order. Raise TypeError if there are none."""
    template = f"{{first}}{separator}{{second}}"
    return reduce(lambda first, second: Message(template, {"first": first, "second": second}), messages)


def reason_of(error: Exception) -> str:
    """Return the text of an error; of an OSError without its number and file: `No such file or directory`."""
    text = error.strerror if isinstance(error, OSError) else None
    return text or str(error) or type(error).__name__


def _value(value: object) -> Value:
    if isinstance(value, NetWatchError):
        return value.message
    if isinstance(value, Exception):
        return reason_of(value)
    return value if isinstance(value, str | int | float | Message) else str(value)


class NetWatchError(Exception):
    """Base class of the errors below. Their text is for the user: what happened, what still works, what to do."""

    def __init__(self, template: str | Message, **values: object) -> None:
        """`template`: an English text with placeholders, or a finished Message. `values`: by placeholder; see
        `message`."""
        super().__init__(template)
        self.message = template if isinstance(template, Message) else message(template, **values)

    def __str__(self) -> str:
        return str(self.message)


class UnsupportedError(NetWatchError):
    """A source of measurements cannot work on this machine. Raised only when it is opened; the next source is tried
    then."""


class CollectError(NetWatchError):
    """One reading of a source failed. The next one may succeed."""


class ParseError(CollectError):
    """Bytes from the kernel, a tool or a peer do not have the expected format."""


class TrayUnavailableError(NetWatchError):
    """There is no tray, or it cannot be reached."""


class AlreadyRunningError(NetWatchError):
    """Another agent of this user is running."""


class AgentUnreachableError(NetWatchError):
    """No agent listens on the feed's socket, or it has closed the connection."""


class AgentBusyError(AgentUnreachableError):
    """An agent is running, but does not accept connections at the moment."""


class SettingsError(NetWatchError):
    """The settings are invalid or their file cannot be read. The text names the file and the key."""


class AmountError(NetWatchError):
    """A text does not describe an amount of bytes."""


class HistoryError(NetWatchError):
    """The history cannot be read or written now; live rates do not depend on it."""


class NoHistoryYetError(HistoryError):
    """Nothing was recorded so far: the program was installed just now, or the history is off."""
