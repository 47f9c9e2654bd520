"""Letters: each leaves once, in one piece, and says what was written."""

import asyncio
import email
import email.policy
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Row, select

from tests.portal.clock import HandClock
from tests.portal.mail.server import mail_server
from tillbridge.portal.house import House
from tillbridge.portal.mail import queue, sending
from tillbridge.portal.mail.post import Letter
from tillbridge.portal.mail.tables import letter
from tillbridge.portal.settings import MailSettings, Security, SmtpSettings

ONE = Letter("anna@sommer.example", "Ein neues Paßwort", "Guten Tag,\n\nhier ist der Link.\n.\nEnde\n")


async def post(house: House, one: Letter = ONE) -> None:
    async with house.database.writing() as connection:
        await house.post.take(connection, one)


async def row_of(house: House) -> Row[tuple[object, ...]]:
    async with house.database.reading() as connection:
        return (await connection.execute(select(letter))).one()


def with_server(house: House, port: int, security: Security = Security.NONE) -> House:
    mail = MailSettings(sender="portal@tillbridge.example", smtp=SmtpSettings(host="127.0.0.1", port=port))
    assert mail.smtp is not None
    mail = mail.model_copy(update={"smtp": mail.smtp.model_copy(update={"security": security})})
    settings = house.settings.model_copy(update={"mail": mail})
    return House(settings, house.database, house.vault, house.runtime, house.audit, house.post)


def parsed(path: Path) -> email.message.EmailMessage:
    return email.message_from_bytes(path.read_bytes(), policy=email.policy.default)


async def test_without_a_server_a_letter_becomes_a_file_that_only_the_portal_reads(house: House) -> None:
    await post(house)
    assert await sending.send_due(house) == 1
    [path] = (house.settings.data / "mail").iterdir()
    assert path.suffix == ".eml"
    assert path.stat().st_mode & 0o077 == 0
    message = parsed(path)
    assert message["To"] == ONE.recipient
    assert message["Subject"] == ONE.subject
    assert message.get_content().replace("\r\n", "\n") == ONE.text
    row = await row_of(house)
    assert (row.state, row.sealed_body, row.tries) == ("sent", "", 1)
    assert await sending.send_due(house) == 0


async def test_a_letter_goes_over_smtp_and_its_text_is_not_kept(house: House) -> None:
    await post(house)
    async with mail_server() as server:
        assert await sending.send_due(with_server(house, server.port)) == 1
    [text] = server.letters
    message = email.message_from_string(text, policy=email.policy.default)
    assert message["From"] == "portal@tillbridge.example"
    assert message["Auto-Submitted"] == "auto-generated"
    row = await row_of(house)
    assert (row.state, row.sealed_body) == ("sent", "")
    assert message["Message-ID"] == f"<{row.id}@127.0.0.1>"


async def test_two_processes_send_a_letter_once(house: House) -> None:
    for number in range(6):
        await post(house, Letter(f"p{number}@sommer.example", "s", "t"))
    async with mail_server() as server, asyncio.TaskGroup() as group:
        processes = [group.create_task(sending.send_due(with_server(house, server.port))) for _ in range(3)]
    assert sum(process.result() for process in processes) == 6
    assert len(server.letters) == 6


async def test_a_letter_is_tried_ten_times_and_then_failed(house: House, clock: HandClock) -> None:
    await post(house)
    pauses = []
    async with mail_server() as server:
        server.end = "451 later"
        portal = with_server(house, server.port)
        for _ in range(9):
            assert await sending.send_due(portal) == 1
            pauses.append((await row_of(house)).next_at - clock.now())
            assert await sending.send_due(portal) == 0
            clock.forward(seconds=pauses[-1].total_seconds())
        assert await sending.send_due(portal) == 1
        clock.forward(days=7)
        assert await sending.send_due(portal) == 0
    assert pauses == list(sending.PAUSES)
    assert (pauses[0], pauses[-1]) == (timedelta(minutes=1), timedelta(hours=6))
    row = await row_of(house)
    assert (row.state, row.sealed_body, row.tries) == ("failed", "", 10)
    assert row.fault == "SMTPDataError 451"


async def test_a_server_that_is_away_costs_a_try_and_the_letter_goes_later(house: House, clock: HandClock) -> None:
    await post(house)
    async with mail_server() as gone:
        pass
    assert await sending.send_due(with_server(house, gone.port)) == 1
    row = await row_of(house)
    assert (row.state, row.tries) == ("waiting", 1)
    assert row.fault == "SMTPConnectError"
    clock.forward(minutes=1)
    async with mail_server() as server:
        await sending.send_due(with_server(house, server.port))
    assert len(server.letters) == 1


async def test_a_recipient_whom_the_server_does_not_know_is_not_tried_again(house: House) -> None:
    await post(house)
    async with mail_server() as server:
        server.recipient = "550 nobody here"
        await sending.send_due(with_server(house, server.port))
    row = await row_of(house)
    assert (row.state, row.tries, row.fault) == ("failed", 1, "Undeliverable")


async def test_without_tls_nothing_is_sent_where_tls_is_asked_for(house: House) -> None:
    await post(house)
    async with mail_server() as server:
        await sending.send_due(with_server(house, server.port, Security.STARTTLS))
    assert server.letters == []
    assert (await row_of(house)).state == "waiting"


async def test_a_claimed_letter_is_free_again_after_the_lease_of_a_process_that_died(
    house: House, clock: HandClock
) -> None:
    await post(house)
    async with house.database.writing() as connection:
        dead = await queue.claim(connection, clock.now(), sending.LEASE)
    assert dead is not None
    assert await sending.send_due(house) == 0
    clock.forward(seconds=sending.LEASE.total_seconds())
    assert await sending.send_due(house) == 1
    # The dead one wakes up after all: it has no say any more.
    async with house.database.writing() as connection:
        await queue.failed(connection, dead, "late")
    assert (await row_of(house)).state == "sent"


async def test_header_injection_a_subject_begins_no_header(house: House) -> None:
    for line in ("\r\nBcc: all@evil.example", "\nBcc: all@evil.example\n\nbody", "\u2028Bcc: all@evil.example"):
        await post(house, Letter("anna@sommer.example", f"hello{line}", "text"))
    assert await sending.send_due(house) == 3
    for path in (house.settings.data / "mail").iterdir():
        message = parsed(path)
        assert message["Bcc"] is None
        assert message.get_content().strip() == "text"
        assert message["Subject"].startswith("hello Bcc: all@evil.example")


async def test_header_injection_a_recipient_is_one_address(house: House) -> None:
    wrong = ("anna@sommer.example\r\nBcc: all@evil.example", "a@b.example, all@evil.example", "no address", "")
    for recipient in wrong:
        await post(house, Letter(recipient, "subject", "text"))
    assert await sending.send_due(house) == 4
    async with house.database.reading() as connection:
        rows = (await connection.execute(select(letter))).all()
    assert {(row.state, row.sealed_body, row.fault) for row in rows} == {("failed", "", "ValueError")}
    assert not (house.settings.data / "mail").exists()


async def test_a_letter_that_was_rolled_back_is_not_sent(house: House) -> None:
    async def fail() -> None:
        async with house.database.writing() as connection:
            await house.post.take(connection, ONE)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await sending.send_due(house) == 0
