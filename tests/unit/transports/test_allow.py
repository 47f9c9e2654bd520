"""Who may use a door that asks for no password."""

from collections.abc import Sequence

import pytest
from pydantic import BaseModel, IPvAnyNetwork, ValidationError

from tillbridge.transports.allow import Networks, allowed, check_exposure, on_loopback


class _Door(BaseModel):
    allow_from: Networks = ()


def _networks(*texts: str) -> Sequence[IPvAnyNetwork]:
    return _Door.model_validate({"allow_from": texts}).allow_from


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_loopback_needs_no_list(host: str) -> None:
    assert on_loopback(host)
    check_exposure(host, ())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "till.shop.example"])  # noqa: S104 - recognised, not listened on
def test_beyond_loopback_a_list_is_needed(host: str) -> None:
    with pytest.raises(ValueError, match="allow_from"):
        check_exposure(host, ())
    check_exposure(host, _networks("192.168.1.0/24"))


@pytest.mark.parametrize(
    ("peer", "may"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("192.168.1.77", True),
        ("::ffff:192.168.1.77", True),
        ("192.168.2.77", False),
        ("fd00::7", True),
        ("fe80::1%eth0", False),
        ("", False),
        ("not an address", False),
    ],
)
def test_only_listed_peers(peer: str, may: bool) -> None:
    assert allowed(peer, _networks("192.168.1.0/24", "fd00::/8")) is may


def test_a_single_address_is_a_network_of_one() -> None:
    networks = _networks("10.0.0.9")
    assert allowed("10.0.0.9", networks)
    assert not allowed("10.0.0.10", networks)


def test_what_is_no_network_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="allow_from"):
        _networks("10.0.0.300")
