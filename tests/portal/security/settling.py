"""Fills a portal: the demonstration's two merchants, and in the bakery one of everything that an address can name."""

from datetime import timedelta
from typing import Final

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.portal.browser import Browser, Reply
from tests.portal.links.opening import pair
from tests.portal.security.town import NEWCOMER, OWNER, TECHNICIAN, Town
from tests.portal.settlement.nights import settle_nights
from tests.portal.validity.aged import Past
from tillbridge.domain.cashier_texts import Language
from tillbridge.link.recovery_messages import ToldKind, ToldState
from tillbridge.portal.accounts import store
from tillbridge.portal.accounts.rights_tables import membership, people_group, support_access
from tillbridge.portal.accounts.service import add_person
from tillbridge.portal.accounts.tables import factor, session
from tillbridge.portal.audit.tables import audit_entry
from tillbridge.portal.commands.tables import command
from tillbridge.portal.corrections import store as corrections
from tillbridge.portal.corrections.model import Correction, Kind
from tillbridge.portal.customers.converting import Converter
from tillbridge.portal.demo_data import demo_data
from tillbridge.portal.demo_plan import BAKERY, CAFE
from tillbridge.portal.demo_shop import SLUG
from tillbridge.portal.licences.tables import licence
from tillbridge.portal.links.service import Links
from tillbridge.portal.locations.tables import location, location_move, tenant
from tillbridge.portal.maintenance.service import Maintenance
from tillbridge.portal.maintenance.tables import maintenance_window
from tillbridge.portal.partners.tables import partner_key, webhook
from tillbridge.portal.printing.tables import voucher_type
from tillbridge.portal.recovery import store as recoveries
from tillbridge.portal.recovery.model import Cause, Line, Recovery, Verdict
from tillbridge.portal.rights import Person
from tillbridge.portal.shop import store as shops
from tillbridge.portal.shop.buying import Buyer, Buying
from tillbridge.portal.shop.carts import Carts
from tillbridge.portal.shop.checkout import Checkout
from tillbridge.portal.shop.model import Wish
from tillbridge.portal.shop.order_links import new_secret
from tillbridge.portal.shop.payments.contract import PaymentState
from tillbridge.portal.shop.payments.services import embedded
from tillbridge.portal.shop.payments.test_service import TestPayments
from tillbridge.portal.shop.refunds import Refunds
from tillbridge.portal.vouchers.tables import voucher, voucher_batch, voucher_system

OLD_FILE: Final = b"number;name;balance\r\n2000001;Carla;1,50\r\n"
ORIGIN: Final = "http://127.0.0.1:8480"


async def settle(town: Town) -> None:
    """Fills an empty portal; `town.ids` then has an id for every name that stands in an address."""
    await demo_data(town.house)
    async with town.house.database.writing() as connection:
        await _merchants(town, connection)
        await _people(town, connection)
        await _move(town, connection)
        await _command(town, connection)
    await _link(town)
    owner = await town.browser(OWNER)
    await _customers(town, owner)
    await _feed(town)
    await _partners(town, owner)
    await _voucher_type(town)
    await _shop(town)
    async with town.house.database.reading() as connection:
        ids = town.ids
        own = location.c.tenant_id == ids["tenant_id"]
        ids["licence_id"] = await _first(
            connection, select(licence.c.id).join(location).where(own, licence.c.location_id == ids["location_id"])
        )
        ids["system_id"] = await _first(
            connection, select(voucher_system.c.id).where(voucher_system.c.tenant_id == ids["tenant_id"])
        )
        ids["batch_id"] = await _first(
            connection, select(voucher_batch.c.id).where(voucher_batch.c.system_id == ids["system_id"])
        )
        ids["voucher_id"] = await _first(connection, select(voucher.c.id).where(voucher.c.batch_id == ids["batch_id"]))
        ids["maintenance/id"] = await _first(
            connection, select(maintenance_window.c.id).where(maintenance_window.c.tenant_id == ids["tenant_id"])
        )
        ids["audit/id"] = await _first(
            connection, select(audit_entry.c.id).where(audit_entry.c.tenant_id == ids["tenant_id"])
        )
    await _correction(town)
    await _recovery(town)
    ids |= await Past(town.house, ids["system_id"], ids["location_id"]).live()
    ids["statement_id"] = await settle_nights(town.house, ids["system_id"], ids["location_id"], ids["head"])
    ids |= {"correction_kind": "less", "language": "de", "target": "v2", "action": "suspend"}


