"""Where a webhook may go: the internet, and inside this network only what the settings name."""

import asyncio
import ipaddress
import socket

import pytest
from aiohttp.abc import ResolveResult
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tillbridge.web.webhooks.addresses import (
    LONGEST_URL,
    AddressRefused,
    WebhookSettings,
    check_address,
    check_reachable,
    check_url,
)
from tillbridge.web.webhooks.http_courier import CheckedResolver

STRICT = WebhookSettings()
LOCAL = WebhookSettings(allow_http_to_loopback=True)
OFFICE = WebhookSettings.model_validate({"allow_networks": ["192.168.10.0/24", "fd12:3456::/32"]})


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/told",
        "https://shop.example:8443/told?who=till",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/x",
    ],
)
def test_the_internet_over_tls_is_allowed(url: str) -> None:
    assert str(check_url(url, STRICT)) == url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://shop.example/", "https"),
        ("http://8.8.8.8/", "without TLS"),
        ("ftp://shop.example/", "https"),
        ("file:///etc/passwd", "https"),
        ("https:///nowhere", "host"),
        ("//shop.example/", "https"),
        ("shop.example", "https"),
        ("https://log:pwd@shop.example/", "login"),
        ("https://shop.example/#part", "#"),
        ("https://shop.example:0/", "host"),
        ("https://shop.example:99999/", "not an address"),
        ("https://shop .example/", "plain ASCII"),
        ("https://shop.example\\@8.8.8.8/", "plain ASCII"),
        ("https://shöp.example/", "plain ASCII"),
        ("https://shop.example/\n", "plain ASCII"),
        ("https://shop.example/" + "a" * LONGEST_URL, "plain ASCII"),
        ("https://127.0.0.1/", "inside this network"),
        ("https://10.0.0.1/", "inside this network"),
        ("https://169.254.169.254/latest/meta-data", "no address of a receiver"),
        ("https://[::1]/", "inside this network"),
        ("https://[::ffff:10.0.0.1]/", "inside this network"),
        ("https://[64:ff9b::a00:1]/", "inside this network"),
        ("https://[2002:a00:1::]/", "inside this network"),
        ("https://[fe80::1]/", "no address of a receiver"),
        ("https://[fd00:ec2::254]/", "inside this network"),
        ("https://[fec0::1]/", "inside this network"),
        ("https://168.63.129.16/", "inside this network"),
        ("https://[::ffff:168.63.129.16]/", "inside this network"),
        ("https://0.0.0.0/", "no address of a receiver"),
        ("https://127.1/", "usual way"),
        ("https://2130706433/", "usual way"),
        ("https://0x7f000001/", "usual way"),
        ("https://0177.0.0.1/", "usual way"),
        ("https://10.0.0.1./", "usual way"),
    ],
)
def test_everything_else_is_refused_and_says_why(url: str, words: str) -> None:
    with pytest.raises(AddressRefused, match=words):
        check_url(url, STRICT)


@pytest.mark.parametrize(
    "url", ["https://192.168.10.7/", "https://[fd12:3456:1::7]/", "https://[::ffff:192.168.10.7]/"]
)
def test_a_network_that_the_settings_name_is_allowed(url: str) -> None:
    assert check_url(url, OFFICE)
    with pytest.raises(AddressRefused):
        check_url(url, STRICT)


@pytest.mark.parametrize("url", ["https://192.168.11.7/", "http://192.168.10.7/", "https://127.0.0.1/"])
def test_and_nothing_beside_it(url: str) -> None:
    with pytest.raises(AddressRefused):
        check_url(url, OFFICE)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://[::1]:9/", "http://localhost:9/", "https://127.0.0.1/"])
def test_this_computer_is_reached_where_the_settings_say_so(url: str) -> None:
    assert check_url(url, LOCAL)
    with pytest.raises(AddressRefused):
        check_address(ipaddress.ip_address("10.0.0.1"), LOCAL, encrypted=True)


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "10.0.0.0/7", "fc00::/7"])
def test_nobody_allows_half_the_world_by_a_slip(network: str) -> None:
    with pytest.raises(ValidationError, match="too wide"):
        WebhookSettings.model_validate({"allow_networks": [network]})


@pytest.mark.parametrize("network", ["169.254.0.0/16", "fe80::/16", "224.0.0.0/8"])
def test_what_is_nobodys_address_is_refused_even_where_its_network_is_allowed(network: str) -> None:
    settings = WebhookSettings.model_validate({"allow_networks": [network]})
    with pytest.raises(AddressRefused):
        check_address(ipaddress.ip_network(network)[1], settings, encrypted=True)


def _inside(address: ipaddress.IPv4Address) -> bool:
    return not address.is_global or address.is_multicast or address.is_reserved


_V4 = st.builds(ipaddress.IPv4Address, st.integers(0, 2**32 - 1))
_PREFIXES = ["::ffff:0:0", "64:ff9b::", "::"]


@given(_V4, st.sampled_from(_PREFIXES))
def test_an_address_inside_another_is_judged_as_what_it_stands_for(inner: ipaddress.IPv4Address, prefix: str) -> None:
    outer = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) + int(inner))
    assert _refused(outer) >= _refused(inner) == _inside(inner)
    six_to_four = ipaddress.IPv6Address((0x2002 << 112) | (int(inner) << 80) | 1)
    assert _refused(six_to_four) == _refused(inner)


@given(
    st.sampled_from(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "100.64.0.0/10"]),
    st.integers(0, 2**24 - 1),
)
def test_no_private_address_is_ever_allowed_unasked(network: str, place: int) -> None:
    block = ipaddress.IPv4Network(network)
    assert _refused(block[place % block.num_addresses])


def _refused(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        check_address(address, STRICT, encrypted=True)
    except AddressRefused:
        return True
    return False


def test_a_name_with_one_address_inside_is_refused_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(*addresses: str) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()

        async def answer(*_: object, **__: object) -> list[tuple[object, ...]]:
            kinds = {4: socket.AF_INET, 6: socket.AF_INET6}
            return [(kinds[ipaddress.ip_address(one).version], 1, 6, "", (one, 443)) for one in addresses]

        monkeypatch.setattr(loop, "getaddrinfo", answer)
        await check_reachable(check_url("https://shop.example/", STRICT), STRICT)
        return await CheckedResolver(STRICT, encrypted=True).resolve("shop.example", 443)

    (one, other) = asyncio.run(main("8.8.8.8", "2606:4700::1111"))
    assert (one["host"], one["port"], one["hostname"]) == ("8.8.8.8", 443, "shop.example")
    assert one["flags"] == socket.AI_NUMERICHOST
    assert other["family"] == socket.AF_INET6
    with pytest.raises(AddressRefused):
        asyncio.run(main("8.8.8.8", "10.0.0.1"))


def test_a_name_that_nobody_knows_today_may_be_known_tomorrow(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async def answer(*_: object, **__: object) -> object:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", answer)
        await check_reachable(check_url("https://shop.example/", STRICT), STRICT)

    asyncio.run(main())
