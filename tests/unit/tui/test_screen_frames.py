from __future__ import annotations

import re

import pytest
from hypothesis import given, settings, strategies as st
from screens import HOSTILE, NAMES, busy

from netwatch_tray import cells, language
from netwatch_tray.feed.protocol import HostsMessage
from netwatch_tray.settings import DataPlan, Settings
from netwatch_tray.tui import screen
from netwatch_tray.tui.look import Look
from netwatch_tray.tui.state import Link, State, View

_LOOKS = [Look(), Look(is_unicode=False)]
_SIZES = [(60, 15), (80, 24), (100, 30), (120, 40), (250, 70)]


def texts(state: State, width: int, height: int, look: Look = _LOOKS[0]) -> list[str]:
    return [line.text for line in screen.draw(state, look, width, height).lines()]


def assert_whole(state: State, width: int, height: int, look: Look) -> None:
    """Check that each row is as wide as the terminal and that nothing in it moves the cursor."""
    lines = texts(state, width, height, look)
    assert len(lines) == height
    for line in lines:
        assert cells.width(line) == width, line
        assert cells.certain(line) == line
        assert look.is_unicode or line.isascii(), line


@pytest.mark.parametrize("look", _LOOKS)
@pytest.mark.parametrize("size", _SIZES)
@pytest.mark.parametrize("view", list(View))
@pytest.mark.parametrize("names", [NAMES, HOSTILE])
def test_each_row_has_the_width_of_the_terminal(
    look: Look, size: tuple[int, int], view: View, names: tuple[str, ...]
) -> None:
    state = busy(names, names[1])
    state.view = view
    assert_whole(state, *size, look)
    state.app = "key0" if view is View.CONNECTIONS else None
    assert_whole(state, *size, look)
    state.has_help = True
    assert_whole(state, *size, look)


@given(
    st.lists(st.text(max_size=60), min_size=1, max_size=8, unique=True),
    st.integers(1, 200),
    st.integers(1, 60),
    st.sampled_from(list(View)),
    st.sampled_from(list(Link)),
    st.text(max_size=10),
    st.sampled_from(_LOOKS),
)
@settings(max_examples=60, deadline=None)
def test_no_name_size_or_filter_breaks_a_row(
    names: list[str], width: int, height: int, view: View, link: Link, words: str, look: Look
) -> None:
    state = busy(names, names[0] or "eth0")
    state.view, state.link, state.filter, state.is_typing = view, link, words, bool(words)
    assert_whole(state, width, height, look)


def test_overview_fits_80_by_24_cells() -> None:
    lines = texts(busy(), 80, 24)
    assert re.match(r"NetWatch {2}↓ 4.00 MB/s {3}↑ {2}300 kB/s {4}wlan0 .* Thu 26 Nov {2}\d\d:26:08$", lines[0])
    assert lines[2].lstrip().startswith("10 MB/s")
    assert lines[7].lstrip().startswith("0 ──")
    assert "//" in lines[7]
    assert [line.split()[0] for line in lines[11:15]] == ["Interface", "wlan0", "wg0", "App"]
    assert lines[12].split() == "wlan0 4.00 MB/s 300 kB/s 16.8 GB 420 GB counted".split()
    assert lines[13].endswith("in wlan0".ljust(11))
    assert lines[15].split()[:9] == "Firefox 5.51 MB/s 100 kB/s 5.58 GB 140 GB".split()
    assert lines[20].startswith("Not of any app")
    assert lines[22].startswith("Today 16.8 GB  November 338 of 400 GB ━")
    assert "by 30 Nov" in lines[22]
    assert lines[23].split()[:2] == ["q", "Quit"]
    assert lines[23].split()[-2:] == ["?", "Help"]


def test_details_of_an_app_have_its_amounts_and_hosts() -> None:
    state = busy()
    state.open()
    assert state.app == "key0"
    lines = texts(state, 80, 24)
    assert lines[3].split() == ["today", "5.58", "GB", "November", "140", "GB"]
    assert lines[4].startswith("Hosts since yesterday")
    assert [line[:10].rstrip() for line in lines[5:8]] == ["Container:", "ssh", "Thunderbir"]
    assert lines[8].startswith("3 hosts more, 123 B")
    known = state.shown.hosts
    assert known is not None
    state.receive(HostsMessage(app="key0", since=known.since, hosts=known.hosts[:4]))
    assert texts(state, 80, 24)[8].startswith(known.hosts[3].host or "?"), "it takes the row that would count it"
    small = texts(state, 60, 15)
    assert not any("Hosts" in line for line in small), "there is no room"
    state.app = "key1"
    assert not any("Hosts" in line for line in texts(state, 80, 24)), "they are of another app"


def test_least_important_parts_are_left_out_first() -> None:
    small, large = texts(busy(), 60, 15), texts(busy(), 120, 40)
    assert not any("Interface" in line or "today" in line for line in small)
    assert sum(line.startswith(NAMES) for line in small) == 3
    assert any(line.startswith("docker0") for line in large)


@pytest.mark.parametrize("size", [(59, 30), (100, 14), (20, 1)])
def test_tiny_terminal_shows_one_line(size: tuple[int, int]) -> None:
    first, *others = texts(busy(), *size)
    assert first.startswith("↓ 4.00 MB/s")
    assert not "".join(others).strip()


def test_bar_of_an_app_is_its_share_of_the_greatest_amount() -> None:
    lines = texts(busy(), 100, 30)
    bars = [line.count("━") * 2 + line.count("╸") for line in lines if line.startswith(NAMES)]
    assert bars == [60, 15, 4, 1, 1, 1]


def test_unknown_values_are_not_shown_as_zero() -> None:
    lines = texts(State(Settings()), 80, 24)
    assert "0 B" not in "".join(lines)
    assert lines[22].startswith("Today –  ")


def test_billing_month_that_is_not_a_calendar_month_is_named_by_its_first_day() -> None:
    state = busy()
    state.settings = Settings(plan=DataPlan(billing_day=5))
    found = state.shown.stored
    assert found is not None
    assert found.plan is not None
    cycle = found.plan.cycle._replace(first=found.plan.cycle.first.replace(day=5))
    state.set_stored(found._replace(plan=found.plan._replace(cycle=cycle)))
    assert "since 5 Nov" in texts(state, 80, 24)[22]


def test_a_click_on_a_row_selects_it_and_on_a_head_sorts() -> None:
    state = busy()
    frame = screen.draw(state, _LOOKS[0], 80, 24)
    hit = frame.hit(5, 16)
    assert hit is not None
    assert (hit.action, hit.about) == ("select", "key1")
    head = frame.hit(40, 14)
    assert head is not None
    assert (head.action, head.about) == ("sort", "up")
    quit_key = frame.hit(0, 23)
    assert quit_key is not None
    assert quit_key.action == "quit"
    assert frame.hit(5, 20) is None  # belongs to no app


def test_the_selected_row_stays_in_view() -> None:
    state = busy()
    state.turn()
    for _ in range(39):
        state.move(1)
    lines = screen.draw(state, _LOOKS[0], 80, 24).lines()
    (selected,) = (line for line in lines if line.is_selected)
    assert f"203.0.113.{39}" in selected.text


@pytest.mark.parametrize("size", _SIZES)
def test_german_texts_fit(size: tuple[int, int]) -> None:
    language.use("de")
    try:
        for view in View:
            state = busy()
            state.view = view
            assert_whole(state, *size, _LOOKS[0])
        lines = texts(busy(), *size)
        assert "Heute" in lines[-2]
        assert "Hilfe" in lines[-1]
    finally:
        language.use("en")