async def _shop(town: Town) -> None:
    """An order of the demonstration's shop, paid and issued, at the harbour."""
    house, ids = town.house, town.ids
    services = embedded(house)
    refunds = Refunds(house, services)
    buying, payments = Buying(house, services), services["test"]
    assert isinstance(payments, TestPayments)
    front = await buying.front(SLUG)
    design = next(one for one in front.designs if one.layout.fixed)
    wish = Wish(design.id, design.layout.version, design.layout.fixed[0], 1, 1, "", "", "")
    ids["secret"] = await Carts(house, services).put(SLUG, "", "settled", wish, Language.DE, "127.0.0.1")
    _, order, _ = await buying.opened(SLUG, ids["secret"])
    buyer = Buyer("guest@example.org", ids["location_id"], Language.DE)
    ids["reference"] = (await buying.place(order.id, front, buyer, "127.0.0.1")).rpartition("/")[2]
    await payments.decide(ids["reference"], PaymentState.PAID)
    await Checkout(house, services, refunds).look(order.id)
    ids["picture_id"] = house.runtime.ids.new()
    async with house.database.writing() as connection:
        await shops.add_picture(connection, ids["picture_id"], front.shop.id, "image/png", b"x")
        given = await new_secret(house, connection, order.id, line=1)
    ids |= {"slug": SLUG, "shop_id": front.shop.id, "design_id": design.id, "order_id": order.id}
    for part in ("", "/vouchers.pdf"):
        ids[f"GET /shop/{{slug}}/gift/{{secret}}{part}"] = f"/shop/{SLUG}/gift/{given}{part}"
    ids |= {"shop/service": "test", "shop/number": "1"}


async def _first(connection: AsyncConnection, statement: object) -> str:
    return str((await connection.execute(statement)).scalars().first())  # type: ignore[call-overload]  # one column each


async def _merchants(town: Town, connection: AsyncConnection) -> None:
    ids = town.ids
    ids["tenant_id"] = await _first(connection, select(tenant.c.id).where(tenant.c.name == BAKERY))
    ids["neighbour"] = await _first(connection, select(tenant.c.id).where(tenant.c.name == CAFE))
    at = {row.name: row.id for row in await connection.execute(select(location.c.name, location.c.id))}
    ids["location_id"] = at["Filiale Hafen"]
    ids["head"] = at["Backstube Lindenhof"]
    ids["station"] = at["Filiale Bahnhof"]
    ids["franchise"] = at["Brotzeit Keller"]
    ids["cafe"] = await _first(connection, select(location.c.id).where(location.c.tenant_id == ids["neighbour"]))


async def _people(town: Town, connection: AsyncConnection) -> None:
    ids, house = town.ids, town.house
    now = house.runtime.clock.now()
    await add_person(house, connection, NEWCOMER, "Nora Neu", tenant_id=ids["tenant_id"], password_hash="!")
    technician = await store.by_email(connection, TECHNICIAN)
    assert technician is not None
    ids["person_id"] = technician.id
    ids["membership_id"] = await _first(
        connection, select(membership.c.id).where(membership.c.person_id == technician.id)
    )
    ids["group_id"] = await _first(
        connection,
        select(people_group.c.id).where(
            people_group.c.tenant_id == ids["tenant_id"], people_group.c.stock == "auditor"
        ),
    )
    owner = await store.by_email(connection, OWNER)
    assert owner is not None
    ids["owner_id"] = owner.id
    ids["factor_id"] = await _first(connection, select(factor.c.id).where(factor.c.person_id == owner.id))
    ids["access_id"] = house.runtime.ids.new()
    await connection.execute(
        insert(support_access).values(
            id=ids["access_id"],
            tenant_id=ids["tenant_id"],
            reason="the printer",
            opened_by="Olga",
            opened_at=now,
            ends_at=now + timedelta(hours=24),
        )
    )


async def _move(town: Town, connection: AsyncConnection) -> None:
    """The café offers its shop to the bakery: the offer is the bakery's to see."""
    ids = town.ids
    ids["move_id"] = town.house.runtime.ids.new()
    await connection.execute(
        insert(location_move).values(
            id=ids["move_id"],
            location_id=ids["cafe"],
            from_tenant_id=ids["neighbour"],
            to_tenant_id=ids["tenant_id"],
            state="offered",
            offered_at=town.house.runtime.clock.now(),
            offered_by=ids["owner_id"],
        )
    )


async def _command(town: Town, connection: AsyncConnection) -> None:
    ids, now = town.ids, town.house.runtime.clock.now()
    ids["command_id"] = town.house.runtime.ids.new()
    await connection.execute(
        insert(command).values(
            id=ids["command_id"],
            tenant_id=ids["tenant_id"],
            location_id=ids["location_id"],
            kind="payment",
            body={"amount_minor": 1250, "currency": "EUR", "order_id": "", "terminal": ""},
            state="expired",
            created_at=now,
            expires_at=now + timedelta(minutes=5),
            created_by="Olga",
            result={},
        )
    )


async def _link(town: Town) -> None:
    paired = await pair(town.house, Links(town.house), town.ids["location_id"])
    town.ids["link_id"] = paired.link_id
    async with town.house.database.writing() as connection:
        one = await Links(town.house).link(connection, paired.link_id)
        await Links(town.house).acknowledge(connection, one, _owner(town).actor)


def _owner(town: Town) -> Person:
    return Person(town.ids["owner_id"], "Olga", OWNER, None, town.ids["tenant_id"])


