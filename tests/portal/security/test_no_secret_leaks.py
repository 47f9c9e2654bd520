"""A whole story with the log at its most talkative; afterwards no secret of it stands anywhere (case A22)."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Final

import pyotp
import pytest
import structlog
from sqlalchemy import update

from tests.portal.accounts.front_door import letters
from tests.portal.browser import Browser
from tests.portal.security.connectors import Machine, pin_of
from tests.portal.security.town import COOKIE, NEWCOMER, OWNER, Town
from tests.portal.tokens.till import Till
from tillbridge.link.base64url import encode
from tillbridge.link.scopes import Service
from tillbridge.portal.locations.tables import tenant
from tillbridge.runtime.logging import FILE_NAME, Level, set_up_logging

NEW_PASSWORD: Final = "nine-green-bottles-on-a-wall"
_BASE32: Final = re.compile(r"\b((?:[A-Z2-7]{4} ){7}[A-Z2-7]{4})\b")
_RECOVERY: Final = re.compile(r"\b([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4})\b")


@dataclass(slots=True)
class Secrets:
    """What must stand nowhere, by what it is."""

    found: dict[str, str] = field(default_factory=dict)

    def keep(self, what: str, secret: str) -> str:
        assert len(secret) >= 6, what
        self.found[what] = secret
        return secret

    def standing_in(self, text: str) -> list[str]:
        """Which of them stand there by themselves: six digits also come by chance within a longer number."""
        return [
            what
            for what, secret in self.found.items()
            if re.search(rf"(?<![0-9A-Za-z.]){re.escape(secret)}(?![0-9A-Za-z])", text)
        ]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """The log of this process, at debug, in a file."""
    folder = tmp_path / "log"
    folder.mkdir()
    before = logging.getLogger().level
    set_up_logging(level=Level.DEBUG, folder=folder)
    yield folder / FILE_NAME
    set_up_logging(console=StringIO())
    structlog.reset_defaults()
    logging.getLogger().setLevel(before)


def text_of(log: Path) -> str:
    """What has been logged so far."""
    return log.read_text(encoding="utf-8")


async def _story(town: Town, secrets: Secrets) -> None:
    """Reset, sign-in, second factor, PIN, pairing, tokens, rotation asked, revocation; and each with a slip before."""
    await _forgotten(town, secrets)
    browser = Browser(town.app)
    wrong = await browser.post("/sign-in", page="/sign-in", email=OWNER, password="wrong-" + NEW_PASSWORD)
    assert wrong.status == 422
    assert (await browser.post("/sign-in", page="/sign-in", email=NEWCOMER, password=NEW_PASSWORD)).status == 303
    secrets.keep("session cookie", browser.cookies[COOKIE])
    await _enrol(town, browser, secrets)
    owner = await town.browser(OWNER)
    secrets.keep("owner's cookie", owner.cookies[COOKIE])
    secrets.keep("form token", town.token_of(owner))
    pin = secrets.keep("PIN", await pin_of(town, owner, town.ids["head"]))
    machine = Machine(town.app)
    refused = await machine.retrieve(f"{(int(pin) + 1) % 10_000:04d}")
    assert refused.status == 403
    reply = await machine.retrieve(pin)
    grant = machine.conclude(reply)
    secrets.keep("master token", grant.master_token)
    secrets.keep("private key", encode(machine.key.dump()))
    till = Till(town.app, town.house, machine.key, grant.master_token)
    secrets.keep("access token", await till.token(Service.REPORTS))
    secrets.keep("proof", till.proof("GET", "/v1/services", "x"))
    assert (await till.call("GET", "/v1/services", secrets.found["access token"])).status == 200
    assert (
        await till.ask("GET", "/v1/services", headers={"authorization": f"Bearer {secrets.found['access token']}"})
    ).status == 401
    link_id = grant.link_id
    revoked = await town.send(owner, f"/interfaces/links/{link_id}/revoke", reason="lost")
    assert revoked.status == 303
    assert (await till.request_token(Service.REPORTS)).status == 401


async def _forgotten(town: Town, secrets: Secrets) -> None:
    browser = Browser(town.app)
    asked = await browser.post("/password/forgotten", page="/password/forgotten", email=NEWCOMER)
    assert asked.status == 303
    (letter,) = [text for to, _, text in await letters(town.house) if to == NEWCOMER]
    link = secrets.keep("reset link", letter.partition("?link=")[2].split()[0])
    page = f"/password/new?link={link}"
    secrets.keep("password", NEW_PASSWORD)
    done = await browser.post("/password/new", page=page, link=link, password=NEW_PASSWORD)
    assert done.location.startswith("/sign-in"), done.text
    again = await browser.post("/password/new", page="/sign-in", link=link, password=NEW_PASSWORD)
    assert again.status == 404


async def _enrol(town: Town, browser: Browser, secrets: Secrets) -> None:
    shown = await browser.post("/profile/factors/totp", page="/profile/factors", password=NEW_PASSWORD)
    assert shown.status == 303, shown.text
    page = (await browser.follow(shown)).text
    picture = await browser.get("/profile/factors/totp.svg")
    assert picture.status == 200
    shown_secret = _BASE32.search(page)
    assert shown_secret is not None, page
    secret = secrets.keep("TOTP secret", shown_secret[1].replace(" ", ""))
    secrets.keep("TOTP secret in groups", shown_secret[1])
    code = secrets.keep("one-time password", pyotp.TOTP(secret).at(int(town.clock.now().timestamp())))
    done = await browser.post("/profile/factors/totp/confirm", page="/profile/factors/totp", code=code)
    assert done.status == 200, done.text
    recovery = _RECOVERY.search(done.text)
    assert recovery is not None, done.text
    secrets.keep("recovery code", recovery[1])


async def test_no_secret_stands_in_the_log_or_in_the_database(either: Town, log: Path) -> None:
    secrets = Secrets()
    async with either.house.database.writing() as connection:
        await connection.execute(update(tenant).values(pin_digits=6))
    await _story(either, secrets)
    logging.getLogger("tillbridge.test").warning("the story is over")
    written = text_of(log)
    assert "the story is over" in written
    assert secrets.standing_in(written) == []
    stored = await either.rows()
    assert {table: found for table, rows in stored.items() if (found := secrets.standing_in("\n".join(rows)))} == {}
    assert len(secrets.found) >= 14


async def test_no_secret_stands_in_the_files_of_the_data_folder(town: Town, log: Path) -> None:
    """Also not in what SQLite keeps beside its pages, and in no file but that of the keys."""
    secrets = Secrets()
    async with town.house.database.writing() as connection:
        await connection.execute(update(tenant).values(pin_digits=6))
    await _story(town, secrets)
    read = 0
    for file in log.parent.parent.rglob("*"):
        if file.is_file():
            found = secrets.standing_in(file.read_bytes().decode("latin-1"))
            assert found == [], (file.name, found)
            read += 1
    assert read >= 3


async def test_a_crash_in_the_middle_of_it_tells_nothing(
    town: Town, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request of a sign-in and a pairing, with the portal broken right behind its door."""
    secrets, browser = Secrets(), Browser(town.app)
    page = (await browser.get("/sign-in")).text
    token = secrets.keep("form token", page.partition('name="token" value="')[2].partition('"')[0])
    secrets.keep("password", NEW_PASSWORD)
    secrets.keep("door cookie", browser.cookies["tillbridge_portal_door"])
    owner = await town.browser(OWNER)
    secrets.keep("cookie", owner.cookies[COOKIE])
    pin = await pin_of(town, owner, town.ids["head"])
    machine = Machine(town.app)
    await machine.retrieve(pin)
    assert machine.kept is not None
    master = secrets.keep("master token", "tbm_" + "Q" * 43)
    till = Till(town.app, town.house, machine.key, master)
    secrets.keep("proof", till.proof("POST", "/v1/token"))

    def broken(*_: object) -> None:
        raise RuntimeError(f"broken with {NEW_PASSWORD=} and Authorization: DPoP {master} and pin={pin}")

    monkeypatch.setattr(type(town.house.database), "writing", broken)
    replies = [
        await browser.post("/sign-in", token=token, email=OWNER, password=NEW_PASSWORD),
        await town.send(owner, "/profile/password", current=NEW_PASSWORD, password=NEW_PASSWORD + "x"),
        await machine.finish(),
        await till.request_token(Service.REPORTS),
    ]
    assert [reply.status for reply in replies[::2]] == [500, 500]
    for reply in replies:
        assert secrets.standing_in(reply.body.decode()) in ([], ["form token"])
    written = text_of(log)
    assert "RuntimeError" in written
    assert secrets.standing_in(written) == []
