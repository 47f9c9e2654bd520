"""The HTTP client toward the portal. Whatever the network does, a request ends in time and with a word for it."""

import hashlib
import os
import socket
import ssl
from asyncio import Transport
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import aiohttp
from aiohttp.resolver import ThreadedResolver
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_der_x509_certificate

from tillbridge.connector.portal.faults import Answer, Cause, Unreachable
from tillbridge.connector.portal.places import Place, tls_context
from tillbridge.domain.errors import BridgeError, Code

CONNECT_SECONDS: Final = 8.0
"""For the name, the connection and TLS: three lost packets take less."""

ANSWER_SECONDS: Final = 20.0
"""For all of a request. A portal answers within one; a finish waits for nobody."""

MOST_READ: Final = 1024 * 1024
"""Bytes of an answer; more than any has, and no more memory than a false portal may cost."""

LARGEST_HEADER: Final = 8190
LINES: Final = 8
"""Connections at once: a location's tills ask one after another."""

ELSEWHERE: Final = ("192.0.2.1", 9)
"""An address of documentation (RFC 5737): connecting a datagram socket to it sends nothing and asks for a route."""


class PinnedKey(aiohttp.Fingerprint):
    """Accepts one public key alone. The name and the chain of the certificate are checked besides, as always."""

    def __init__(self, sha256: str) -> None:
        super().__init__(bytes.fromhex(sha256))
        self._wanted = bytes.fromhex(sha256)

    def check(self, transport: Transport) -> None:
        """See `aiohttp.Fingerprint`, which compares the whole certificate: that changes each time it is renewed."""
        line = transport.get_extra_info("ssl_object")
        certificate = None if line is None else line.getpeercert(binary_form=True)
        found = b"" if certificate is None else public_key_digest(certificate)
        if found != self._wanted:
            host, port, *_ = transport.get_extra_info("peername") or ("", 0)
            raise aiohttp.ServerFingerprintMismatch(self._wanted, found, host, port)


def public_key_digest(certificate: bytes) -> bytes:
    """SHA-256 of the public key (SubjectPublicKeyInfo) in a certificate in DER."""
    key = load_der_x509_certificate(certificate).public_key()
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


class PortalHttp:
    """Requests to one portal. It follows no redirect, asks no proxy, keeps no cookie and unpacks nothing.

    `SETTINGS_INVALID` where the file of the private authority cannot be used.
    """

    def __init__(self, place: Place, version: str, seconds: float = ANSWER_SECONDS) -> None:
        self.place = place
        try:
            context = tls_context(place.ca) if place.encrypted else None
        except OSError as error:
            raise BridgeError(
                Code.SETTINGS_INVALID, f"it holds no certificate: {type(error).__name__}", place="portal.ca"
            ) from None
        self.pin: PinnedKey | bool = True if place.pinned is None or context is None else PinnedKey(place.pinned)
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=ThreadedResolver(), use_dns_cache=False, limit=LINES, ssl=True if context is None else context
            ),
            headers={"User-Agent": f"tillbridge/{version}"},
            timeout=aiohttp.ClientTimeout(total=seconds, connect=min(CONNECT_SECONDS, seconds)),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            max_line_size=LARGEST_HEADER,
            max_field_size=LARGEST_HEADER,
        )

    async def close(self) -> None:
        """Lets go of its connections."""
        await self.session.close()

    def url(self, path: str) -> str:
        """The whole address of a path, as it is sent and as a proof names it."""
        return f"{self.place.address}{path}"

    async def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """What the portal answers, whatever it is.

        `BridgeError`: `Unreachable` (X901) where nothing was sent, PORTAL_UNPROVEN (P108) where the portal could not
        show a right certificate, PORTAL_SILENT (X907) where it is not known what became of the request.
        """
        try:
            async with self.session.request(
                method,
                self.url(path),
                data=body,
                headers={"Accept-Encoding": "identity", **(headers or {})},
                allow_redirects=False,
                ssl=self.pin,
            ) as answer:
                found = {name.lower(): value for name, value in answer.headers.items()}
                return Answer(answer.status, found, await _whole(answer))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise network_fault(error, self.place) from None


def network_fault(error: BaseException, place: Place) -> BridgeError:
    """What an error of the HTTP client means, a WebSocket's too; its own words name addresses and are left out."""
    match error:
        case BridgeError():
            return error
        case aiohttp.ServerFingerprintMismatch():
            return BridgeError(Code.PORTAL_UNPROVEN, "its certificate has another public key than the settings name")
        case aiohttp.ClientConnectorCertificateError() | ssl.CertificateError():
            return BridgeError(Code.PORTAL_UNPROVEN, f"its certificate does not prove {place.host}")
        case aiohttp.ClientConnectorDNSError():
            return _unnamed(error.os_error, place)
        case aiohttp.ClientConnectorSSLError():
            return BridgeError(Code.PORTAL_UNPROVEN, "it does not speak TLS as it must")
        case aiohttp.ConnectionTimeoutError():
            return _down(place, "it does not take the connection")
        case aiohttp.ClientConnectorError():
            return _down(place, _cause(error.os_error))
        case TimeoutError() | aiohttp.ServerTimeoutError():
            return BridgeError(Code.PORTAL_SILENT, "it did not answer in time")
        case aiohttp.WSServerHandshakeError():
            return BridgeError(Code.PORTAL_FAULT, f"it answered {error.status}")
        case _:
            return BridgeError(Code.PORTAL_SILENT, f"the connection broke: {type(error).__name__}")


def has_route() -> bool:
    """Whether this computer has a way to anywhere outside."""
    for family, address in ((socket.AF_INET, ELSEWHERE), (socket.AF_INET6, ("2001:db8::1", 9))):
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(address)
            return True
    return False


def _unnamed(error: OSError, place: Place) -> Unreachable:
    if not place.here and not has_route():
        return Unreachable(Cause.NO_NETWORK, "this computer is not on a network")
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME:
        return Unreachable(Cause.PORTAL_DOWN, f"nobody knows the name {place.host}")
    return Unreachable(Cause.NO_INTERNET, "no name service answers")


def _down(place: Place, words: str) -> Unreachable:
    if not place.here and not has_route():
        return Unreachable(Cause.NO_NETWORK, "this computer is not on a network")
    return Unreachable(Cause.PORTAL_DOWN, words)


def _cause(error: OSError) -> str:
    """The system's own words for it: the library's name the address, which is on the page already."""
    return type(error).__name__ if error.errno is None else os.strerror(error.errno)


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    found = bytearray()
    async for piece in answer.content.iter_chunked(64 * 1024):
        found += piece
        if len(found) > MOST_READ:
            answer.close()
            raise BridgeError(Code.PORTAL_FAULT, f"it answered with more than {MOST_READ} bytes")
    return bytes(found)
