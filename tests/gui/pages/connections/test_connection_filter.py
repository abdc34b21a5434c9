from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from windows import connection

from netwatch_tray.model import Connection
from netwatch_tray.window.pages.connections.filter import FilterError, Problem, parse

_WEB = connection(1, "firefox", app="Firefox", rx_rate=2e6, tx_rate=5e3, interface="wlan0", unit="app-firefox.scope")
_SSH = connection(2, "sshd", remote_port=22, local_port=22, rx_rate=0.0, tx_rate=10.0, interface="eth0")
_DB = connection(
    3, None, pid=None, user="postgres", unit="postgresql.service", state="LISTEN", local_port=5432,
    remote_address=None, remote_port=None,
)  # fmt: skip
_DNS = connection(
    4, "Web Content", protocol="UDP", state=None, remote_address="2001:db8::53", remote_port=53,
    host="Video.example", host_origin="QUIC", scope="internet", country="SE",
)  # fmt: skip
_ALL = (_WEB, _SSH, _DB, _DNS)


def _kept(text: str) -> list[Connection]:
    return [each for each in _ALL if parse(text).matches(each)]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", _ALL),
        ("fire", (_WEB,)),
        ("FIRE tcp", (_WEB,)),
        ("app:firefox,ssh", (_WEB, _SSH)),
        ("app:firefox port:22", ()),
        ("-app:firefox", (_SSH, _DB, _DNS)),
        ("not app:firefox not udp", (_SSH, _DB)),
        ("not -app:firefox", (_WEB,)),
        ('app:"web content"', (_DNS,)),
        ('"web content"', (_DNS,)),
        ("port:22", (_SSH,)),
        ("port:20-60", (_SSH, _DNS)),
        ("pid:101,102", (_WEB, _SSH)),
        ("state:listen", (_DB,)),
        ("state:listening", (_DB,)),
        ("state:estab", (_WEB, _SSH)),
        ("unit:postgres", (_DB,)),
        ("proto:udp", (_DNS,)),
        ("if:wlan0", (_WEB,)),
        ("host:2001:db8", (_DNS,)),
        ("host:video", (_DNS,)),
        ("video.example", (_DNS,)),
        ("origin:quic", (_DNS,)),
        ("proto:quic", (_DNS,)),
        ("scope:internet", (_DNS,)),
        ("scope:local", ()),
        ("country:se", (_DNS,)),
        ("country:s", ()),
        ("2001:db8::53", (_DNS,)),
        ("db8::53", (_DNS,)),
        ("rate>1M", (_WEB,)),
        ("rate<1k", (_SSH,)),
        ("-rate<1KiB", (_WEB, _DB, _DNS)),
        ("rate>1.9mb/s", (_WEB,)),
        ("none", ()),
    ],
)
def test_a_filter_selects_connections(text: str, kept: tuple[Connection, ...]) -> None:
    assert _kept(text) == list(kept)


@pytest.mark.parametrize(
    ("text", "problem", "token"),
    [
        ("firefox prot:tcp", Problem.UNKNOWN_FIELD, "prot:tcp"),
        ("port:", Problem.NOTHING_AFTER, "port:"),
        ("port:22,", Problem.NOTHING_AFTER, "port:22,"),
        ("port:http", Problem.NO_PORT, "port:http"),
        ("port:90-80", Problem.NO_PORT, "port:90-80"),
        ("port:70000", Problem.NO_PORT, "port:70000"),
        ("-pid:x", Problem.NO_PID, "pid:x"),
        ("rate>fast", Problem.NO_RATE, "rate>fast"),
        ("rate>", Problem.NOTHING_AFTER, "rate>"),
        ("pid>4", Problem.ONLY_RATE, "pid>4"),
        ("not", Problem.NOTHING_TO_NEGATE, "not"),
    ],
)
def test_an_invalid_condition_has_a_problem_and_its_token(text: str, problem: Problem, token: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text)
    assert (caught.value.problem, caught.value.token) == (problem, token)
    assert "{" not in str(caught.value)


@given(st.text(alphabet='abport:state-not ",<>0159k.M\n\u0130é', max_size=30) | st.text(max_size=30))
def test_any_text_parses_as_filter_or_raises_filter_error(text: str) -> None:
    try:
        found = parse(text)
    except FilterError as error:
        assert error.token in text.lower()  # noqa: PT017  either is right
        return
    for each in _ALL:
        assert found.matches(each) in (True, False)


def test_sockets_in_time_wait_are_shown_only_if_the_filter_names_a_state() -> None:
    over = connection(5, None, pid=None, state="TIME_WAIT")
    shown = ["state:time", "state:time_wait", "-state:listen", "time_wait", "not state:estab"]
    hidden = ["", "port:443", "tcp", "app:firefox", "state:listen", "ti"]
    assert [text for text in (*shown, *hidden) if parse(text).matches(over)] == shown


def test_an_app_is_found_by_its_name_and_by_its_process() -> None:
    talk = connection(6, "python3", app="script:/usr/bin/python3 talk.py", app_name="talk.py")
    assert all(parse(text).matches(talk) for text in ("app:talk", "app:python3", "talk", "python3"))


@pytest.mark.parametrize("text", ["files", "app:files", "nautilus", "app:nautilus", "app:curl,files", "-app:curl"])
def test_an_app_is_found_by_its_shown_name_and_by_its_program(text: str) -> None:
    row = connection(5, "nautilus", app="executable:/usr/bin/nautilus")
    assert parse(text, lambda each: "Files" if each is row else None).matches(row)
    assert not parse("app:files").matches(row), "the name is not known yet"
    assert not parse("-app:files", lambda _: "Files").matches(row)
