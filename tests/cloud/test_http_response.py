"""Responses as http.client parses them, in pieces of any size; and dates as email.utils parses them."""

from __future__ import annotations

import email.utils
import http.client
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given, strategies as st

from netwatch_tray.cloud.http_response import HttpResponse, ResponseError, read_response, unix_time

MOST = 1 << 16
NAMES = st.sampled_from(["Date", "Retry-After", "Location", "Server", "X-Other"])
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20).map(str.strip)


def receiver(content: bytes, cuts: list[int]) -> Callable[[], bytes]:
    """Return a function that returns the content in pieces, and then its end."""

    def pieces() -> Iterator[bytes]:
        ends = sorted({0, len(content), *(cut % (len(content) + 1) for cut in cuts)})
        for start, end in pairwise(ends):
            yield content[start:end]
        while True:
            yield b""

    return pieces().__next__


def by_http_client(content: bytes) -> http.client.HTTPResponse:
    class Socket:
        def makefile(self, _mode: str) -> io.BytesIO:
            return io.BytesIO(content)

    response = http.client.HTTPResponse(cast("Any", Socket()), method="POST")
    response.begin()
    return response


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    """Return a valid response, delimited in one of the three ways."""
    version = draw(st.sampled_from(["1.1", "1.0"]))
    body = draw(st.binary(max_size=300))
    fields = draw(st.lists(st.tuples(NAMES, VALUES), max_size=5, unique_by=lambda field: field[0]))
    fields += draw(st.sampled_from([[], [("Connection", "close")], [("Connection", "Keep-Alive")]]))
    way = draw(st.sampled_from(["length", "chunks", "end"]))
    if way == "length":
        fields.append(("Content-Length", str(len(body))))
    elif way == "chunks":
        fields.append(("Transfer-Encoding", "chunked"))
        ends = sorted({0, len(body), *draw(st.lists(st.integers(0, len(body)), max_size=3))})
        chunks = [body[start:end] for start, end in pairwise(ends)]
        extension = draw(st.sampled_from([b"", b";a=b", b" "]))
        body = b"".join(b"%x%s\r\n%s\r\n" % (len(chunk), extension, chunk) for chunk in chunks)
        body += b"0\r\n" + draw(st.sampled_from([b"", b"Trailer: x\r\n"])) + b"\r\n"
    status = draw(st.sampled_from([200, 207, 301, 400, 429, 503]))
    end = draw(st.sampled_from(["\r\n", "\n"]))
    lines = [f"HTTP/{version} {status} {draw(VALUES)}".strip(), *(f"{name}: {value}" for name, value in fields), "", ""]
    interim = draw(st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n"]))
    return interim + end.join(lines).encode() + body


@given(content=responses(), cuts=st.lists(st.integers(0, 1000), max_size=8))
def test_responses_are_parsed_as_by_http_client(content: bytes, cuts: list[int]) -> None:
    found = read_response(receiver(content, cuts), MOST)
    expected = by_http_client(content)
    body = expected.read()
    assert (found.status, found.body, found.is_last) == (expected.status, body, expected.will_close)
    for name in ("Date", "Retry-After", "Location", "Server"):
        assert found.fields.get(name.lower()) == expected.getheader(name)


@given(content=responses(), cut=st.integers(0, 1000))
def test_a_response_with_a_length_is_never_returned_in_part(content: bytes, cut: int) -> None:
    whole = read_response(receiver(content, []), MOST)
    try:
        found = read_response(receiver(content[:cut], []), MOST)
    except ResponseError:
        return
    assert found.body == whole.body or ("content-length" not in whole.fields and found.is_last)


@given(content=st.binary(max_size=300) | st.tuples(responses(), st.integers(0, 400), st.binary(max_size=9)).map(
    lambda change: change[0][: change[1]] + change[2] + change[0][change[1] + 1 :]
))  # fmt: skip
def test_any_bytes_are_a_response_or_raise_response_error(content: bytes) -> None:
    try:
        found = read_response(receiver(content, []), MOST)
    except ResponseError:
        return
    assert isinstance(found, HttpResponse)
    assert 200 <= found.status <= 999
    assert len(found.body) <= MOST


def test_a_line_that_is_no_field_and_a_folded_value_lose_nothing_else() -> None:
    content = b"HTTP/1.1 200\r\nno field\r\nLocation: a\r\n\tb\r\nlocation: c\r\n d\r\nContent-Length: 2\r\n\r\n{}"
    found = read_response(receiver(content, []), MOST)
    assert (found.status, found.reason, found.body, found.is_last) == (200, "", b"{}", False)
    assert found.fields == {"location": "a b", "content-length": "2"}


def test_bytes_after_a_response_make_it_the_last_of_its_connection() -> None:
    content = b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"
    found = read_response(receiver(content, []), MOST)
    assert (found.status, found.body, found.is_last) == (204, b"", True)


@given(st.integers(0, 4102444799))
def test_dates_are_parsed_in_the_three_forms(at: int) -> None:
    moment = datetime.fromtimestamp(at, UTC)
    assert unix_time(email.utils.formatdate(at, usegmt=True)) == at
    assert unix_time(moment.strftime("%a %b ") + f"{moment.day:2}" + moment.strftime(" %H:%M:%S %Y")) == at
    if abs(moment.year - datetime.now(UTC).year) < 50:
        assert unix_time(moment.strftime("%A, %d-%b-%y %H:%M:%S GMT")) == at


@given(st.text(st.characters(max_codepoint=0x17F), max_size=40))
def test_any_other_text_is_no_date(text: str) -> None:
    assert unix_time(text) is None


@pytest.mark.parametrize("date", ["Sat, 31 Feb 2026 12:00:00 GMT", "Sat, 31 Foo 2026 12:00:00 GMT", "Sat Jan 31 1:00"])
def test_an_impossible_date_returns_none(date: str) -> None:
    assert unix_time(date) is None


def test_uploading_loads_neither_http_client_nor_email() -> None:
    """They would take a megabyte of the agent for as long as it runs."""
    code = (
        "import sys; from netwatch_tray.cloud import account, connection, otlp_service\n"
        "connection.find_proxy(account.parse_endpoint('https://netwatch.example.org'))\n"
        "print({'email', 'http', 'urllib.request', 'random'} & sys.modules.keys())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={})
    assert found.stdout == "set()\n"
