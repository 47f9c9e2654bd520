"""Where HiPay's gateway is, and which addresses may take its place (UPSTREAM.md, section 1)."""

from enum import StrEnum
from typing import Final

from yarl import URL

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Environment(StrEnum):
    """HiPay's two systems: `stage` moves no money."""

    STAGE = "stage"
    PRODUCTION = "production"


GATEWAYS: Final = {
    Environment.STAGE: "https://stage-secure-gateway.hipay-tpp.com",
    Environment.PRODUCTION: "https://secure-gateway.hipay-tpp.com",
}

_STAGE_LOGIN: Final = ".stage-"
"""Logins name the gateway that they are for; those of the test system have this in them."""


def checked_base(text: str) -> str:
    """The address of a gateway without its last slash; `ValueError` for one that passwords must not be sent to."""
    url = URL(text)
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("it must be an address such as https://gateway.example")
    if url.scheme == "http" and url.host not in LOOPBACK:
        raise ValueError("it must begin with https://: without TLS only this computer itself is reached")
    if url.user is not None or url.password is not None or url.query_string or url.fragment:
        raise ValueError("it must hold no login, no ? and no #")
    return text.rstrip("/")


def is_stage_login(login: str) -> bool:
    """Whether this login says of itself that it is one of the test system."""
    return _STAGE_LOGIN in login.lower()
