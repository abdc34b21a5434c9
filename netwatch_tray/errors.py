"""What may go wrong that is nobody's bug: raised where it is met, told to the person where it matters.

Anything else that escapes is a bug: the guard around the running thread logs it with its traceback.
"""

from __future__ import annotations


class NetWatchError(Exception):
    """Base of everything below. The text is for people: what happened, what still works, what to do."""


class UnsupportedError(NetWatchError):
    """This source cannot work on this machine at all; the next one is tried. Raised by openers only."""


class CollectError(NetWatchError):
    """One reading failed; the source may work again later."""


class ParseError(CollectError):
    """Bytes from the kernel, from a tool or from a peer are not what their format promises."""


class TrayUnavailableError(NetWatchError):
    """There is no tray, or no way to reach one."""


class AlreadyRunningError(NetWatchError):
    """Another agent of this user holds the lock."""


class AgentUnreachableError(NetWatchError):
    """No agent answers on the feed."""


class AgentBusyError(AgentUnreachableError):
    """An agent runs, but takes no connection now."""


class SettingsError(NetWatchError):
    """The settings file cannot be read or holds something invalid; names the file and the key."""


class HistoryError(NetWatchError):
    """The history cannot be read or written now; live rates do not depend on it."""


class NoHistoryYetError(HistoryError):
    """Nothing was ever recorded: the program is new here, or the history is off."""
