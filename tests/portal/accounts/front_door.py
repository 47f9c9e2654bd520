"""A portal that people really sign in to, for tests of accounts."""

import re
from collections.abc import Sequence
from functools import cache

from argon2 import PasswordHasher
from sqlalchemy import select, update
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute

from tests.portal.browser import Browser, Reply
from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.accounts import store
from tillbridge.portal.accounts.feature import doorkeeper, feature
from tillbridge.portal.accounts.service import add_person
from tillbridge.portal.accounts.sessions import Sessions
from tillbridge.portal.accounts.tables import person as people
from tillbridge.portal.app import portal_app
from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.mail import queue
from tillbridge.portal.mail.tables import letter
from tillbridge.portal.pages.site import Site, Visit
from tillbridge.web.asgi import App

PASSWORD = "seven brown loaves"
OTHER = "nine green bottles"
EMAIL = "anna@sommer.example"

_TOKEN = re.compile(r'name="token" value="([^"]+)"')


@cache
def hash_of(password: str) -> str:
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash(password)


async def join(
    house: House,
    tenant_id: str | None,
    email: str = EMAIL,
    name: str = "Anna Sommer",
    *,
    language: Language | None = None,
    operator: bool = False,
) -> str:
    """An active person with the password of these tests; returns the id."""
    async with house.database.writing() as connection:
        return await add_person(
            house,
            connection,
            email,
            name,
            tenant_id=tenant_id,
            language=language,
            operator=operator,
            password_hash=hash_of(PASSWORD),
        )


async def change(house: House, person_id: str, **values: object) -> None:
    async with house.database.writing() as connection:
        await connection.execute(update(people).where(people.c.id == person_id).values(**values))


def app_of(house: House) -> App:
    return portal_app(house, doorkeeper(house), [feature(house), Feature("home", pages=_home)])


def _home(site: Site) -> Sequence[BaseRoute]:
    async def home(request: Request, visit: Visit) -> Response:
        return PlainTextResponse(f"welcome {visit.person.name} of {request.url.path}")

    async def delicate(request: Request, visit: Visit) -> Response:  # noqa: ARG001  # as Site.get has it
        visit.person.require_step_up(site.house.runtime.clock.now())
        return PlainTextResponse("delicate")

    return [site.get("/", home), site.get("/delicate", delicate)]


async def sign_in(browser: Browser, email: str = EMAIL, password: str = PASSWORD, **form: str) -> Reply:
    return await browser.post("/sign-in", page="/sign-in", email=email, password=password, **form)


async def signed_in(house: House, email: str = EMAIL, *, source: str = "127.0.0.1") -> Browser:
    """A browser that somebody signed in a moment ago, for tests of what comes afterwards."""
    async with house.database.writing() as connection:
        account = await store.by_email(connection, email)
        assert account is not None
        came = Request({"type": "http", "headers": [], "client": (source, 50000)})
        secret = await Sessions(house).open(connection, came, account, awaits_factor=False, proven=False)
    return Browser(app_of(house), source=source, cookies={"tillbridge_portal": secret})


async def inside(browser: Browser) -> bool:
    reply = await browser.get("/")
    assert reply.status in {200, 303}, reply.text
    return reply.status == 200


async def letters(house: House) -> list[tuple[str, str, str]]:
    """Recipient, subject and text of every letter that waits, the oldest first."""
    async with house.database.reading() as connection:
        rows = (await connection.execute(select(letter).where(letter.c.sealed_body != "").order_by(letter.c.id))).all()
    return [
        (
            row.recipient,
            row.subject,
            queue.Claimed(row.id, row.created_at, row.recipient, row.subject, row.sealed_body, 0).text(house.vault),
        )
        for row in rows
    ]


def bare(reply: Reply) -> str:
    """A page without what differs from one asking to the next."""
    return _TOKEN.sub("", reply.body.decode())
