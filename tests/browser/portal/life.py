"""A portal in the middle of its life: shops that are connected, that wait, that were never connected, and their people.

Everything is done as people and tills do it: by the forms of the pages, and by a connector that is paired over HTTP.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import select, update

from tests.browser.portal.open_portal import JOB_SECONDS, OWNER, OpenPortal
from tests.browser.portal.shop_life import shop_at_work
from tests.lines import PATIENCE
from tests.portal.browser import Browser as Asker
from tests.portal.settlement.nights import settle_nights
from tests.portal.validity.aged import Past
from tillbridge.connector.portal.desk import PortalDesk
from tillbridge.connector.portal.desk import open_portal as open_desk
from tillbridge.connector.portal.settings import PortalSettings
from tillbridge.connector.portal.states import LinkState, Standing
from tillbridge.link.scopes import Service
from tillbridge.link.voucher_messages import LOAD_PATH, OPERATIONS_PATH, REDEEM_PATH
from tillbridge.portal.accounts.tables import person
from tillbridge.portal.demo_access import VOUCHERS
from tillbridge.portal.links.tables import link
from tillbridge.portal.locations.tables import location, tenant
from tillbridge.runtime.effects import Runtime

OFFICE: Final = "Backstube Lindenhof"
MARKET: Final = "Filiale Marktplatz"
STATION: Final = "Filiale Bahnhof"
HARBOUR: Final = "Filiale Hafen"
FRANCHISE: Final = "Brotzeit Keller"
CAFE: Final = "Café Winter"
SECOND: Final = "accounting@bakery.example"

LISTINGS: Final = {
    "person": "/people",
    "group": "/people/groups",
    "customer": "/customers",
    "window": "/maintenance",
    "entry": "/audit",
}

LINES: Final = {
    "/customers": "/customers/one",
    "/maintenance": "/maintenance/windows",
    "/vouchers": "/vouchers/systems",
}
"""Where the lines of a list lead, where that does not lie below the list."""

_DIGIT: Final = re.compile(r'<span aria-hidden="true">(\d)</span>')
_SENT: Final = "Kundennummer;Name;E-Mail;Saldo;Punkte\n2000001;Jörg Müller;j@shop.example;1.234,50;12\n12;Eva;;-3,00;\n"


def ok(status: int) -> None:
    assert status in {200, 303}, status


async def numbers(portal: OpenPortal) -> dict[str, tuple[str, str]]:
    """Id and number of every location, by its name."""
    async with portal.house.database.reading() as connection:
        rows = await connection.execute(select(location.c.name, location.c.id, location.c.number))
        return {name: (found, number) for name, found, number in rows}


async def pin_of(asker: Asker, location_id: str, **form: str) -> str:
    """Makes a PIN on its page and reads the digits."""
    page = f"/interfaces/{location_id}"
    reply = await asker.post(f"{page}/pin", page=page, **form)
    digits = "".join(_DIGIT.findall(reply.text))
    assert digits, (reply.status, reply.headers)
    return digits


@asynccontextmanager
async def till(portal: OpenPortal, folder: Path, number: str) -> AsyncIterator[PortalDesk]:
    """The portal's part of a connector in this shop."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240  # the test has nothing else to do
    given = PortalSettings(address=portal.url, location_number=number)
    async with open_desk(given, folder, Runtime(), "1.4.0") as desk, asyncio.TaskGroup() as group:
        running = group.create_task(desk.run())
        await asyncio.sleep(0)
        yield desk
        running.cancel()


async def until(desk: PortalDesk, true: Callable[[Standing], bool]) -> Standing:
    """The first standing of which this is true."""
    connection = await desk.connection()
    async with asyncio.timeout(PATIENCE):
        while not true(standing := desk.standing()):
            await connection.board.change()
    return standing


async def paired(desk: PortalDesk, pin: str) -> None:
    """Types the PIN at the till, which is connected afterwards."""
    assert await desk.start_pairing(pin)
    await until(desk, lambda now: now.state is LinkState.ACTIVE)


