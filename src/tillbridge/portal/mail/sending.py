"""Sends the letters that wait: to the mail server, or into files (docs/reference/portal-accounts.md).

Every process of a portal does it; a letter is claimed by one statement before it is sent, so that two never send the
same at the same moment. When a process dies between the server's answer and its note of it, the letter is sent again
after the lease, under the same Message-ID.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiosmtplib
import structlog

from tillbridge.portal.feature import Job
from tillbridge.portal.house import House
from tillbridge.portal.mail import queue
from tillbridge.portal.mail.post import Attachment
from tillbridge.portal.mail.queue import Claimed
from tillbridge.portal.mail.writing import one_line
from tillbridge.portal.settings import Security, SmtpSettings

FOLDER: Final = "mail"

LOOK_EVERY: Final = 5.0
"""Seconds between two looks for letters: nobody waits longer for one than for the mail itself."""

SEND_SECONDS: Final = 60.0
"""Seconds for one letter, from the connection to the server's last answer."""

LEASE: Final = timedelta(minutes=5)
"""How long a claimed letter is left to whoever claimed it: several times what sending may take."""

PAUSES: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 30, 60, 120, 240, 360))
"""How long after each try the next one comes; after ten tries, some 14 hours, a letter has failed."""

PERMANENT: Final = 500
"""A server's answers from here on will be the same the next time (RFC 5321, section 4.2.1)."""

LONGEST_FAULT: Final = 200

log = structlog.get_logger(__name__)

Carry = Callable[[EmailMessage], Awaitable[None]]


class Undeliverable(Exception):
    """The server refuses this letter for good."""


def sending_job(house: House) -> Job:
    """Sends letters until it is cancelled."""

    async def send_letters() -> None:
        while True:
            await send_due(house)
            await asyncio.sleep(LOOK_EVERY)

    return send_letters


async def send_due(house: House) -> int:
    """Sends every letter that is due now, one after the other; returns how many were tried."""
    carry = carrier(house)
    tried = 0
    while (one := await _claim(house)) is not None:
        tried += 1
        await _send(house, one, carry)
    return tried


def carrier(house: House) -> Carry:
    """How a letter leaves with these settings."""
    smtp = house.settings.mail.smtp
    return _to_folder(house.settings.data / FOLDER) if smtp is None else _to_server(smtp)


def compose(house: House, one: Claimed, files: Sequence[Attachment] = ()) -> EmailMessage:
    """The letter as it goes over the wire. `ValueError` when it cannot be read or written.

    What was typed by somebody stands in one line: a name with a line break begins no header of its own.
    """
    message = EmailMessage(policy=SMTP)
    host = urlsplit(house.settings.address).hostname or "localhost"
    message["From"] = house.settings.mail.sender
    message["To"] = _address(one.recipient)
    message["Subject"] = one_line(one.subject)
    message["Date"] = format_datetime(one.created_at)
    message["Message-ID"] = f"<{one.id}@{host}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(one.text(house.vault))
    for each in files:
        kind, _, exactly = each.media_type.partition("/")
        message.add_attachment(each.content, maintype=kind, subtype=exactly, filename=one_line(each.name))
    return message


async def _claim(house: House) -> Claimed | None:
    async with house.database.writing() as connection:
        return await queue.claim(connection, house.runtime.clock.now(), LEASE)


async def _send(house: House, one: Claimed, carry: Carry) -> None:
    try:
        async with house.database.reading() as connection:
            files = await queue.attachments(connection, one, house.vault)
        message = compose(house, one, files)
        async with asyncio.timeout(SEND_SECONDS):
            await carry(message)
    except (ValueError, Undeliverable) as error:
        await _not_sent(house, one, error, final=True)
    except (OSError, TimeoutError, aiosmtplib.SMTPException) as error:
        await _not_sent(house, one, error, final=one.tries > len(PAUSES))
    else:
        async with house.database.writing() as connection:
            await queue.sent(connection, one, house.runtime.clock.now())


async def _not_sent(house: House, one: Claimed, error: Exception, *, final: bool) -> None:
    """Notes the kind of fault, never its text: a server may quote what it was sent."""
    fault = f"{type(error).__name__} {getattr(error, 'code', '')}".strip()[:LONGEST_FAULT]
    log.warning("letter_not_sent", letter=one.id, tries=one.tries, fault=fault, final=final)
    async with house.database.writing() as connection:
        if final:
            await queue.failed(connection, one, fault)
        else:
            await queue.again(connection, one, next_try(house.runtime.clock.now(), one.tries), fault)


def next_try(now: datetime, tries: int) -> datetime:
    """When a letter is tried again that was tried so often."""
    return now + PAUSES[min(tries, len(PAUSES)) - 1]


def _to_server(smtp: SmtpSettings) -> Carry:
    async def carry(message: EmailMessage) -> None:
        try:
            await aiosmtplib.send(
                message,
                hostname=smtp.host,
                port=smtp.port,
                username=smtp.user,
                password=None if smtp.password is None else smtp.password.get_secret_value(),
                use_tls=smtp.security is Security.TLS,
                start_tls=smtp.security is Security.STARTTLS,
                timeout=SEND_SECONDS,
            )
        except aiosmtplib.SMTPRecipientsRefused as refused:
            if all(one.code >= PERMANENT for one in refused.recipients):
                raise Undeliverable from refused
            raise

    return carry


def _to_folder(folder: Path) -> Carry:
    async def carry(message: EmailMessage) -> None:
        await asyncio.to_thread(_write, folder, message)

    return carry


def _write(folder: Path, message: EmailMessage) -> None:
    """A whole file or none: written aside and renamed. It may hold a link, so only the portal's own user reads it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = str(message["Message-ID"]).strip("<>").partition("@")[0]
    aside = folder / f".{name}.part"
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(message.as_bytes())
        file.flush()
        os.fsync(file.fileno())
    aside.replace(folder / f"{name}.eml")


def _address(recipient: str) -> str:
    if not recipient.isprintable() or recipient.count("@") != 1 or any(mark in recipient for mark in ' ,;:<>"'):
        raise ValueError("this is no address to send to")
    return recipient