async def _customers(town: Town, owner: Browser) -> None:
    """A customer of 2.0, a file that waits for its columns, and the report of a dry run."""
    ids = town.ids
    made = await town.send(owner, "/customers/new", name="Anna Berger", location=ids["location_id"])
    ids["customer_id"] = made.location.partition("?")[0].rpartition("/")[2]
    sent = await upload(town, owner, f"/customers/upload/{ids['location_id']}/v2", OLD_FILE)
    ids["upload_id"] = sent.location.rpartition("/")[2]
    asked = await town.send(owner, f"/customers/bases/{ids['station']}/dry-run")
    assert asked.status == 303, asked.text
    while await Converter(town.house).step():
        pass
    page = (await owner.get(f"/customers/bases/{ids['station']}")).text
    ids["job_id"] = page.partition("/customers/reports/")[2].partition(".")[0]
    assert len(ids["job_id"]) == 32, page


async def _voucher_type(town: Town) -> None:
    async with town.house.database.writing() as connection:
        own = voucher_system.c.tenant_id == town.ids["tenant_id"]
        town.ids["type_id"] = town.house.runtime.ids.new()
        await connection.execute(
            insert(voucher_type).values(
                id=town.ids["type_id"],
                system_id=await _first(connection, select(voucher_system.c.id).where(own)),
                names={"de": "Frühstück"},
                price=2500,
                active=True,
                position=1,
                design="",
                changed_at=town.house.runtime.clock.now(),
            )
        )


async def _correction(town: Town) -> None:
    """The owner asks for a voucher to be taken out of use; nobody has decided on it yet."""
    ids, now = town.ids, town.house.runtime.clock.now()
    ids["correction_id"] = town.house.runtime.ids.new()
    one = Correction(
        id=ids["correction_id"],
        system_id=ids["system_id"],
        voucher_id=ids["voucher_id"],
        kind=Kind.RETIRE,
        amount=0,
        original_id=None,
        target_id=None,
        location_id=None,
        reason="the card is torn",
        seen_balance=0,
        seen_seq=0,
        requested_by=ids["owner_id"],
        requested_name="Olga",
        requested_at=now,
        expires_at=now + timedelta(days=7),
    )
    async with town.house.database.writing() as connection:
        await corrections.add(connection, one)


async def _feed(town: Town) -> None:
    planned, owner = Maintenance(town.house), await town.browser(OWNER)
    assert (await town.send(owner, "/maintenance/feed")).status == 303
    async with town.house.database.reading() as connection:
        town.ids["token"] = await planned.feed_token(connection, town.ids["tenant_id"]) or ""
        town.ids["handle"] = await _first(
            connection, select(session.c.handle).where(session.c.person_id == town.ids["owner_id"])
        )


async def _partners(town: Town, owner: Browser) -> None:
    """A partner with a key at the harbour, and a receiver of webhooks."""
    ids = town.ids
    made = await town.send(owner, "/interfaces/partners/new", name="Onlineshop Linde")
    ids["partner_id"] = made.location.partition("?")[0].rpartition("/")[2]
    page = f"/interfaces/partners/{ids['partner_id']}"
    assert (await town.send(owner, f"{page}/keys", location=ids["location_id"], read="on")).status == 200
    form = {"url": "https://192.0.32.10/told", "topic-loaded": "on"}
    assert (await town.send(owner, "/interfaces/webhooks/new", **form)).status == 200
    async with town.house.database.reading() as connection:
        ids["key_id"] = await _first(connection, select(partner_key.c.id))
        ids["webhook_id"] = await _first(connection, select(webhook.c.id))


async def upload(
    town: Town, browser: Browser, path: str, content: bytes, name: str = "old.csv", token: str | None = None
) -> Reply:
    """Sends a file as the browser's form does."""
    said = town.token_of(browser) if token is None else token
    body = (
        (
            f'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\n{said}\r\n'
            f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        ).encode()
        + content
        + b"\r\n--b--\r\n"
    )
    return await browser.ask("POST", path, body, {"content-type": "multipart/form-data; boundary=b", "origin": ORIGIN})


async def _recovery(town: Town) -> None:
    """The portal was restored once, and something could not be booked."""
    ids, house = town.ids, town.house
    now, ids["line_id"] = house.runtime.clock.now(), house.runtime.ids.new()
    made = Recovery(house.runtime.ids.new(), ids["system_id"], Cause.PERSON, "Olga", now, now)
    one = Line(
        id=ids["line_id"],
        recovery_id=made.id,
        location_id=ids["location_id"],
        key="told-after-a-restore",
        kind=ToldKind.REDEEM,
        state=ToldState.BOOKED,
        number="27600000000008",
        currency="EUR",
        taken=500,
        balance=0,
        transaction_ref="A-1",
        station="",
        operator="",
        answered_at=now,
        told_at=now,
        verdict=Verdict.SHORT,
        short=500,
    )
    async with house.database.writing() as connection:
        await recoveries.add(connection, made)
        await recoveries.add_lines(connection, [one])
        await recoveries.end(connection, made.id, now, "Olga", "all have told")
