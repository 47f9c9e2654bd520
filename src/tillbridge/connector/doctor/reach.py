"""Goes to a server step by step, as far as it comes: name, connection, TLS, HTTP. Nothing but `HEAD /` is asked."""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

NAME_SECONDS: Final = 5.0
"""For a name to be found: a resolver answers at once or tries its next server after these."""

CONNECT_SECONDS: Final = 5.0
"""For a connection: three tries of the system's to send its first packet."""

TLS_SECONDS: Final = 5.0
HTTP_SECONDS: Final = 10.0
"""For the first line and the headers of an answer to `HEAD /`, which costs a server nothing."""

ALL_SECONDS: Final = NAME_SECONDS + CONNECT_SECONDS + TLS_SECONDS + HTTP_SECONDS

LARGEST_HEAD: Final = 32 * 1024
"""Bytes of an answer's head; servers send two thousand."""


class Step(StrEnum):
    """How far it came."""

    NAME = "name"
    CONNECTION = "connection"
    TLS = "tls"
    HTTP = "http"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class Reached:
    """`step` is the first that failed, `ANSWERED` if none did; `detail` says why, in the system's own words.

    `date` is the server's clock in its answer and `asked` half of the way back in seconds, `not_after` the end of its
    certificate, `key_digest` the SHA-256 of the certificate's public key.
    """

    host: str
    step: Step
    detail: str = ""
    status: int | None = None
    date: datetime | None = None
    not_after: datetime | None = None
    key_digest: str | None = None


async def reach(address: str, context: ssl.SSLContext | None = None) -> Reached:
    """Goes to this address (`https://host[:port]` or `http://`); `context` says which certificates are right."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    encrypted = parts.scheme == "https"
    port = parts.port or (443 if encrypted else 80)
    try:
        async with asyncio.timeout(NAME_SECONDS):
            await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError):
        return Reached(host, Step.NAME)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        return Reached(host, Step.CONNECTION, _why(error))
    try:
        return await _over(reader, writer, host, context or ssl.create_default_context() if encrypted else None)
    finally:
        writer.close()


async def _over(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, context: ssl.SSLContext | None
) -> Reached:
    not_after, digest = None, None
    if context is not None:
        try:
            async with asyncio.timeout(TLS_SECONDS):
                await writer.start_tls(context, server_hostname=host)
        except (OSError, TimeoutError) as error:
            return Reached(host, Step.TLS, _why(error))
        certificate = _certificate(writer)
        if certificate is not None:
            not_after, digest = certificate.not_valid_after_utc, key_digest(certificate)
    try:
        async with asyncio.timeout(HTTP_SECONDS):
            writer.write(f"HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAccept: */*\r\n\r\n".encode())
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        return Reached(host, Step.HTTP, _why(error), not_after=not_after, key_digest=digest)
    status = _status(head)
    if status is None or len(head) > LARGEST_HEAD:
        return Reached(host, Step.HTTP, "this is no HTTP", not_after=not_after, key_digest=digest)
    return Reached(host, Step.ANSWERED, "", status, _date(head), not_after, digest)


def key_digest(certificate: x509.Certificate) -> str:
    """The SHA-256 of the public key, as `pin_certificate` of the settings has it."""
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(key).hexdigest()


def _certificate(writer: asyncio.StreamWriter) -> x509.Certificate | None:
    line = writer.get_extra_info("ssl_object")
    shown = None if line is None else line.getpeercert(binary_form=True)
    return None if not shown else x509.load_der_x509_certificate(shown)


def _status(head: bytes) -> int | None:
    words = head.split(b"\r\n", 1)[0].split(b" ", 2)
    sound = len(words) > 1 and words[0].startswith(b"HTTP/1.") and words[1].isdigit() and len(words[1]) == 3  # noqa: PLR2004  # digits of an HTTP status
    return int(words[1]) if sound else None


def _date(head: bytes) -> datetime | None:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"date":
            try:
                found = parsedate_to_datetime(value.decode("ascii", "replace").strip())
            except (ValueError, TypeError):
                return None
            return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return None


def _why(error: BaseException) -> str:
    """The cause in a few words, without what the other side may have put in it."""
    match error:
        case TimeoutError():
            return "no answer in time"
        case ssl.SSLCertVerificationError():
            return error.verify_message
        case ssl.SSLError():
            return str(error.reason or "no TLS")
        case OSError():
            return error.strerror or type(error).__name__
        case _:
            return "the connection was closed"
