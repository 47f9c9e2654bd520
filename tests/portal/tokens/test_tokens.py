"""Access tokens: given for the master token and the key, and for nothing less."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests.portal.clock import HandClock
from tests.portal.links.opening import pair
from tests.portal.tokens.conftest import Shelf
from tests.portal.tokens.till import FORM, Till, number_of, said
from tillbridge.link.keys import KeyPair, PublicJwk, PublicKey
from tillbridge.link.scopes import Scope, Service, ServiceState
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.house import House
from tillbridge.portal.links.model import LinkState
from tillbridge.portal.links.service import Links
from tillbridge.portal.links.tables import used_proof
from tillbridge.portal.services.model import ServiceStanding
from tillbridge.portal.tokens.model import SCOPES
from tillbridge.portal.tokens.service import Tokens
from tillbridge.web.asgi import App


async def the_link(house: House, links: Links, location_id: str) -> LinkState:
    async with house.database.reading() as connection:
        return await links.state(connection, location_id)


async def test_a_token_request_acknowledges_the_link_and_gets_a_token(
    till: Till, house: House, links: Links, location_id: str, shelf: Shelf
) -> None:
    reply = await till.request_token(Service.CUSTOMER_BASE)
    found = said(reply)
    assert reply.status == 200
    assert (found["token_type"], found["expires_in"], found["link_state"]) == ("DPoP", 600, "active")
    assert found["scope"] == "conversion customers:read customers:write status"
    assert (found["clock_skew_seconds"], found["clock_warning"], found["rotate"]) == (0, False, False)
    assert reply.headers["cache-control"] == "no-store"
    assert await the_link(house, links, location_id) is LinkState.ACTIVE

    called = await till.call("GET", f"/v1/shelf/{location_id}/customers", found["access_token"])
    assert called.status == 200
    assert shelf.names() == ["customers"]
    assert called.headers["dpop-nonce"]


async def test_a_lost_reply_is_asked_for_again(till: Till) -> None:
    first = await till.request_token(Service.REPORTS)
    second = await till.request_token(Service.REPORTS)
    assert (first.status, second.status) == (200, 200)
    assert said(first)["access_token"] != said(second)["access_token"]


async def test_a_request_without_a_nonce_is_told_one_and_nothing_happens(
    till: Till, house: House, links: Links, location_id: str
) -> None:
    body = till.form(Service.REPORTS)
    reply = await till.ask("POST", "/v1/token", body, FORM | {"dpop": till.proof("POST", "/v1/token")})
    assert reply.status == 400
    assert said(reply)["error"] == "use_dpop_nonce"
    assert said(reply)["number"] == "P206"
    assert reply.headers["dpop-nonce"]
    assert await the_link(house, links, location_id) is LinkState.WAITING_FIRST_CONTACT


WRONG = [
    ({"grant_type": "password"}, "unsupported_grant_type"),
    ({"refresh_token": "tbm_short"}, "invalid_request"),
    ({"resource": "the_moon"}, "invalid_target"),
    ({"scope": "money:all"}, "invalid_scope"),
    ({"scope": "vouchers:redeem"}, "invalid_scope"),
    ({"counter": ""}, "invalid_request"),
    ({"counter": "-1"}, "invalid_request"),
    ({"counter": str(2**53)}, "invalid_request"),
]


async def test_a_request_that_is_wrong_is_named_in_oauths_words(till: Till) -> None:
    await till.token(Service.REPORTS)
    for change, word in WRONG:
        reply = await till.request_token(Service.REPORTS, **change)
        found = said(reply)
        assert (found["error"], found["status"]) == (word, reply.status)
        assert found["error_description"]
        assert found["code"]
        assert till.master not in reply.text
        assert "tbm_short" not in reply.text


async def test_a_body_that_is_no_form_is_refused(till: Till) -> None:
    await till.token(Service.REPORTS)
    headers = {"content-type": "application/json", "dpop": till.proof("POST", "/v1/token")}
    reply = await till.ask("POST", "/v1/token", b"{}", headers)
    assert (reply.status, said(reply)["error"]) == (400, "invalid_request")


async def test_a_token_that_was_never_given_out_is_not_paired(till: Till) -> None:
    till.master = "tbm_" + "A" * 43
    reply = await till.request_token(Service.REPORTS)
    assert number_of(reply) == (403, "P201")
    assert said(reply)["error"] == "invalid_grant"


async def test_a_stolen_master_token_is_worth_nothing_without_the_key(till: Till, house: House) -> None:
    await till.token(Service.REPORTS)
    thief = till.stolen_by(KeyPair.make(house.runtime.chance.randbytes))
    reply = await thief.request_token(Service.REPORTS)
    assert number_of(reply) == (401, "P205")
    assert said(reply)["error"] == "invalid_dpop_proof"
    async with house.database.reading() as connection:
        # A stranger's proofs do not fill the memory.
        assert await connection.scalar(select(func.count()).select_from(used_proof)) == 1


async def test_two_proofs_in_one_request_are_none(till: Till) -> None:
    await till.token(Service.REPORTS)
    reply = await till.ask("POST", "/v1/token", till.form(Service.REPORTS), FORM)
    assert number_of(reply) == (401, "P205")


async def test_a_replayed_token_request_is_refused(till: Till) -> None:
    await till.token(Service.REPORTS)
    till.number += 1
    body, proof = till.form(Service.REPORTS), till.proof("POST", "/v1/token")
    first = await till.ask("POST", "/v1/token", body, FORM | {"dpop": proof})
    second = await till.ask("POST", "/v1/token", body, FORM | {"dpop": proof})
    assert (first.status, number_of(second)) == (200, (401, "P205"))


async def test_of_twenty_replays_at_once_exactly_one_is_carried_out(till: Till, location_id: str, shelf: Shelf) -> None:
    token = await till.token(Service.CUSTOMER_BASE)
    path = f"/v1/shelf/{location_id}/customers"
    headers = {"authorization": f"DPoP {token}", "dpop": till.proof("GET", path, token)}
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(till.ask("GET", path, b"", headers)) for _ in range(20)]
    found = sorted(task.result().status for task in tasks)
    assert found == [200] + [401] * 19
    assert shelf.names() == ["customers"]


async def test_a_used_proof_is_remembered_for_ten_minutes_and_then_dropped(
    till: Till, house: House, tokens: Tokens, clock: HandClock
) -> None:
    async def remembered() -> int:
        async with house.database.writing() as connection:
            await tokens.forget(connection)
            return await connection.scalar(select(func.count()).select_from(used_proof)) or 0

    await till.token(Service.REPORTS)
    clock.forward(minutes=9, seconds=59)
    assert await remembered() == 1
    clock.forward(seconds=1)
    assert await remembered() == 0


@pytest.mark.parametrize("off", [timedelta(days=3), timedelta(seconds=-60)])
async def test_a_clock_that_is_off_is_told_and_not_judged(
    till: Till, house: House, links: Links, location_id: str, shelf: Shelf, off: timedelta
) -> None:
    till.clock_off = off
    reply = await till.request_token(Service.CUSTOMER_BASE)
    found = said(reply)
    assert reply.status == 200
    assert found["clock_skew_seconds"] == int(off.total_seconds())
    assert found["clock_warning"] == (abs(off) > timedelta(seconds=60))
    await till.call("GET", f"/v1/shelf/{location_id}/customers", found["access_token"])
    assert shelf.names() == ["customers"]
    async with house.database.reading() as connection:
        link = await links.link_of(connection, location_id)
    assert link is not None
    assert link.figures.clock_skew_seconds == int(off.total_seconds())


async def test_a_stale_nonce_is_asked_for_again(till: Till, clock: HandClock) -> None:
    await till.token(Service.REPORTS)
    stale = till.nonce
    clock.forward(minutes=8)
    till.number += 1
    body = till.form(Service.REPORTS)
    reply = await till.ask("POST", "/v1/token", body, FORM | {"dpop": till.proof("POST", "/v1/token")})
    assert said(reply)["error"] == "use_dpop_nonce"
    assert till.nonce != stale
    assert (await till.request_token(Service.REPORTS)).status == 200


async def test_every_ended_link_is_told_so(till: Till, house: House, links: Links, location_id: str) -> None:
    await till.token(Service.REPORTS)
    async with house.database.writing() as connection:
        link = await links.link_of(connection, location_id)
        assert link is not None
        await links.revoke(connection, link.id, PORTAL)
    reply = await till.request_token(Service.REPORTS)
    assert number_of(reply) == (401, "P202")
    assert said(reply)["error"] == "invalid_grant"


async def test_a_paused_link_gets_tokens_for_its_status_and_for_putting_back(
    till: Till, house: House, links: Links, location_id: str
) -> None:
    await till.token(Service.REPORTS)
    async with house.database.writing() as connection:
        link = await links.link_of(connection, location_id)
        assert link is not None
        await links.suspend(connection, link.id, PORTAL)
    assert said(await till.request_token(Service.WEB_VOUCHERS))["scope"] == "status vouchers:cancel"
    reply = await till.request_token(Service.WEB_VOUCHERS, "status vouchers:redeem")
    assert number_of(reply) == (403, "P203")
    assert (await till.request_token(Service.WEB_VOUCHERS, "vouchers:cancel")).status == 200


async def test_a_converting_link_gets_tokens_for_that_alone(
    app: App, house: House, links: Links, location_id: str
) -> None:
    paired = await pair(house, links, location_id, conversion_due=True)
    till = Till(app, house, paired.key, paired.token)
    assert said(await till.request_token(Service.CUSTOMER_BASE))["scope"] == "conversion status"
    assert number_of(await till.request_token(Service.CUSTOMER_BASE, "customers:read")) == (409, "C401")


async def test_the_published_keys_are_those_that_sign(till: Till, tokens: Tokens) -> None:
    reply = await till.ask("GET", "/v1/jwks")
    [key] = said(reply)["keys"]
    assert key["kid"] == tokens.thumbprint
    public = PublicKey.of_jwk(PublicJwk.model_validate({name: key[name] for name in ("kty", "crv", "x")}))
    assert public.thumbprint == tokens.thumbprint
    assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}


async def test_the_first_tokens_of_a_link_work_and_move_no_money_before_it_is_acknowledged(
    till: Till, house: House, links: Links, tokens: Tokens, location_id: str, shelf: Shelf
) -> None:
    async with house.database.reading() as connection:
        link = await links.link_of(connection, location_id)
    assert link is not None
    standings = [
        ServiceStanding(Service.WEB_VOUCHERS, ServiceState.ON),
        ServiceStanding(Service.CUSTOMER_BASE, ServiceState.ON),
        ServiceStanding(Service.REPORTS, ServiceState.NOT_AVAILABLE),
    ]
    vouchers, customers, reports = tokens.first(link, standings)
    assert (reports.access_token, reports.state) == (None, ServiceState.NOT_AVAILABLE)
    assert vouchers.access_token is not None
    assert customers.access_token is not None
    await till.ask("POST", "/v1/shelf/redeem")
    read = await till.call("GET", f"/v1/shelf/{location_id}/customers", customers.access_token)
    assert read.status == 200
    early = await till.call("POST", "/v1/shelf/redeem", vouchers.access_token)
    assert number_of(early) == (401, "P204")
    assert shelf.names() == ["customers"]
    await till.token(Service.WEB_VOUCHERS)
    assert (await till.call("POST", "/v1/shelf/redeem", vouchers.access_token)).status == 200


def test_every_service_has_scopes() -> None:
    assert set(SCOPES) == set(Service)
    assert all(Scope.STATUS in scopes for scopes in SCOPES.values())