async def ask_first(portal: OpenPortal, *, wanted: bool) -> None:
    """Whether somebody of the bakery confirms every pairing from now on."""
    async with portal.house.database.writing() as connection:
        await connection.execute(
            update(tenant).where(tenant.c.name == "Bäckerei Sommer").values(confirm_pairing=wanted)
        )


async def uploaded(asker: Asker, page: str, content: str = _SENT) -> str:
    """Sends a file of customers; returns the page on which its columns are named."""
    found = re.search(r'name="token" value="([^"]+)"', (await asker.get(page)).text)
    assert found is not None
    body = (
        f'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\n{found[1]}\r\n'
        '--b\r\nContent-Disposition: form-data; name="file"; filename="kunden.csv"\r\n\r\n'
        f"{content}\r\n--b--\r\n"
    )
    headers = {"content-type": "multipart/form-data; boundary=b", "origin": "http://127.0.0.1:8480"}
    reply = await asker.ask("POST", page.replace("/import/", "/upload/"), body.encode(), headers)
    ok(reply.status)
    return reply.location


async def settled(asker: Asker, base: str) -> None:
    """Waits until the portal has worked off what was asked of a customer base: its page then stops renewing itself."""
    async with asyncio.timeout(PATIENCE):
        while 'http-equiv="refresh"' in (await asker.get(base)).text:
            await asyncio.sleep(0.05)


async def converted(asker: Asker, location_id: str) -> None:
    """From a file to a base of version 2."""
    base = f"/customers/bases/{location_id}"
    mapping = await uploaded(asker, f"/customers/import/{location_id}/v1")
    columns = {"number": "0", "name": "1", "email": "2", "balance": "3", "points": "4"}
    choice = {f"column-{name}": at for name, at in columns.items()} | {"decimal": ","}
    ok((await asker.post(f"{mapping}/apply", page=mapping, declared="1.231,50", **choice)).status)
    await dry_run(asker, location_id)
    ok((await asker.post(f"{base}/accept", page=base, accepted="yes")).status)
    found = re.search(r"/customers/reports/([0-9a-f]{32})\.json", (await asker.get(base)).text)
    assert found is not None
    ok((await asker.post(f"{base}/convert", page=base, dry_run=found[1])).status)
    await settled(asker, base)


async def dry_run(asker: Asker, location_id: str) -> None:
    """Tries the conversion out, without converting."""
    base = f"/customers/bases/{location_id}"
    ok((await asker.post(f"{base}/dry-run", page=base, **{"remedy-renumber": "yes"})).status)
    await settled(asker, base)


async def link_of(portal: OpenPortal, location_id: str) -> str:
    """The id of a shop's link."""
    async with portal.house.database.reading() as connection:
        found = await connection.execute(select(link.c.id).where(link.c.location_id == location_id))
        return str(found.scalars().first())


async def people_at_work(owner: Asker, places: dict[str, tuple[str, str]]) -> None:
    """An invitation, open support access, and an offer of a location."""
    groups = re.findall(r'<option value="([0-9a-f]{32})"', (await owner.get("/people/invite")).text)
    invited = {"email": "neu@bakery.example", "name": "Nele Neu", "language": "de", "group": groups[0]}
    ok((await owner.post("/people/invite", page="/people/invite", scope="tenant", **invited)).status)
    wish = {"scope": "tenant", "hours": "4", "reason": "Die Kasse im Hafen findet das Portal nicht"}
    ok((await owner.post("/people/support", page="/people/support", **wish)).status)
    move = f"/locations/{places[MARKET][0]}/move"
    ok((await owner.post(move, page=move, head_office=places[CAFE][1])).status)


@dataclass(frozen=True, slots=True)
class Life:
    """Where to look: `at` has the id of each location by its name, `paths` the pages of what was made meanwhile."""

    at: dict[str, str]
    paths: dict[str, str]


