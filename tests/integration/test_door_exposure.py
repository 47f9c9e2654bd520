"""A door without a password, beyond this computer: whom it serves, and whom it turns away before a byte is read."""

import asyncio
import ipaddress

import pytest
from pydantic import ValidationError

from tillbridge.protocols import registry
from tillbridge.transports import tcp

EVERYWHERE = "0.0.0.0"  # noqa: S104 - a setting that is refused, nothing listens there


class _Greeter(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(b"served")
        transport.close()


async def _greeting(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def test_a_peer_outside_the_networks_is_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    server = await tcp.listen_tcp("127.0.0.1", 0, _Greeter, [ipaddress.ip_network("192.168.7.0/24")])
    async with server:
        assert await _greeting(tcp.bound_port(server)) == b"served"
        # This computer is always served; what a peer elsewhere meets is the same check with its address.
        monkeypatch.setattr(tcp, "allowed", lambda address, networks: address == "192.168.7.9" and bool(networks))
        assert await _greeting(tcp.bound_port(server)) == b""


@pytest.mark.parametrize(
    ("door", "settings"),
    [
        ("concert-v2", {"tcp": {"host": EVERYWHERE, "port": 4000}}),
        ("concert-v2", {"tcp": {"bind": EVERYWHERE, "port": 4000}}),
        ("concert-v3", {"bind": "192.168.1.10"}),
        ("touchscreen", {"bind": EVERYWHERE}),
        ("mypos-xml", {"bind": EVERYWHERE, "currency": "EUR"}),
    ],
)
def test_a_door_on_the_network_says_whom_it_serves(door: str, settings: dict[str, object]) -> None:
    model = registry.door(door).settings
    with pytest.raises(ValidationError, match="allow_from"):
        model.model_validate(settings)
    inner = settings.get("tcp")
    listed = {"allow_from": ["192.168.1.0/24"]}
    model.model_validate({"tcp": {**inner, **listed}} if isinstance(inner, dict) else {**settings, **listed})
