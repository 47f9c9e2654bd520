"""The routes: who may ask, what is in the way, and what a body may look like."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from tests.portal.browser import Reply
from tests.portal.links.opening import pair
from tests.portal.people import Standing, owner
from tests.portal.tokens.till import Till, number_of
from tests.portal.tokens.till import said as read
from tests.portal.vouchers.floor import PIN, Floor, open_floor
from tillbridge.link.scopes import Scope, Service
from tillbridge.link.signatures import SessionKey, Signed, sign
from tillbridge.portal.app import portal_app
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.house import House
from tillbridge.portal.licences.model import Product, Span
from tillbridge.portal.licences.service import Licences
from tillbridge.portal.licences.tables import licence
from tillbridge.portal.links import feature as links_feature
from tillbridge.portal.links.service import Links
from tillbridge.portal.locations import store as locations
from tillbridge.portal.maintenance.model import Component
from tillbridge.portal.maintenance.service import Maintenance
from tillbridge.portal.services import store as services
from tillbridge.portal.services.model import REGISTERED
from tillbridge.portal.services.registry import Registry
from tillbridge.portal.tokens import feature as tokens_feature
from tillbridge.portal.tokens.bearer import Callers
from tillbridge.portal.tokens.service import Tokens
from tillbridge.portal.vouchers import feature as vouchers_feature
from tillbridge.portal.vouchers import requests

WEB = Service.WEB_VOUCHERS


@dataclass(slots=True)
class Shop:
    """A paired shop with its till and a floor; `token` is the till's for vouchers."""

    floor: Floor
    till: Till
    links: Links
    link_id: str
    token: str = ""
    session: SessionKey | None = None
    """What requests with a key are signed with; without it they carry the token."""

    async def post(self, path: str, body: object = None, *, key: str = "", raw: bytes | None = None) -> Reply:
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        return await self._ask("POST", path, content, {"idempotency-key": key})

    async def get(self, path: str) -> Reply:
        return await self._ask("GET", path, b"", {})

    async def _ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        if self.session is not None and headers.get("idempotency-key"):
            request = Signed(method, path, "", body, headers["idempotency-key"])
            signed = sign(self.session, request, self.floor.house.runtime.clock.now())
            return await self.till.ask(method, path, body, {**signed, **headers})
        proof = self.till.proof(method, path, self.token)
        given = {"authorization": f"DPoP {self.token}", "dpop": proof, **headers}
        return await self.till.ask(method, path, body, given)

    async def switch(self, *, on: bool) -> None:
        house = self.floor.house
        async with house.database.writing() as connection:
            at = house.runtime.clock.now()
            await services.switch(connection, self.floor.here.location_id, WEB, on=on, at=at, by="test")

    async def maintain(self) -> None:
        house, person = self.floor.house, owner(self.floor.here.tenant_id)
        until = house.runtime.clock.now() + timedelta(hours=1)
        async with house.database.writing() as connection:
            await Maintenance(house).switch_on(
                connection, person, Component.VOUCHERS, until=until, reason="update", zone="UTC"
            )