@contextmanager
def life_in(portal: OpenPortal, folder: Path) -> Iterator[Life]:
    """A demonstration in which people have worked for a while; its tills run for as long as the block lasts."""
    begun: Future[Life] = Future()
    leave = asyncio.Event()
    living = asyncio.run_coroutine_threadsafe(_live(portal, folder, begun, leave), portal.loop)
    # What goes wrong before it has begun is told at once, and not by a silence.
    living.add_done_callback(lambda over: None if begun.done() else begun.set_exception(over.exception() or EOFError()))
    try:
        yield begun.result(3 * JOB_SECONDS)
    finally:
        portal.loop.call_soon_threadsafe(leave.set)
        living.result(JOB_SECONDS)


async def _live(portal: OpenPortal, folder: Path, begun: Future[Life], leave: asyncio.Event) -> None:
    places, owner = await numbers(portal), await portal.asker(OWNER)
    at = {name: place for name, (place, _) in places.items()}
    async with till(portal, folder / "office", places[OFFICE][1]) as office:
        await paired(office, await pin_of(owner, at[OFFICE]))
        await ask_first(portal, wanted=True)
        async with till(portal, folder / "harbour", places[HARBOUR][1]) as harbour:
            await harbour.start_pairing(await pin_of(owner, at[HARBOUR]))
            await until(harbour, lambda now: now.exchange is not None and now.exchange.fingerprint is not None)
            await ask_first(portal, wanted=False)
            await pin_of(owner, at[FRANCHISE])
            await people_at_work(owner, places)
            await dry_run(owner, at[STATION])
            await converted(owner, at[MARKET])
            paths = {
                "link": f"/interfaces/links/{await link_of(portal, at[OFFICE])}",
                "command": await payment(owner, at[OFFICE]),
                "mapping": await uploaded(owner, f"/customers/import/{at[STATION]}/v1"),
            }
            paths |= await partners_at_work(owner, at[OFFICE])
            paths |= await vouchers_at_work(office, owner)
            paths |= await corrections_at_work(portal, owner, paths["voucher"], paths["batch"])
            system_id = paths["system"].rpartition("/")[2]
            await settle_nights(portal.house, system_id, at[OFFICE], at[STATION])
            paths |= await Past(portal.house, paths["system"].rpartition("/")[2], at[STATION]).live()
            paths |= await shop_at_work(portal, owner)
            for name, listing in LISTINGS.items():
                paths[name] = await first_of(owner, listing)
            begun.set_result(Life(at, paths))
            await leave.wait()


async def vouchers_at_work(desk: PortalDesk, owner: Asker) -> dict[str, str]:
    """A voucher that was loaded, used and given money back, and cards that were ordered; the pages about them."""
    (number, pin), client = VOUCHERS[0], (await desk.connection()).client()
    service, common = Service.WEB_VOUCHERS, {"number": number, "currency": "EUR", "station": "K1", "operator": "Eva"}
    load = common | {"transaction_ref": "R-1041", "amount": 5000}
    await client.request(service, "POST", LOAD_PATH, load, idempotency_key="load-0000000000001")
    for receipt, wanted in (("R-1077", 1230), ("R-1102", 850)):
        redeem = common | {"transaction_ref": receipt, "pin": pin, "up_to": wanted}
        await client.request(service, "POST", REDEEM_PATH, redeem, idempotency_key=f"redeem-{receipt}-0001")
    await client.request(service, "POST", f"{OPERATIONS_PATH}/redeem-R-1102-0001/put-back")
    system = await first_of(owner, "/vouchers")
    make, form = f"{system}/batches/new", {"name": "Weihnachtskarten", "amount_of_codes": "250", "country": "276"}
    made = await owner.post(make, page=make, **form)
    ok(made.status)
    batch = made.location.partition("?")[0]
    ok((await owner.post(f"{batch}/activate", page=batch, first="1", last="40")).status)
    kinds = f"{system}/types"
    for name, price in (("Frühstück für zwei", "39,90"), ("Freier Betrag", "")):
        kind = {"name_de": name, "price": price, "position": "1", "active": "on"}
        ok((await owner.post(f"{kinds}/new", page=f"{kinds}/new", **kind)).status)
    return {
        "system": system,
        "type": await first_of(owner, kinds, "/vouchers/types"),
        "batch": batch,
        "voucher": (await owner.post("/vouchers/find", page="/vouchers", number=number)).location,
    }


