"""Doors as a connector has them, to be shown: set as in a settings file, listening where the test says so."""

from collections.abc import Callable
from dataclasses import dataclass

from tillbridge.connector.doors import Doors
from tillbridge.connector.settings import Configured
from tillbridge.protocols import registry
from tillbridge.runtime.settings.secret_values import hash_password


@dataclass(frozen=True)
class StandingDoor:
    """A door that is where it says and does nothing."""

    address: str

    async def serve(self, on_ready: Callable[[], None]) -> None:
        on_ready()


PASSWORD_HASH = hash_password("pwd")
SETTINGS: dict[str, tuple[str, dict[str, object], str]] = {
    "hipay-front": (
        "hipay",
        {"port": 8080, "terminal": "front", "api_username": "log", "api_password_hash": PASSWORD_HASH},
        "http://localhost:8080",
    ),
    "till-2": ("concert-v3", {"host": "0.0.0.0", "port": 28888, "allow_from": ["192.168.1.0/24"]}, "0.0.0.0:28888"),  # noqa: S104  # shown, not bound
    "old-till": ("concert-v2", {"serial": {"port": "/dev/ttyS0"}}, "/dev/ttyS0"),
}


def doors(*listening: str) -> Doors:
    """A door of each sort; those named listen, all of them unless any is named."""
    configured = tuple(
        Configured(name, wire, registry.door(wire).settings.model_validate(settings))
        for name, (wire, settings, _) in SETTINGS.items()
    )
    found = Doors(configured, {name: StandingDoor(address) for name, (_, _, address) in SETTINGS.items()})
    for name in listening or SETTINGS:
        found.listens(name)
    return found
