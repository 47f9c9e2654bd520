"""What is refused at a service, with nothing carried out (each line of the specification's case by its own name)."""

import base64
import json

from sqlalchemy import select

from tests.portal.browser import Reply
from tests.portal.clock import HandClock
from tests.portal.links.opening import pair
from tests.portal.shops import merchant, shop
from tests.portal.tokens.conftest import Shelf
from tests.portal.tokens.till import Till, number_of, said
from tillbridge.link.base64url import encode
from tillbridge.link.keys import KeyPair
from tillbridge.link.scopes import Service
from tillbridge.link.signatures import SessionKey
from tillbridge.portal.audit.log import PORTAL
from tillbridge.portal.house import House
from tillbridge.portal.links.service import Links
from tillbridge.portal.storage.schema import metadata
from tillbridge.web.asgi import App

REDEEM = "/v1/shelf/redeem"


def word(reply: Reply) -> str:
    """What WWW-Authenticate says."""
    return reply.headers.get("www-authenticate", "").partition('error="')[2].partition('"')[0]


async def act(house: House, links: Links, location_id: str, action: str) -> None:
    async with house.database.writing() as connection:
        link = await links.link_of(connection, location_id)
        assert link is not None
        if action == "revoke":
            await links.revoke(connection, link.id, PORTAL)
        else:
            await links.suspend(connection, link.id, PORTAL)


async def test_the_master_token_opens_no_service(till: Till, shelf: Shelf) -> None:
    await till.token(Service.WEB_VOUCHERS)
    assert number_of(await till.call("POST", REDEEM, till.master)) == (401, "P205")
    assert shelf.done == []


async def test_a_service_token_opens_no_other_service(till: Till, shelf: Shelf) -> None:
    token = await till.token(Service.CUSTOMER_BASE)
    reply = await till.call("POST", REDEEM, token)
    assert (number_of(reply), said(reply)["place"]) == ((403, "P207"), "web_vouchers")
    assert shelf.done == []


async def test_a_service_token_opens_no_other_location(
    till: Till, house: House, location_id: str, shelf: Shelf
) -> None:
    other = await shop(house, await merchant(house, "Café"), 1_004_712)
    token = await till.token(Service.CUSTOMER_BASE)
    reply = await till.call("GET", f"/v1/shelf/{other}/customers", token)
    assert (reply.status, said(reply)["code"]) == (404, "record_unknown")
    assert shelf.done == []
    await till.call("GET", f"/v1/shelf/{location_id}/customers", token)
    assert shelf.names() == ["customers"]


async def test_a_token_without_the_scope_is_refused(till: Till, shelf: Shelf) -> None:
    token = await till.token(Service.WEB_VOUCHERS, "status vouchers:read")
    reply = await till.call("POST", REDEEM, token)
    assert (number_of(reply), said(reply)["place"]) == ((403, "P207"), "vouchers:redeem")
    assert shelf.done == []


async def test_plain_bearer_is_refused(till: Till, shelf: Shelf) -> None:
    token = await till.token(Service.WEB_VOUCHERS)
    for scheme in ("Bearer ", "Basic ", "", "DPoP"):
        headers = {"dpop": till.proof("POST", REDEEM, token), "authorization": f"{scheme}{token}"}
        reply = await till.ask("POST", REDEEM, b"", headers)
        assert (number_of(reply), word(reply)) == ((401, "P205"), "invalid_dpop_proof")
    assert number_of(await till.ask("POST", REDEEM)) == (401, "P205")
    assert shelf.done == []


async def test_a_proof_with_another_key_is_refused(till: Till, house: House, shelf: Shelf) -> None:
    token = await till.token(Service.WEB_VOUCHERS)
    thief = till.stolen_by(KeyPair.make(house.runtime.chance.randbytes))
    assert number_of(await thief.call("POST", REDEEM, token)) == (401, "P205")
    assert shelf.done == []


