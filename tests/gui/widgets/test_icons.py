from __future__ import annotations

import pytest

from netwatch_tray.window.widgets.icons import application_icon


@pytest.mark.parametrize("size", [16, 24, 32, 48, 64, 128])
def test_the_window_icon_is_drawn_in_each_size(size: int) -> None:
    picture = application_icon().pixmap(size, size).toImage()
    assert (picture.width(), picture.height()) == (size, size)
    arrows = [picture.pixelColor(int(size * x), size // 2).name() for x in (0.345, 0.655)]
    assert arrows == ["#5eaaf6", "#f09a5c"]
