"""One pairing after another for the tests, with chance that repeats."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime

from tillbridge.domain.location_number import LocationNumber
from tillbridge.link import master_token
from tillbridge.link.keys import KeyPair
from tillbridge.link.pairing import connector_side, portal_side
from tillbridge.link.pairing.connector_side import KeptExchange
from tillbridge.link.pairing.portal_side import PortalState
from tillbridge.link.pairing.words import (
    ConnectorDescription,
    Grant,
    GrantedLocation,
    GrantedService,
    StartReply,
    StartRequest,
    new_session_id,
)
from tillbridge.link.scopes import ServiceState

LOCATION = LocationNumber.of(1004711)
HOST = "portal.example"
PIN = "0420"
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
SECRET_WORDS = "the name of nobody else's business"
"""Stands in what is sealed, and must never be seen outside."""

DESCRIPTION = ConnectorDescription(
    connector_id="0123456789abcdef" * 2, name=SECRET_WORDS, version="1.4.0", os="Debian GNU/Linux 12"
)


def chance(seed: int) -> random.Random:
    return random.Random(seed)


def key_pair(seed: int = 7) -> KeyPair:
    return KeyPair.make(chance(seed).randbytes)


def grant(seed: int = 3) -> Grant:
    return Grant(
        link_id="fedcba9876543210" * 2,
        location=GrantedLocation(number=str(LOCATION), name=SECRET_WORDS),
        tenant="Café Žižkov",
        master_token=master_token.new(chance(seed).randbytes),
        services=(
            GrantedService(
                service="web_vouchers",
                state=ServiceState.ON,
                scope="vouchers:read vouchers:redeem",
                access_token="e30.e30.e30",
                expires_in=600,
            ),
            GrantedService(service="online_orders", state=ServiceState.NOT_AVAILABLE),
        ),
        portal_jwks_thumbprint=key_pair(9).public.thumbprint,
        server_time=NOW,
    )


@dataclass(frozen=True, slots=True)
class Opened:
    """A pairing up to the moment before the finish is sent."""

    request: StartRequest
    reply: StartReply
    state: PortalState
    kept: KeptExchange


def open_exchange(typed: str = PIN, open_pin: str = PIN, seed: int = 1) -> Opened:
    """The connector has `typed`, the portal has `open_pin` open."""
    begun = connector_side.begin(typed, LOCATION, HOST, chance(seed).randbytes)
    entropy = chance(seed + 1).randbytes
    reply, state = portal_side.begin(begun.request, open_pin, HOST, new_session_id(entropy), entropy)
    return Opened(begun.request, reply, state, begun.answer(reply, DESCRIPTION, key_pair(seed + 2)))
