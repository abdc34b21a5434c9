"""Names and icons of apps from their desktop entries (the system's menu), read in a thread and cached."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QLocale, QObject, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QIcon, QImage, QImageReader, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from netwatch_tray.desktop_entries import Entries, Entry, read_all, read_small
from netwatch_tray.window.data.icon_files import IconFiles, png_of_icns
from netwatch_tray.window.widgets.icons import icon
from netwatch_tray.window.widgets.theme import Theme
from netwatch_tray.worker import Worker

_MOST_BYTES = 1 << 20
"""Most bytes of an icon file; larger ones are ignored."""
_MOST_PIXELS = 2048
"""Most pixels of the longer side of an icon; larger ones are ignored."""
_MOST_KEPT = 512
_GLYPH_SHARE = 0.62
_CONTAINERS = ("docker ", "libpod ", "crio ", "cri-containerd ", "nerdctl ", "containerd ", "container ")
_DATABASES = ("postgres", "mysql", "mariadb", "mongo", "redis", "valkey", "memcached", "influxdb", "clickhouse")


class _Wanted(NamedTuple):
    key: str
    pixels: int


class AppLooks(QObject):
    """Returns names and draws icons of apps, given by their keys (see engine.apps). What is not cached is read in a
    thread; meanwhile a glyph is drawn.

    Signal `changed`: a name or an icon was read, so it can be drawn now.
    """

    changed = Signal()
    _done = Signal(object)

    def __init__(self, read: Callable[[], Entries] | None, files: Callable[[], IconFiles]) -> None:
        """`read`: reads all desktop entries; None: there are none. `files`: returns the icon theme. Both are called
        once, in the thread."""
        super().__init__()
        self._read = read
        self._files = files
        self._entries: Entries | None = None
        self._icon_files: IconFiles | None = None
        """The icon theme. `_icon_files` and `_entries` are used in the thread only."""
        self._names: dict[str, str] = {}
        """Names by app key, as far as they were read; an empty text for an app without an entry."""
        self._images: dict[_Wanted, QImage | None] = {}
        self._pixmaps: dict[_Wanted, QPixmap] = {}
        self._pending: set[_Wanted] = set()
        self._worker = Worker("app looks", self._done.emit)
        self._done.connect(_call)

    @classmethod
    def of_system(cls) -> AppLooks:
        """Return an object with the names and icons of the installed programs."""
        language, theme = QLocale().name(), QIcon.themeName()  # Qt returns them in this thread only
        return cls(lambda: read_all(language), lambda: IconFiles(theme))

    @classmethod
    def none(cls) -> AppLooks:
        """Return an object without any entries: every app has a glyph and the name that the agent reports."""
        return cls(None, lambda: IconFiles(""))

    def close(self) -> None:
        """Wait until the thread has read its current icon, and stop it. `changed` is not emitted any more."""
        self._done.disconnect(_call)
        self._worker.close()

    def name(self, key: str, default: str) -> str:
        """Return the name in the desktop entry of an app; `default` if it has none or it was not read yet."""
        if key and key not in self._names:
            self._request(_Wanted(key, 0))
        return self._names.get(key) or default

    def draw(self, painter: QPainter, box: QRect, key: str, theme: Theme) -> None:
        """Draw the icon of an app into a square. If it has none, or it was not read yet, draw a tile with a glyph."""
        ratio = painter.device().devicePixelRatio()
        pixmap = self._pixmap(key, box.width(), ratio) if key else None
        if pixmap is not None:
            painter.drawPixmap(box.topLeft(), pixmap)
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.tokens.select)
        painter.drawRoundedRect(box, box.width() / 4, box.width() / 4)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        size = round(box.width() * _GLYPH_SHARE)
        inset = (box.width() - size) / 2
        glyph = icon(glyph_of(key), size, theme.tokens.ink2, ratio)
        painter.drawPixmap(QPointF(box.left() + inset, box.top() + inset), glyph)

    def _pixmap(self, key: str, size: int, ratio: float) -> QPixmap | None:
        wanted = _Wanted(key, round(size * ratio))
        if wanted in self._pixmaps:
            return self._pixmaps[wanted]
        if wanted not in self._images:
            self._request(wanted)
            return None
        image = self._images[wanted]
        if image is None:
            return None
        pixmap = QPixmap.fromImage(image)
        pixmap.setDevicePixelRatio(wanted.pixels / size)
        self._pixmaps[wanted] = pixmap
        return pixmap

    def _request(self, wanted: _Wanted) -> None:
        if wanted in self._pending or self._read is None:
            return
        if len(self._pending) + len(self._images) > _MOST_KEPT:
            self._images.clear()
            self._pixmaps.clear()
        self._pending.add(wanted)

        def keep(found: tuple[Entry | None, QImage | None]) -> None:
            entry, image = found
            self._pending.discard(wanted)
            self._names[wanted.key] = entry.name if entry else ""
            if wanted.pixels:
                self._images[wanted] = image
            if entry is not None:
                self.changed.emit()

        def give_up(_error: Exception) -> None:
            keep((None, None))

        self._worker.submit(lambda: self._look(wanted), keep, give_up)

    def _look(self, wanted: _Wanted) -> tuple[Entry | None, QImage | None]:
        if self._entries is None:
            assert self._read is not None  # noqa: S101  else nothing is requested
            self._entries = self._read()
        entry = self._entries.of_app(wanted.key)
        if entry is None or not wanted.pixels:
            return entry, None
        if self._icon_files is None:
            self._icon_files = self._files()
        file = self._icon_files.find(entry.icon, wanted.pixels)
        return entry, None if file is None else draw_file(file, wanted.pixels)


def glyph_of(key: str) -> str:
    """Return the name of the glyph for an app without an icon, chosen by the kind of its key (unit, script …)."""
    kind, _, rest = key.partition(":")
    if kind != "unit":
        return "prompt"
    if rest.startswith(_CONTAINERS):
        return "container"
    return "database" if rest.startswith(_DATABASES) else "gear"


def draw_file(file: Path, pixels: int) -> QImage | None:
    """Return the image of an icon file, scaled to a square; None if it is no image or too large. May be called in any
    thread."""
    content = read_small(file, _MOST_BYTES)
    if content is None:
        return None
    if file.suffix == ".icns":
        content = png_of_icns(content)
    image = _of_svg(content, pixels) if file.suffix == ".svg" else _of_pixels(content, pixels)
    return None if image is None or image.isNull() else image


def _of_svg(content: bytes, pixels: int) -> QImage | None:
    renderer = QSvgRenderer(QByteArray(content))
    if not renderer.isValid():
        return None
    renderer.setAspectRatioMode(Qt.AspectRatioMode.KeepAspectRatio)
    image = QImage(pixels, pixels, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    renderer.render(painter, QRectF(0, 0, pixels, pixels))
    painter.end()
    return image


def _of_pixels(content: bytes, pixels: int) -> QImage | None:
    buffer = QBuffer()
    buffer.setData(QByteArray(content))
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer)
    size = reader.size()
    if not size.isValid() or max(size.width(), size.height()) > _MOST_PIXELS:
        return None
    image = reader.read()
    if image.isNull():
        return None
    smooth = Qt.TransformationMode.SmoothTransformation
    fitted = image.scaled(QSize(pixels, pixels), Qt.AspectRatioMode.KeepAspectRatio, smooth)
    square = QImage(pixels, pixels, QImage.Format.Format_ARGB32_Premultiplied)
    square.fill(Qt.GlobalColor.transparent)
    painter = QPainter(square)
    painter.drawImage((pixels - fitted.width()) // 2, (pixels - fitted.height()) // 2, fitted)
    painter.end()
    return square


def _call(callback: Callable[[], None]) -> None:
    callback()
