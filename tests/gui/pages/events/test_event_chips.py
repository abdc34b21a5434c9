from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from netwatch_tray.window.pages.events.chips import ChipRow
from netwatch_tray.window.pages.events.kinds import Group
from netwatch_tray.window.widgets.theme import Theme


@pytest.fixture
def row(application: QApplication) -> Iterator[ChipRow]:
    theme = Theme(application, Qt.ColorScheme.Light)
    row = ChipRow(theme)
    row.show_counts({Group.BEACON: 4, Group.SCAN: 1}, {Group.BEACON})
    row.resize(1400, 26)
    row.show()
    application.processEvents()
    yield row
    row.deleteLater()
    theme.deleteLater()


def test_chips_name_kind_count_and_mute(row: ChipRow) -> None:
    names = [chip.accessibleName() for chip in row.chips.values()]
    assert names[:2] == ["All, 5", "New app, 0"]
    assert "Beacon, 4, muted" in names
    assert "Scan, 1" in names
    assert all(not chip.isHidden() for chip in row.chips.values())
    assert row.more.isHidden()


def test_one_chip_is_checked_and_a_second_click_keeps_it(row: ChipRow) -> None:
    chosen: list[Group | None] = []
    row.chosen.connect(chosen.append)
    for _ in range(2):
        QTest.mouseClick(row.chips[Group.SCAN], Qt.MouseButton.LeftButton)
    assert chosen == [Group.SCAN]
    assert [group for group, chip in row.chips.items() if chip.isChecked()] == [Group.SCAN]


def test_keys_move_among_the_chips_and_space_chooses(row: ChipRow) -> None:
    first = row.chips[None]
    first.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(first, Qt.Key.Key_Left)
    QTest.keyClick(first, Qt.Key.Key_Right)
    second = row.chips[Group.NEW_APP]
    assert [chip.focusPolicy() != Qt.FocusPolicy.NoFocus for chip in (first, second)] == [False, True]
    QTest.keyClick(second, Qt.Key.Key_Space)
    assert row.group is Group.NEW_APP


@pytest.mark.parametrize("width", range(150, 1100, 50))
def test_chips_without_room_are_in_the_menu_and_the_chosen_one_stays(
    application: QApplication, row: ChipRow, width: int
) -> None:
    row.choose(Group.NETWATCH)
    row.resize(width, 26)
    application.processEvents()
    shown = [chip for chip in (*row.chips.values(), row.more) if not chip.isHidden()]
    boxes = [chip.geometry() for chip in shown]
    assert not any(one.intersects(other) for number, one in enumerate(boxes) for other in boxes[:number])
    assert all(chip.width() == chip.sizeHint().width() for chip in shown)
    assert row.chips[None] in shown
    if width >= 300:
        assert boxes[-1].right() < width
        assert row.chips[Group.NETWATCH] in shown
    hidden = [chip for chip in row.chips.values() if chip.isHidden()]
    if hidden:
        assert row.more.text() == f"{len(hidden)} kinds"
        row.more.click()
        menu = row.findChildren(QMenu)[-1]
        assert [action.text() for action in menu.actions()] == [chip.accessibleName() for chip in hidden]
        menu.actions()[0].trigger()
        menu.close()
        assert row.chips[row.group] is hidden[0]
    assert any(chip.focusPolicy() != Qt.FocusPolicy.NoFocus for chip in shown), "Tab reaches the row"


def test_chips_are_mirrored_from_right_to_left(application: QApplication, row: ChipRow) -> None:
    row.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    row.resize(500, 26)
    application.processEvents()
    assert row.chips[None].geometry().right() == 499
