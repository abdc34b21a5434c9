from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from netwatch_tray.window.data.icon_files import IconFiles, png_of_icns

_INDEX = """[Icon Theme]
Name=Test
Inherits={inherits}
Directories=16x16/apps,48x48/apps,48x48@2/apps,scalable/apps,48x48/actions

[16x16/apps]
Size=16
[48x48/apps]
Size=48
Type=Fixed
[48x48@2/apps]
Size=48
Scale=2
[scalable/apps]
Size=128
MinSize=64
MaxSize=512
Type=Scalable
[48x48/actions]
Size=48
Context=Actions
"""


def _theme(base: Path, name: str, *icons: str, inherits: str = "") -> None:
    for icon in icons:
        file = base / name / icon
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (base / name / "index.theme").write_text(_INDEX.format(inherits=inherits))


def test_the_icon_of_the_nearest_size_is_found_then_those_inherited(tmp_path: Path) -> None:
    base = tmp_path / "icons"
    _theme(base, "mine", "16x16/apps/a.png", "48x48/apps/a.png", "scalable/apps/a.svg", inherits="parent,mine")
    _theme(base, "parent", "48x48/apps/b.png", "48x48/actions/c.png")
    _theme(base, "hicolor", "16x16/apps/b.png", "scalable/apps/d.svg")
    (base / "e.xpm").touch()
    files = IconFiles("mine", [tmp_path / "missing", base])

    def found(icon: str, pixels: int) -> str | None:
        file = files.find(icon, pixels)
        return None if file is None else str(file.relative_to(base))

    assert [found("a", pixels) for pixels in (16, 20, 48, 64, 900)] == [
        "mine/16x16/apps/a.png",
        "mine/16x16/apps/a.png",
        "mine/48x48/apps/a.png",
        "mine/scalable/apps/a.svg",
        "mine/scalable/apps/a.svg",
    ]
    assert found("b", 16) == "parent/48x48/apps/b.png"
    assert found("d", 16) == "hicolor/scalable/apps/d.svg"
    assert found("e", 16) == "e.xpm"
    assert files.find("/opt/x/y.png", 16) == Path("/opt/x/y.png")
    assert [files.find(icon, 16) for icon in ("", "c", "../mine/16x16/apps/a", "a\0", "missing")] == [None] * 5


def test_malformed_theme_finds_nothing_and_raises_nothing(tmp_path: Path) -> None:
    base = tmp_path / "icons"
    (base / "hicolor").mkdir(parents=True)
    directories = ",".join(["../../apps", "/etc/apps", "apps" * 99, *(f"{number}/apps" for number in range(9999))])
    sizes = "[apps]\nSize=99999999999999\nMinSize=-1\nType=Scalable\n"
    (base / "hicolor/index.theme").write_text(f"[Icon Theme]\nInherits=a,b,hicolor\nDirectories={directories}\n{sizes}")
    assert IconFiles("../etc", [base]).find("a", 16) is None


def _png(pixels: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + struct.pack(">II", pixels, pixels)


@pytest.mark.parametrize(("sizes", "wanted"), [((16, 32), 32), ((32, 512, 128), 128), ((), 0)])
def test_the_image_of_a_bundle_is_the_smallest_that_is_large_enough(sizes: tuple[int, ...], wanted: int) -> None:
    chunks = b"".join(b"ic07" + struct.pack(">I", 8 + len(_png(size))) + _png(size) for size in sizes)
    assert png_of_icns(b"icns\0\0\0\0" + chunks) == (_png(wanted) if wanted else b"")


@given(st.binary(max_size=80))
def test_any_bytes_parse_as_icns_or_give_nothing(content: bytes) -> None:
    png_of_icns(content)
    png_of_icns(b"icns" + content)