@pytest.fixture(params=["token", "session key"])
async def place(house: House, request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    """A shop whose connector proves itself in one of the two ways. What it hears must be the same."""
    async with open_floor(house) as floor:
        links = Links(house)
        tokens = Tokens(house, links)
        callers = Callers(tokens)
        # Built or not is the list's to say, and not what is tried here.
        registered = [replace(one, built=True) for one in REGISTERED]
        registry = Registry(links, Maintenance(house), registered)
        features = [
            links_feature.feature(links),
            tokens_feature.feature(tokens, callers, registry),
            vouchers_feature.feature(house, floor.desk, callers, registry),
        ]
        paired = await pair(house, links, floor.here.location_id)
        app = portal_app(house, Standing(None), features)
        shop = Shop(floor, Till(app, house, paired.key, paired.token), links, paired.link_id)
        await shop.switch(on=True)
        async with house.database.writing() as connection:
            one = await locations.find(connection, floor.here.location_id)
            assert one is not None
            span = Span(house.runtime.clock.now() - timedelta(days=1), None)
            await Licences(house).allot_in(connection, one, (Product.WEB_VOUCHERS,), span, PORTAL)
        shop.token = await shop.till.token(WEB)
        if request.param == "session key":
            shop.session = await shop.till.session(shop.token)
        yield shop


def paying(number: str, **other: object) -> dict[str, Any]:
    return {"number": number, "pin": PIN, "currency": "EUR", "transaction_ref": "r-1", "up_to": 700} | other


async def test_a_voucher_is_sold_and_spent_over_the_wire(place: Shop) -> None:
    number, sale, payment = await place.floor.voucher(), place.floor.key(), place.floor.key()
    body = {"number": number, "currency": "EUR", "transaction_ref": "r-0", "amount": 1_000}
    loaded = await place.post("/v1/vouchers/load", body, key=sale)
    assert (loaded.status, read(loaded)["balance"]) == (200, 1_000)
    paid = await place.post("/v1/vouchers/redeem", paying(number), key=payment)
    assert (paid.status, read(paid)["taken"], read(paid)["state"]) == (200, 700, "interim")
    assert "idempotent-replay" not in paid.headers
    again = await place.post("/v1/vouchers/redeem", paying(number), key=payment)
    assert (again.status, again.body, again.headers["idempotent-replay"]) == (200, paid.body, "true")
    facts = read(await place.post("/v1/vouchers/lookup", {"number": number, "currency": "EUR"}))
    assert (facts["balance"], facts["state"]) == (300, "loaded")
    path = f"/v1/vouchers/ops/{payment}"
    assert read(await place.post(f"{path}/confirm"))["state"] == "confirmed"
    assert read(await place.get(path))["state"] == "confirmed"
    back = await place.post(f"{path}/put-back", {})
    assert (read(back)["state"], read(back)["balance"]) == ("put_back", 1_000)
    assert number_of(await place.post(f"{path}/confirm")) == (409, "V504")
    assert read(await place.post(f"/v1/vouchers/ops/{sale}/reverse"))["state"] == "reversed"
    assert read(await place.get(f"/v1/vouchers/ops/{place.floor.key()}"))["state"] == "not_seen"
    await place.floor.sound()


async def test_a_refusal_is_told_in_full_and_kept(place: Shop) -> None:
    number, key = await place.floor.voucher(loaded=100), place.floor.key()
    refused = await place.post("/v1/vouchers/redeem", paying(number, up_to=None, exact=500), key=key)
    told = read(refused)
    assert refused.headers["content-type"] == "application/problem+json"
    assert (refused.status, told["number"], told["balance"], told["money_moved"]) == (409, "V302", 100, "no")
    assert told["cashier_text"]
    again = await place.post("/v1/vouchers/redeem", paying(number, up_to=None, exact=500), key=key)
    assert (again.body, again.headers["idempotent-replay"]) == (refused.body, "true")
    other = await place.post("/v1/vouchers/redeem", paying(number, up_to=50), key=key)
    assert number_of(other) == (422, "V501")
    locked = await place.floor.voucher()
    for _ in range(5):
        await place.post("/v1/vouchers/redeem", paying(locked, pin="9999"), key=place.floor.key())
    waits = await place.post("/v1/vouchers/redeem", paying(locked), key=place.floor.key())
    assert (number_of(waits), waits.headers["retry-after"]) == ((429, "V206"), "300")
    assert read(waits)["until"]


async def test_only_whole_numbers_are_amounts(place: Shop) -> None:
    number = await place.floor.voucher(loaded=100)
    before = await place.floor.entries()
    for amount in ("1e3", "10.0", "true", "-1", "10000000000000", '"10"', '"\uff11\uff10"'):
        for path, member in (("redeem", "up_to"), ("redeem", "exact"), ("load", "amount")):
            asked = {name: value for name, value in paying(number).items() if name != "up_to"}
            if path == "load":
                del asked["pin"]
            raw = f'{json.dumps(asked)[:-1]}, "{member}": {amount}}}'.encode()
            refused = await place.post(f"/v1/vouchers/{path}", raw=raw, key=place.floor.key())
            assert number_of(refused) == (400, "V304"), amount
            assert (read(refused)["place"], read(refused)["min"]) == (member, 1)
    assert (await place.floor.balance(number), await place.floor.entries()) == (100, before)


async def test_bodies_and_keys_are_bounded(place: Shop) -> None:
    number = await place.floor.voucher(loaded=100)
    large = b" " * requests.LARGEST + json.dumps(paying(number)).encode()
    assert (await place.post("/v1/vouchers/redeem", raw=large, key=place.floor.key())).status == 413
    assert (await place.post("/v1/vouchers/redeem", paying(number))).status == 400
    # What is no ASCII cannot be signed in the first place.
    for key in ("short", "x" * 65, "with blank 1234567", *(["umlaut-ä-123456789"] if place.session is None else [])):
        assert (await place.post("/v1/vouchers/redeem", paying(number), key=key)).status == 400
    assert (await place.post("/v1/vouchers/ops/short/put-back")).status == 400
    kept = place.floor.key()
    assert (await place.post(f"/v1/vouchers/ops/{kept}/put-back", {"amount": 1})).status == 400
    assert read(await place.get(f"/v1/vouchers/ops/{kept}"))["state"] == "not_seen"
    assert await place.floor.balance(number) == 100


async def test_switched_off_says_so_and_still_repeats_what_it_said(place: Shop) -> None:
    number, key = await place.floor.voucher(loaded=1_000), place.floor.key()
    paid = await place.post("/v1/vouchers/redeem", paying(number), key=key)
    await place.switch(on=False)
    for refused in (
        await place.post("/v1/vouchers/redeem", paying(number), key=place.floor.key()),
        await place.post("/v1/vouchers/lookup", {"number": number, "currency": "EUR"}),
    ):
        assert number_of(refused) == (503, "X902")
        assert (read(refused)["legacy_code"], read(refused)["legacy_text"][:3]) == ("007", "007")
        assert "retry-after" not in refused.headers
    again = await place.post("/v1/vouchers/redeem", paying(number), key=key)
    assert (again.status, again.body) == (200, paid.body)
    # Even before a body that cannot be read.
    assert number_of(await place.post("/v1/vouchers/redeem", raw=b"{", key=key)) == (503, "X902")
    assert read(await place.post(f"/v1/vouchers/ops/{key}/put-back"))["state"] == "put_back"


async def test_under_maintenance_everything_waits_and_nothing_is_counted(place: Shop) -> None:
    number, key = await place.floor.voucher(loaded=1_000), place.floor.key()
    await place.maintain()
    for refused in (
        await place.post("/v1/vouchers/redeem", paying(number, pin="9999"), key=key),
        await place.post("/v1/vouchers/lookup", {"number": number, "currency": "EUR"}),
        await place.post(f"/v1/vouchers/ops/{key}/put-back"),
        await place.get(f"/v1/vouchers/ops/{key}"),
    ):
        assert number_of(refused) == (503, "X903")
        assert (refused.headers["retry-after"], read(refused)["until"] is not None) == ("3600", True)
        assert "legacy_code" not in read(refused)
    assert (await place.floor.row(number))["pin_misses"] == 0


async def test_a_paused_link_still_puts_money_back(place: Shop) -> None:
    number, key = await place.floor.voucher(loaded=1_000), place.floor.key()
    await place.post("/v1/vouchers/redeem", paying(number), key=key)
    async with place.floor.house.database.writing() as connection:
        await place.links.suspend(connection, place.link_id, PORTAL)
    refused = await place.post("/v1/vouchers/redeem", paying(number), key=place.floor.key())
    assert (number_of(refused), read(refused)["legacy_code"]) == ((403, "P203"), "007")
    assert read(await place.post(f"/v1/vouchers/ops/{key}/put-back"))["state"] == "put_back"
    async with place.floor.house.database.writing() as connection:
        await place.links.revoke(connection, place.link_id, PORTAL)
    ended = await place.post(f"/v1/vouchers/ops/{key}/put-back")
    assert (number_of(ended), read(ended)["legacy_code"]) == ((401, "P202"), "007")


async def test_a_token_allows_what_it_says(place: Shop) -> None:
    number, key = await place.floor.voucher(loaded=1_000), place.floor.key()
    place.token = await place.till.token(WEB, f"{Scope.STATUS} {Scope.VOUCHERS_REDEEM}")
    if place.session is not None:
        place.session = await place.till.session(place.token)
    assert read(await place.post("/v1/vouchers/redeem", paying(number), key=key))["taken"] == 700
    for path, body in (
        ("lookup", {"number": number, "currency": "EUR"}),
        ("load", {"number": number, "currency": "EUR", "transaction_ref": "r", "amount": 100}),
        (f"ops/{key}/reverse", None),
    ):
        refused = await place.post(f"/v1/vouchers/{path}", body, key=place.floor.key())
        assert number_of(refused) == (403, "P207"), path
    # Who may redeem may undo what it redeemed.
    assert read(await place.post(f"/v1/vouchers/ops/{key}/put-back"))["state"] == "put_back"


async def test_a_key_that_was_revoked_or_whose_licence_has_ended_counts_no_more(place: Shop) -> None:
    number, house = await place.floor.voucher(loaded=1_000), place.floor.house
    async with house.database.writing() as connection:
        await connection.execute(update(licence).values(ends_at=house.runtime.clock.now()))
    refused = await place.post("/v1/vouchers/redeem", paying(number), key=place.floor.key())
    assert number_of(refused) == (403, "P302")
    async with house.database.writing() as connection:
        await connection.execute(update(licence).values(ends_at=None))
        await place.links.revoke(connection, place.link_id, PORTAL)
    refused = await place.post("/v1/vouchers/redeem", paying(number), key=place.floor.key())
    # The keys of a session go with the link: whoever has one asks for another, and then hears why there is none.
    assert number_of(refused) == (401, "P202" if place.session is None else "P204")
    assert await place.floor.balance(number) == 1_000


async def test_a_fault_of_our_own_is_answered_without_its_cause(place: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("the cause")

    number = await place.floor.voucher(loaded=1_000)
    monkeypatch.setattr(place.floor.desk, "redeem", fail)
    refused = await place.post("/v1/vouchers/redeem", paying(number), key=place.floor.key())
    assert (refused.status, read(refused)["money_moved"]) == (500, "unknown")
    assert "the cause" not in refused.text
    assert "dpop-nonce" in refused.headers or place.session is None
