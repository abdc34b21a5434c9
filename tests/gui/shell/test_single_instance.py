from __future__ import annotations

import os
from pathlib import Path

import pytest
from windows import until

from netwatch_tray.errors import NetWatchError
from netwatch_tray.window.shell.single_instance import Request, SingleInstance


def test_a_second_instance_raises_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, asked = SingleInstance(tmp_path), []
    first.requested.connect(lambda _: asked.append(os.environ.get("XDG_ACTIVATION_TOKEN")))
    assert first.claim()
    monkeypatch.setenv("XDG_ACTIVATION_TOKEN", "token of the click")
    assert not SingleInstance(tmp_path).claim()
    monkeypatch.delenv("XDG_ACTIVATION_TOKEN")
    until(lambda: asked, "the first is asked")
    assert asked == ["token of the click"]
    first.release()
    assert not (tmp_path / "window").exists()
    third = SingleInstance(tmp_path)
    assert third.claim(), "the place is free again"
    third.release()


@pytest.mark.parametrize("request_", ["window", "settings", "events", "mini"])
@pytest.mark.parametrize("token", ["", "token of the click", "x" * 4096])
def test_the_request_carries_token_and_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str, request_: Request
) -> None:
    first, asked = SingleInstance(tmp_path), []
    first.requested.connect(lambda wanted: asked.append((wanted, os.environ.get("XDG_ACTIVATION_TOKEN", ""))))
    assert first.claim()
    monkeypatch.setenv("XDG_ACTIVATION_TOKEN", token)
    assert not SingleInstance(tmp_path, request_).claim()
    until(lambda: asked, "the first is asked")
    assert asked == [(request_, token)]
    first.release()


def test_an_invalid_token_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, asked = SingleInstance(tmp_path), []
    first.requested.connect(lambda _: asked.append(os.environ.get("XDG_ACTIVATION_TOKEN")))
    assert first.claim()
    for token in ("x" * 100_000, "\udcff"):
        monkeypatch.setenv("XDG_ACTIVATION_TOKEN", token)
        second = SingleInstance(tmp_path)
        assert not second.claim()
        second.release()
    monkeypatch.delenv("XDG_ACTIVATION_TOKEN")
    until(lambda: len(asked) == 2, "the first is asked")
    assert asked == [None, "?"]
    first.release()


def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "window").touch()
    one = SingleInstance(tmp_path)
    assert one.claim()
    one.release()


def test_an_instance_that_does_not_listen_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netwatch_tray.window.shell.single_instance._TIMEOUT_S", 0.1)
    first = SingleInstance(tmp_path)
    assert first.claim()
    (tmp_path / "window").unlink()
    second = SingleInstance(tmp_path)
    with pytest.raises(NetWatchError, match="open already, but does not answer"):
        second.claim()
    second.release()
    first.release()
    too_long = SingleInstance(tmp_path / ("x" * 120))
    (tmp_path / ("x" * 120)).mkdir()
    with pytest.raises(NetWatchError, match="No window can open"):
        too_long.claim()
    too_long.release()
