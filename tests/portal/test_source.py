"""Where a request comes from: nobody chooses what is counted against him."""

from pathlib import Path

import pytest
from starlette.requests import Request

from tillbridge.portal.settings import ListenSettings, PortalSettings
from tillbridge.portal.source import UNKNOWN, source_of


def _asked(client: str | None, *forwarded: str) -> Request:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return Request({"type": "http", "headers": headers, "client": None if client is None else (client, 50000)})


@pytest.mark.parametrize(
    ("client", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9%eth0", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("not an address", UNKNOWN),
        (None, UNKNOWN),
    ],
)
def test_an_address_or_its_network(client: str | None, source: str) -> None:
    assert source_of(_asked(client), PortalSettings(data=Path())) == source


def test_a_header_counts_for_nothing_where_there_is_no_proxy() -> None:
    assert source_of(_asked("192.0.2.7", "203.0.113.1"), PortalSettings(data=Path())) == "192.0.2.7"


@pytest.mark.parametrize(
    ("forwarded", "source"),
    [
        (("203.0.113.1",), "203.0.113.1"),
        (("10.0.0.1, 203.0.113.1",), "203.0.113.1"),
        (("10.0.0.1", "10.0.0.2,203.0.113.1"), "203.0.113.1"),
        (("203.0.113.1:4711",), "203.0.113.1"),
        (("[2001:db8:1:2::9]:443",), "2001:db8:1:2::/64"),
        (("10.0.0.1, unknown",), "127.0.0.1"),
        ((), "127.0.0.1"),
    ],
)
def test_behind_a_proxy_its_own_entry_counts(forwarded: tuple[str, ...], source: str) -> None:
    settings = PortalSettings(data=Path(), listen=ListenSettings(behind_proxy=True))
    assert source_of(_asked("127.0.0.1", *forwarded), settings) == source