async def partners_at_work(owner: Asker, location_id: str) -> dict[str, str]:
    """A partner with two keys, one of them revoked, and a receiver of webhooks that nobody reaches."""
    partner = (
        await owner.post("/interfaces/partners/new", page="/interfaces/partners/new", name="Onlineshop Linde")
    ).location
    partner, form = partner.partition("?")[0], {"location": location_id, "read": "on", "redeem": "on"}
    for more in ({"days": "365", "in_address": "on"}, {"days": "90"}):
        ok((await owner.post(f"{partner}/keys", page=partner, **form, **more)).status)
    revoke = re.findall(rf'action="({partner}/keys/[0-9a-f]+/revoke)"', (await owner.get(partner)).text)[-1]
    ok((await owner.post(revoke, page=partner)).status)
    new, told = "/interfaces/webhooks/new", {"url": "https://receiver.example/vouchers", "description": "Buchhaltung"}
    topics = {f"topic-{name}": "on" for name in ("loaded", "redeemed", "put_back", "blocked")}
    made = await owner.post(new, page=new, **told, **topics)
    ok(made.status)
    hook = re.findall(r'href="(/interfaces/webhooks/[0-9a-f]{32})"', made.text)[0]
    ok((await owner.post(f"{hook}/test", page=hook)).status)
    return {"partner": partner, "webhook": hook}


async def corrections_at_work(portal: OpenPortal, owner: Asker, voucher: str, batch: str) -> dict[str, str]:
    """The owner asks for two corrections; a second person, who has just got the right, approves the first."""
    async with portal.house.database.reading() as connection:
        second = (await connection.execute(select(person.c.id).where(person.c.email == SECOND))).scalar_one()
    page = f"/people/{second}"
    owners = re.findall(r'<option value="([0-9a-f]{32})"[^>]*>\s*Owner', (await owner.get(page)).text)[0]
    ok((await owner.post(f"{page}/memberships", page=page, group=owners, scope="tenant")).status)
    approver, made = await portal.asker(SECOND), []
    for seq, amount, reason in (("4", "3,20", "Kaffee doppelt berechnet"), ("5", "5,00", "Kulanz nach Reklamation")):
        page = f"{voucher}/corrections/more"
        location = re.findall(r'<option value="([0-9a-f]{32})"', (await owner.get(page)).text)[0]
        form = {"seq": seq, "amount": amount, "reason": reason, "location": location}
        made.append((await owner.post(page, page=page, **form)).location.partition("?")[0])
        if not made[1:]:
            ok((await approver.post(f"{made[0]}/approve", page=made[0])).status)
    fresh = re.findall(r'href="(/vouchers/one/[0-9a-f]{32})"', (await owner.get(batch)).text)[0]
    return {"booked": made[0], "asked": made[1], "fresh": fresh}


async def first_of(asker: Asker, listing: str, kind: str = "") -> str:
    """The page to which the last line of this list leads; `kind` where its lines do not lie below the list."""
    kind = kind or LINES.get(listing, listing)
    found: list[str] = re.findall(rf'href="({kind}/[0-9a-f]{{32}})"', (await asker.get(listing)).text)
    return found[-1]


async def payment(asker: Asker, location_id: str) -> str:
    """Asks the connector for a payment; returns the page that says what became of it."""
    page = f"/connectors/{location_id}"
    form = (await asker.get(page)).text
    hidden = dict(
        re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[form.index(f"{page}/payment") :])
    )
    reply = await asker.post(f"{page}/payment", **(hidden | {"amount": "12,50", "order": "A-17"}))
    ok(reply.status)
    return reply.location
