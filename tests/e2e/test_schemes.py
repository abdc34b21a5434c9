"""Light and dark on real desktops: the open window follows both ways, and so does the icon where the panel changes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from desktops import PROGRAM, Desktop, Gnome, Kde
from networks import wire
from PIL import Image

from netwatch_tray.tray.presenter import Glyph

BOUND = 60.0
LIGHT, DARK = (0xFF, 0xFF, 0xFF), (0x16, 0x18, 0x1B)
"""What the window draws its content on."""
MUCH = 50_000
"""Pixels of it that only the window has."""
_LIBEXEC = (Path("/usr/libexec"), *Path("/usr/lib").glob("*/libexec"))

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux desktops")


def choose(desktop: Desktop, *, dark: bool) -> None:
    """Choose light or dark in the desktop's own settings."""
    if isinstance(desktop, Kde):
        desktop._run(["plasma-apply-colorscheme", "BreezeDark" if dark else "BreezeLight"])
    else:
        desktop._gsettings("org.gnome.desktop.interface", "color-scheme", "prefer-dark" if dark else "default")


def brightness(picture: Image.Image) -> int:
    """Return the brightness of most pixels, 0 to 255."""
    histogram = picture.convert("L").histogram()
    return histogram.index(max(histogram))


@pytest.mark.parametrize("kind", [Kde, Gnome], ids=lambda kind: kind.name)
def test_window_and_icon_follow_the_colour_scheme_to_dark_and_back(kind: type[Desktop]) -> None:
    portal = f"xdg-desktop-portal-{kind.name}"
    missing = [*kind.missing(), *(() if any((place / portal).exists() for place in _LIBEXEC) else (portal,))]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    with wire() as network, kind(netns=network.near) as desktop:  # no traffic, so that the icon is known
        desktop.start_panel()
        desktop.install_program()
        desktop.spawn("agent", [*PROGRAM, "agent"])
        desktop.wait_for(desktop.items, BOUND, "the icon registers")
        desktop.spawn("window", [*PROGRAM, "window"])
        desktop.wait_for(lambda: desktop.find_colour(LIGHT, MUCH), BOUND, "the window is light")
        for dark in (True, False, True):
            choose(desktop, dark=dark)
            ground, name = (DARK, "dark") if dark else (LIGHT, "light")
            desktop.wait_for(lambda ground=ground: desktop.find_colour(ground, MUCH), BOUND, f"the window is {name}")
            if isinstance(desktop, Kde):
                desktop.wait_for(
                    lambda dark=dark: (brightness(desktop.strip()) < 128) == dark, BOUND, f"the panel is {name}"
                )
            desktop.wait_for(lambda: desktop.find(Glyph("rates")), BOUND, "the icon is seen on it")
        assert "Traceback" not in desktop.log("window") + desktop.log("agent")