async def test_a_used_proof_is_refused(till: Till, shelf: Shelf) -> None:
    token = await till.token(Service.WEB_VOUCHERS)
    headers = {"authorization": f"DPoP {token}", "dpop": till.proof("POST", REDEEM, token)}
    assert (await till.ask("POST", REDEEM, b"", headers)).status == 200
    again = await till.ask("POST", REDEEM, b"", headers)
    assert number_of(again) == (401, "P205")
    assert shelf.names() == ["redeem"]


async def test_a_stale_nonce_is_refused_with_a_fresh_one(till: Till, clock: HandClock, shelf: Shelf) -> None:
    token = await till.token(Service.WEB_VOUCHERS)
    clock.forward(minutes=6)
    reply = await till.call("POST", REDEEM, token)
    assert (number_of(reply), word(reply)) == ((401, "P206"), "use_dpop_nonce")
    assert shelf.done == []
    assert (await till.call("POST", REDEEM, token)).status == 200


async def test_a_proof_for_another_address_or_method_is_refused(till: Till, shelf: Shelf) -> None:
    token = await till.token(Service.WEB_VOUCHERS)
    for method, path in (("POST", "/v1/shelf/undo"), ("POST", f"{REDEEM}/"), ("GET", REDEEM)):
        headers = {"authorization": f"DPoP {token}", "dpop": till.proof(method, path, token)}
        assert number_of(await till.ask("POST", REDEEM, b"", headers)) == (401, "P205")
    assert shelf.done == []


async def test_a_token_that_has_run_out_is_told_so(till: Till, clock: HandClock, shelf: Shelf) -> None:
    token = await till.token(Service.WEB_VOUCHERS)
    clock.forward(minutes=10)
    reply = await till.call("POST", REDEEM, token)
    assert (number_of(reply), word(reply)) == ((401, "P204"), "invalid_token")
    assert shelf.done == []


async def test_a_token_with_a_changed_claim_is_refused(till: Till, shelf: Shelf) -> None:
    token = await till.token(Service.WEB_VOUCHERS, "status")
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["scope"] = "status vouchers:redeem"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    assert number_of(await till.call("POST", REDEEM, f"{header}.{forged}.{signature}")) == (401, "P205")
    assert shelf.done == []


async def test_a_host_that_is_not_ours_proves_nothing(till: Till, shelf: Shelf) -> None:
    token = await till.token(Service.WEB_VOUCHERS)
    headers = {"authorization": f"DPoP {token}", "dpop": till.proof("POST", REDEEM, token), "host": "evil.example"}
    assert (await till.ask("POST", REDEEM, b"", headers)).status == 403
    assert shelf.done == []


async def test_revoking_acts_on_the_next_call_that_moves_money(
    till: Till, house: House, links: Links, location_id: str, shelf: Shelf
) -> None:
    token = await till.token(Service.WEB_VOUCHERS)
    session = await till.session(token)
    assert (await till.call("POST", REDEEM, token)).status == 200
    assert (await till.hot(session, "/v1/shelf/hot")).status == 200
    await act(house, links, location_id, "revoke")
    assert number_of(await till.call("POST", REDEEM, token)) == (401, "P202")
    # The session keys of a link are gone with it, and no new one is made.
    assert number_of(await till.hot(session, "/v1/shelf/hot")) == (401, "P204")
    assert number_of(await till.call("POST", "/v1/token/session", token)) == (401, "P202")
    assert shelf.names() == ["redeem", "hot"]


async def test_pausing_acts_on_the_next_call_and_money_still_goes_back(
    till: Till, house: House, links: Links, location_id: str, shelf: Shelf
) -> None:
    token = await till.token(Service.WEB_VOUCHERS)
    session = await till.session(token)
    await act(house, links, location_id, "suspend")
    assert number_of(await till.call("POST", REDEEM, token)) == (403, "P203")
    assert number_of(await till.hot(session, "/v1/shelf/hot")) == (403, "P203")
    assert (await till.call("POST", "/v1/shelf/undo", token)).status == 200
    assert shelf.names() == ["undo"]


async def test_the_link_that_was_replaced_moves_no_money(
    till: Till, app: App, house: House, links: Links, location_id: str, shelf: Shelf
) -> None:
    token = await till.token(Service.WEB_VOUCHERS)
    paired = await pair(house, links, location_id)
    assert (await till.call("POST", REDEEM, token)).status == 200
    await Till(app, house, paired.key, paired.token).token(Service.WEB_VOUCHERS)
    assert number_of(await till.call("POST", REDEEM, token)) == (401, "P202")
    assert shelf.names() == ["redeem"]


