"""`selftest --installed`: checks that all parts of this installation work.

It needs no source checkout. Each part is run with temporary directories, and nothing is sent to other computers.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from netwatch_tray import language, launch, paths
from netwatch_tray.cli.session import DONE, WRONG, print_json, print_table
from netwatch_tray.errors import NetWatchError, reason_of
from netwatch_tray.language import said, translate

if TYPE_CHECKING:
    from PySide6.QtGui import QImage

_PATIENCE = 120.0
"""Seconds for agent and window to start. A small computer that first compiles all modules needs most of them."""
_LOOK_AGAIN = 0.1


class Part(NamedTuple):
    """The result of checking one part."""

    name: str
    found: str
    is_right: bool


def run(*, as_json: bool) -> int:
    """Check, print a line for each part, and return the exit code."""
    if as_json:
        language.use(language.ENGLISH)  # programs read it
    parts = check()
    if as_json:
        print_json([part._asdict() for part in parts])
    else:
        print_table(
            (translate("Terminal", "PART"), "", translate("Terminal", "FOUND")),
            [
                (name, translate("Terminal", "ok") if right else translate("Terminal", "WRONG"), text)
                for name, text, right in parts
            ],
            "<<<",
        )
    return DONE if all(part.is_right for part in parts) else WRONG


def check() -> list[Part]:
    """Check all parts, even if some of them fail."""
    with tempfile.TemporaryDirectory(prefix="netwatch-tray-") as directory:
        looks: Mapping[str, Callable[[], str]] = {
            translate("Terminal", "interfaces"): _interfaces,
            translate("Terminal", "connections"): _connections,
            translate("Terminal", "tray"): _tray,
            translate("Terminal", "history"): lambda: _history(Path(directory)),
            translate("Terminal", "certificates"): _certificates,
            translate("Terminal", "symbols and fonts"): _symbols_and_fonts,
            translate("Terminal", "agent and window"): lambda: _agent_and_window(Path(directory)),
        }
        return [_part(name, look) for name, look in looks.items()]


def _part(name: str, look: Callable[[], str]) -> Part:
    try:
        return Part(name, look(), is_right=True)
    except NetWatchError as error:
        return Part(name, said(error.message), is_right=False)
    except (ImportError, OSError) as error:
        file = error.filename if isinstance(error, OSError) else None
        reason = reason_of(error)
        return Part(name, f"{os.fsdecode(file)}: {reason}" if file else reason, is_right=False)


def _interfaces() -> str:
    from netwatch_tray.collect.interfaces import open_every

    sources = open_every()
    try:
        counts = {source.name: len(source.sample().interfaces) for source in sources}
    finally:
        for source in sources:
            source.close()
    if not any(counts.values()):
        raise NetWatchError("No source sees any interface.")
    return "; ".join(f"{name}: {count}" for name, count in counts.items())


def _connections() -> str:
    from netwatch_tray.collect.connections import open_source

    source = open_source()
    try:
        source.read()
        return source.name
    finally:
        source.close()


def _tray() -> str:
    from netwatch_tray.tray.backends import choose
    from netwatch_tray.tray.icon import draw
    from netwatch_tray.tray.presenter import Glyph

    backend = choose()
    if sys.platform == "darwin":
        from netwatch_tray.tray.backends import menu_bar as module, user_notifications

        user_notifications.load_framework()  # which loads AppKit as well
    else:
        from netwatch_tray.tray.backends import status_notifier as module
    if any(draw(Glyph("rates", 2, 2), size, backend.bar).is_empty for size in backend.sizes):
        raise NetWatchError("The icon is drawn empty.")
    text = translate("Terminal", "{module}, icon in {count} sizes")
    return text.format(module=module.Icon.__module__.rpartition(".")[2], count=len(backend.sizes))


def _history(directory: Path) -> str:
    import sqlite3

    from netwatch_tray.history.store import Store

    store = Store(directory / "history.sqlite3")
    try:
        store.tidy(time.time(), most_bytes=1 << 20)
        if store.state() is not None:
            raise NetWatchError("A new history is not empty.")
    finally:
        store.close()
    return f"SQLite {sqlite3.sqlite_version}"


def _certificates() -> str:
    """Check that certificate authorities for encrypted uploads are found. Each system stores its own in
    another place."""
    import ssl

    context = ssl.create_default_context()
    places = ssl.get_default_verify_paths()
    stored = context.cert_store_stats()["x509_ca"]
    if not stored and not (places.capath and any(Path(places.capath).iterdir())):
        raise NetWatchError(
            "No certificate authority of the system was found, so uploads would be refused. Everything else works. "
            "Install ca-certificates, or name a file of them in SSL_CERT_FILE."
        )
    return translate("Terminal", "{count} authorities, {version}").format(count=stored, version=ssl.OPENSSL_VERSION)


def _symbols_and_fonts() -> str:
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from PySide6.QtGui import QColor, QFontDatabase, QGuiApplication

    from netwatch_tray.window.widgets import icons

    application = QGuiApplication.instance() or QGuiApplication(sys.argv[:1])
    names = sorted(file.stem for file in (paths.assets() / "icons").glob("*.svg"))
    empty = [name for name in names if not _is_drawn(icons.icon(name, 16, QColor("black"), 1.0).toImage())]
    if not names or empty:
        raise NetWatchError("Symbols are missing or empty: {empty}.", empty=", ".join(empty) or "all of them")
    families = QFontDatabase.families()
    if not families and sys.platform == "linux":
        raise NetWatchError("No font was found, so the window would have no text. Install fonts-dejavu-core.")
    del application
    text = translate("Terminal", "{symbols} symbols, {families} font families")
    return text.format(symbols=len(names), families=len(families))


def _is_drawn(image: QImage) -> bool:
    return any(image.pixelColor(x, y).alpha() for x in range(image.width()) for y in range(image.height()))


def _agent_and_window(directory: Path) -> str:
    """Start agent and window as a user would, but in temporary directories, so that no file of the user is read or
    written."""
    run = directory / "run"
    run.mkdir(mode=0o700)
    places = {
        name: str(directory)
        for name in (
            "HOME",
            "XDG_CONFIG_HOME",
            "XDG_DATA_HOME",
            "XDG_STATE_HOME",
            "XDG_CACHE_HOME",
        )
    }
    environment = {**os.environ, **places, "XDG_RUNTIME_DIR": str(run), "QT_QPA_PLATFORM": "offscreen"}
    agent = subprocess.Popen(launch.command("agent", "--headless"), env=environment, stdin=subprocess.DEVNULL)
    window = None
    try:
        _wait(agent, lambda: _ask(environment).get("clients") is not None, "The agent does not answer.")
        window = subprocess.Popen(launch.command("window"), env=environment, stdin=subprocess.DEVNULL)
        # the process that requests the status is the second client
        _wait(window, lambda: _ask(environment).get("clients") == 2, "The window does not reach the agent.")
        version = _ask(environment).get("version")
    finally:
        for process in filter(None, (window, agent)):
            process.terminate()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    return translate("Terminal", "version {version}").format(version=version)


def _ask(environment: Mapping[str, str]) -> dict[str, object]:
    import msgspec

    done = subprocess.run(launch.command("status", "--json"), env=environment, capture_output=True, check=False)
    return msgspec.json.decode(done.stdout, type=dict[str, object]) if done.returncode == 0 else {}


def _wait(process: subprocess.Popen[bytes], is_there: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not is_there():
        if process.poll() is not None or time.monotonic() > deadline:
            raise NetWatchError(complaint)
        time.sleep(_LOOK_AGAIN)
