"""Finds out what is wrong with the link, from the name of the portal to the licence of a service."""

import asyncio
import socket
from datetime import timedelta
from typing import Final

from tillbridge.connector.portal.board import SKEW_SHOWN
from tillbridge.connector.portal.checks import Check, Part, Verdict, in_order
from tillbridge.connector.portal.faults import Answer, Cause, Unreachable
from tillbridge.connector.portal.http import PortalHttp, has_route
from tillbridge.connector.portal.keystore import KeptLink, Keystore
from tillbridge.connector.portal.places import Place
from tillbridge.connector.portal.sealing import SealKind
from tillbridge.connector.portal.tokens import Tokens
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import ServiceState
from tillbridge.runtime.effects import Clock

NAME_SECONDS: Final = 5.0
"""For the name of the portal to be found."""

HEALTH_PATH: Final = "/healthz"

_LICENSED: Final = frozenset({ServiceState.NEEDS_LICENCE, ServiceState.NEEDS_CONVERSION})
_RIGHTS: Final = frozenset({Code.LINK_REVOKED, Code.LINK_SUSPENDED, Code.CLONE_SUSPECTED, Code.NOT_PAIRED})


class Doctor:
    """Looks at one link."""

    def __init__(self, http: PortalHttp, keystore: Keystore, tokens: Tokens, clock: Clock) -> None:
        self._http = http
        self._keystore = keystore
        self._tokens = tokens
        self._clock = clock

    async def examine(self) -> tuple[Check, ...]:
        """Every check, in the order of `Part`. What asks for a token does so as the link itself would."""
        place = self._http.place
        found = [self._place(place), self._key()]
        name = await _name(place)
        found.append(name)
        if name.verdict is not Verdict.WRONG:
            found += await self._line(place)
        if all(check.verdict is not Verdict.WRONG for check in found):
            found += await self._link()
        return in_order(found)

    def _place(self, place: Place) -> Check:
        return Check(Part.PLACE, Verdict.OK, f"{place.address}, location {place.location}")

    def _key(self) -> Check:
        fault = self._keystore.fault
        if fault is not None:
            return _wrong(Part.KEY, fault)
        kept = self._keystore.kept
        if kept is None or kept.link is None:
            return Check(
                Part.KEY, Verdict.UNKNOWN, "this location is not paired", "Pair it with a PIN.", Code.NOT_PAIRED
            )
        fingerprint = kept.link.credential.pair.public.fingerprint
        if self._keystore.seal is SealKind.FILE:
            words = f"{fingerprint}, sealed with a key in a file beside it"
            return Check(
                Part.KEY, Verdict.CARE, words, "Let the system keep the key: docs/reference/connector-portal.md."
            )
        return Check(Part.KEY, Verdict.OK, f"{fingerprint}, sealed by {self._keystore.seal}")

    async def _line(self, place: Place) -> list[Check]:
        try:
            answer = await self._http.send("GET", HEALTH_PATH)
        except BridgeError as error:
            return [_wrong(Part.TLS, error)]
        words = "the certificate is right" if place.encrypted else "without TLS, on this computer"
        return [Check(Part.TLS, Verdict.OK, words), self._clocks(answer)]

    def _clocks(self, answer: Answer) -> Check:
        theirs = answer.server_time
        if theirs is None:
            return Check(Part.CLOCK, Verdict.UNKNOWN, "the portal does not say its time")
        off = self._clock.now() - theirs
        if abs(off) <= SKEW_SHOWN:
            return Check(Part.CLOCK, Verdict.OK, "within a minute of the portal's")
        side = "ahead of" if off > timedelta() else "behind"
        seconds = int(abs(off).total_seconds())
        return Check(
            Part.CLOCK, Verdict.CARE, f"{seconds} seconds {side} the portal's", "Let the system set the clock (NTP)."
        )

    async def _link(self) -> list[Check]:
        try:
            link = self._keystore.link
        except BridgeError:
            return []
        try:
            await self._tokens.contact(self._http)
        except BridgeError as error:
            if error.code in _RIGHTS:
                return [Check(Part.TOKEN, Verdict.OK, "the portal knows the key"), _wrong(Part.RIGHT, error)]
            return [_wrong(Part.TOKEN, error)]
        right = Check(Part.RIGHT, Verdict.OK, "the link is in use")
        return [Check(Part.TOKEN, Verdict.OK, "the portal gave an access token"), right, _licences(link)]


def _licences(link: KeptLink) -> Check:
    missing = [f"{one.service}: {one.state}" for one in link.services if one.state in _LICENSED]
    if missing:
        return Check(
            Part.LICENCE, Verdict.CARE, ", ".join(missing), "Ask the office for the licence.", Code.LICENCE_MISSING
        )
    return Check(Part.LICENCE, Verdict.OK, "no service lacks one")


async def _name(place: Place) -> Check:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(NAME_SECONDS):
            found = await loop.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError):
        cause = Cause.NO_INTERNET if place.here or has_route() else Cause.NO_NETWORK
        return _wrong(Part.DNS, Unreachable(cause, f"the name {place.host} is not found"))
    addresses = sorted({str(one[4][0]) for one in found})
    return Check(Part.DNS, Verdict.OK, f"{place.host} is {', '.join(addresses[:4])}")


def _wrong(part: Part, error: BridgeError) -> Check:
    return Check(part, Verdict.WRONG, error.detail or error.entry.title, error.entry.action, error.code)