async def test_a_copy_of_the_database_opens_nothing(till: Till, house: House, links: Links, location_id: str) -> None:
    token = await till.token(Service.WEB_VOUCHERS)
    session = await till.session(token)
    await act(house, links, location_id, "suspend")
    async with house.database.reading() as connection:
        dump = "".join([repr((await connection.execute(select(table))).all()) for table in metadata.sorted_tables])
    assert session.id in dump
    secrets = [session.secret, till.key.dump()]
    texts = [repr(one)[2:-1] for one in secrets] + [one.hex() for one in secrets] + [encode(one) for one in secrets]
    for secret in (till.master, till.master.removeprefix("tbm_"), token, *texts):
        assert secret not in dump


# ---------------------------------------------------------------- signed requests


async def test_a_signed_request_is_carried_out(till: Till, shelf: Shelf) -> None:
    session = await till.session(await till.token(Service.WEB_VOUCHERS))
    reply = await till.hot(session, "/v1/shelf/hot", b'{"amount": 1000}')
    assert reply.status == 200
    assert reply.headers["dpop-nonce"]
    assert shelf.names() == ["hot"]


async def test_a_session_key_lives_for_ten_minutes(till: Till, clock: HandClock, shelf: Shelf) -> None:
    session = await till.session(await till.token(Service.WEB_VOUCHERS))
    clock.forward(minutes=9, seconds=59)
    assert (await till.hot(session, "/v1/shelf/hot")).status == 200
    clock.forward(seconds=1)
    assert number_of(await till.hot(session, "/v1/shelf/hot")) == (401, "P204")
    assert shelf.names() == ["hot"]


async def test_a_session_key_is_good_for_its_service_and_scopes_alone(till: Till, shelf: Shelf) -> None:
    other = await till.session(await till.token(Service.CUSTOMER_BASE))
    assert number_of(await till.hot(other, "/v1/shelf/hot")) == (403, "P207")
    reading = await till.session(await till.token(Service.WEB_VOUCHERS, "status vouchers:read"))
    assert number_of(await till.hot(reading, "/v1/shelf/hot")) == (403, "P207")
    assert shelf.done == []


async def test_another_body_key_or_secret_is_refused(till: Till, house: House, shelf: Shelf) -> None:
    session = await till.session(await till.token(Service.WEB_VOUCHERS))
    wrong = SessionKey(session.id, house.runtime.chance.randbytes(32))
    assert number_of(await till.hot(wrong, "/v1/shelf/hot")) == (401, "P205")
    unknown = SessionKey("nobody", session.secret)
    assert number_of(await till.hot(unknown, "/v1/shelf/hot")) == (401, "P204")
    assert number_of(await till.ask("POST", "/v1/shelf/hot", b"{}")) == (401, "P205")
    assert shelf.done == []


async def test_a_bearer_route_takes_no_signature(till: Till, shelf: Shelf) -> None:
    session = await till.session(await till.token(Service.WEB_VOUCHERS))
    assert number_of(await till.hot(session, REDEEM)) == (401, "P205")
    assert shelf.done == []


async def test_services_are_told_to_both_kinds_of_request(till: Till) -> None:
    token = await till.token(Service.REPORTS, "status")
    by_token = await till.call("GET", "/v1/services", token)
    assert by_token.status == 200
    standing = {one["service"]: one["state"] for one in json.loads(by_token.body)}
    assert standing["customer_base"] == "needs_licence"
    assert standing["web_vouchers"] == "needs_licence"
    assert standing["reports"] == "not_available"
    assert set(standing) == {service.value for service in Service}
    signed = await till.hot(await till.session(token), "/v1/services", b"", "GET")
    assert json.loads(signed.body) == json.loads(by_token.body)


async def test_services_are_told_to_nobody_else(till: Till) -> None:
    assert number_of(await till.ask("GET", "/v1/services")) == (401, "P205")
