"""The servers that the settings name: whether they can be reached, what their certificates and their clocks say."""

import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509

from tillbridge.connector.doctor.findings import Finding, Part, Saw, care, unknown, well, wrong
from tillbridge.connector.doctor.journal import went_back
from tillbridge.connector.doctor.reach import Reached, Step, reach
from tillbridge.connector.doctor.scene import Scene
from tillbridge.connector.portal.places import Place, Places, tls_context

SKEW: Final = timedelta(seconds=60)
"""By so much two clocks may differ: beyond that tokens of the portal begin to be refused."""

ENDING: Final = timedelta(days=21)
"""A certificate that ends sooner is told of: renewing it by hand takes an office some days."""

_STOPPED: Final[Mapping[Step, Saw]] = {
    Step.NAME: Saw.NAME_UNKNOWN,
    Step.CONNECTION: Saw.NO_CONNECTION,
    Step.TLS: Saw.NO_TLS,
    Step.HTTP: Saw.NO_ANSWER,
}


@dataclass(frozen=True, slots=True)
class Server:
    """One that the settings name. `pinned` is the public key that its certificate must have."""

    part: Part
    address: str
    ca: Path | None = None
    pinned: str | None = None


def portal_place(scene: Scene) -> Place | None:
    """Where the portal is; None where nobody has said it."""
    if scene.settings is None:
        return None
    return Places(scene.settings.portal, scene.settings.data).place


async def look_at_provider(scene: Scene, server: Server) -> Sequence[Finding]:
    """Name, connection, TLS and an answer of the payment provider's server, its certificate, and its clock."""
    found = await reach(server.address)
    return [*reached(server, found), *certificates(server, found, scene.runtime.clock.now())]


def reached(server: Server, found: Reached) -> Iterator[Finding]:
    """How far it came. A refusal by the server (4xx) is an answer: nobody has shown it a login."""
    saw = _STOPPED.get(found.step)
    if saw is not None:
        yield wrong(server.part, saw, found.host, host=found.host, detail=found.detail)
    elif found.status is not None and found.status >= 500:  # noqa: PLR2004  # the server's own faults begin here
        yield care(server.part, Saw.PROVIDER_FAILING, found.host, host=found.host, status=str(found.status))
    else:
        yield well(server.part, Saw.PROVIDER_REACHED, found.host, host=found.host, status=str(found.status))


def certificates(server: Server, found: Reached, now: datetime) -> Iterator[Finding]:
    """When the certificate ends, and whether it has the key that the settings name."""
    if found.not_after is not None:
        yield ends(found.host, found.not_after, now)
    if server.pinned is not None and found.key_digest is not None and server.pinned != found.key_digest:
        yield wrong(Part.CERTIFICATE, Saw.CERTIFICATE_OTHER, found.host, host=found.host)


def ends(whose: str, not_after: datetime, now: datetime) -> Finding:
    """What there is to say of the end of a certificate."""
    left = not_after - now
    facts = {"whose": whose, "day": f"{not_after:%Y-%m-%d}", "days": str(max(0, left.days))}
    if left <= timedelta():
        return wrong(Part.CERTIFICATE, Saw.CERTIFICATE_OVER, whose, **facts)
    if left < ENDING:
        return care(Part.CERTIFICATE, Saw.CERTIFICATE_ENDING, whose, **facts)
    return well(Part.CERTIFICATE, Saw.CERTIFICATE_VALID, whose, **facts)


async def look_at_portal_certificate(scene: Scene, place: Place) -> Sequence[Finding]:
    """The certificate of the portal, and that of the authority which the settings name for it."""
    now = scene.runtime.clock.now()
    found = [] if place.ca is None else list(_authority(place.ca, now))
    if not place.encrypted:
        return found
    try:
        context = tls_context(place.ca)
    except OSError:
        return found  # the file was just found unreadable
    server = Server(Part.PORTAL, place.address, place.ca, place.pinned)
    answer = await reach(place.address, context)
    if answer.step is Step.TLS:
        found.append(wrong(Part.CERTIFICATE, Saw.NO_TLS, answer.host, host=answer.host, detail=answer.detail))
    return [*found, *certificates(server, answer, now)]


def _authority(path: Path, now: datetime) -> Iterator[Finding]:
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        detail = getattr(error, "strerror", None) or "no certificate is in it"
        yield wrong(Part.CERTIFICATE, Saw.CERTIFICATE_UNREADABLE, path.name, file=str(path), detail=detail)
        return
    for certificate in found:
        yield ends(path.name, certificate.not_valid_after_utc, now)


async def look_at_clock(scene: Scene, servers: Sequence[Server]) -> Sequence[Finding]:
    """The clock against the first server that says its time, and against the journal, whose time only grows."""
    back = await went_back(scene)
    found = [] if back is None else [back]
    for server in servers:
        context = _context(server)
        if context is None and server.address.startswith("https://"):
            continue
        answer = await reach(server.address, context)
        if answer.date is not None:
            return [*found, compared(answer.host, scene.runtime.clock.now() - answer.date)]
    return found or [unknown(Part.CLOCK, Saw.CLOCK_UNCOMPARED)]


def _context(server: Server) -> ssl.SSLContext | None:
    try:
        return tls_context(server.ca)
    except OSError:
        return None


def compared(host: str, off: timedelta) -> Finding:
    """How the clock differs from a server's. HTTP writes whole seconds, which `SKEW` swallows."""
    if abs(off) <= SKEW:
        return well(Part.CLOCK, Saw.CLOCK_RIGHT, host=host)
    saw = Saw.CLOCK_AHEAD if off > timedelta() else Saw.CLOCK_BEHIND
    return wrong(Part.CLOCK, saw, host=host, seconds=str(int(abs(off).total_seconds())))
