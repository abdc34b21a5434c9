"""The registrable domain of a name."""

from __future__ import annotations

import pytest

from netwatch_tray.engine.detectors.domains import registrable


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("www.bbc.co.uk", "bbc.co.uk"),
        ("co.uk", None),
        ("a.b.tunnel.example", "tunnel.example"),
        ("user.github.io", "user.github.io"),
        ("x.user.github.io", "user.github.io"),
        ("host", None),
        ("", None),
        ("1.2.0.192.in-addr.arpa", None),
        ("printer.local", None),
        ("xn--85x722f.xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn"),
        ("a..example", None),
        ("\\032\\200.a.example", "a.example"),
    ],
)
def test_registrable_domain_is_one_label_below_the_public_suffix(name: str, domain: str | None) -> None:
    assert registrable(name) == domain
