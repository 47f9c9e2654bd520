"""A connector and a real portal over real HTTP: paired, cut off, ended, and shown."""

import asyncio
import json
import logging
import random
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from tests.integration.portal_house import NUMBER, Portal, real_portal
from tests.integration.test_webhook_delivery import certificate
from tests.lines import PATIENCE
from tillbridge.connector.portal.checks import Part, Verdict
from tillbridge.connector.portal.desk import PortalDesk, open_portal
from tillbridge.connector.portal.http import public_key_digest
from tillbridge.connector.portal.settings import PortalSettings
from tillbridge.connector.portal.states import LinkState, Standing
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import Service
from tillbridge.portal.links.model import LinkState as PortalState
from tillbridge.runtime.effects import Runtime


def settings(portal: Portal, **more: object) -> PortalSettings:
    return PortalSettings.model_validate({"address": portal.address, "location_number": str(NUMBER), **more})


@asynccontextmanager
async def connector(folder: Path, given: PortalSettings) -> AsyncIterator[PortalDesk]:
    """The portal's part of a running connector over this data folder."""
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240  # the test has nothing else to do
    async with open_portal(given, folder, Runtime(), "1.4.0") as desk, asyncio.TaskGroup() as group:
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


async def pair(desk: PortalDesk, pin: str) -> Standing:
    exchange = await desk.start_pairing(pin)
    assert exchange
    return await until(desk, lambda now: now.ended is not None and now.ended.id == exchange)


async def test_a_pin_is_typed_and_both_sides_know_each_other(tmp_path: Path) -> None:
    async with real_portal(tmp_path / "portal") as portal, connector(tmp_path / "till", settings(portal)) as desk:
        standing = await pair(desk, await portal.pin())
        assert standing.ended is not None
        assert standing.ended.refusal is None
        assert (standing.state, await portal.state()) == (LinkState.ACTIVE, PortalState.ACTIVE)
        assert standing.link is not None
        assert (standing.link.location_name, standing.link.tenant) == ("Am Markt", "Bäckerei Sommer")
        async with portal.house.database.reading() as database:
            known = await portal.links.link_of(database, portal.location_id)
        assert known is not None
        assert known.credential.fingerprint == standing.link.fingerprint
        assert known.credential.masked == standing.link.masked_token
        services = await (await desk.connection()).client().request(Service.CUSTOMER_BASE, "GET", "/v1/services")
        assert isinstance(services, list)
        assert {one["service"] for one in services} == {one.service for one in standing.link.services}
        checks = {one.part: one.verdict for one in await desk.examine()}
        assert checks[Part.TOKEN] == checks[Part.RIGHT] == checks[Part.DNS] == checks[Part.CLOCK] == Verdict.OK


async def test_a_wrong_pin_is_told_in_the_portals_one_way(tmp_path: Path) -> None:
    async with real_portal(tmp_path / "portal") as portal, connector(tmp_path / "till", settings(portal)) as desk:
        right = await portal.pin()
        standing = await pair(desk, f"{(int(right) + 1) % 10_000:04d}")
        assert standing.ended is not None
        assert standing.ended.refusal is not None
        assert standing.ended.refusal.code is Code.PIN_REFUSED
        assert (standing.state, await portal.count()) == (LinkState.NOT_PAIRED, 0)
        assert (await pair(desk, right)).state is LinkState.ACTIVE


async def test_the_office_confirms_what_both_screens_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tillbridge.connector.portal.pairing.CONFIRM_SECONDS", 0.1)
    async with real_portal(tmp_path / "portal") as portal, connector(tmp_path / "till", settings(portal)) as desk:
        await portal.ask_consent()
        await desk.start_pairing(await portal.pin())
        waiting = await until(desk, lambda now: now.exchange is not None and now.exchange.fingerprint is not None)
        assert await portal.state() is PortalState.WAITING_CONFIRM
        await portal.consent()
        standing = await until(desk, lambda now: now.link is not None and now.exchange is None)
        assert waiting.exchange is not None
        assert standing.link is not None
        assert standing.link.fingerprint == waiting.exchange.fingerprint


async def test_a_portal_that_goes_away_in_the_middle_is_met_again_after_a_restart(tmp_path: Path) -> None:
    async with real_portal(tmp_path / "portal") as portal:
        await portal.ask_consent()
        async with connector(tmp_path / "till", settings(portal)) as desk:
            await desk.start_pairing(await portal.pin())
            await until(desk, lambda now: now.exchange is not None and now.exchange.fingerprint is not None)
        # The connector was stopped while the office had not decided; it comes back before the portal does.
        await portal.consent()
        await portal.go()
        async with connector(tmp_path / "till", settings(portal)) as desk:
            lost = await until(desk, lambda now: now.exchange is not None and now.exchange.trouble is not None)
            assert lost.state is LinkState.EXCHANGING
            await portal.come()
            standing = await until(desk, lambda now: now.state is LinkState.ACTIVE)
            assert standing.link is not None
        assert await portal.count() == 1


async def test_a_pairing_that_is_gone_on_with_after_a_restart_can_be_given_up_for_good(tmp_path: Path) -> None:
    async with real_portal(tmp_path / "portal") as portal:
        await portal.ask_consent()
        async with connector(tmp_path / "till", settings(portal)) as desk:
            await desk.start_pairing(await portal.pin())
            await until(desk, lambda now: now.exchange is not None and now.exchange.fingerprint is not None)
        await portal.go()
        async with connector(tmp_path / "till", settings(portal)) as desk:
            await until(desk, lambda now: now.exchange is not None and now.exchange.trouble is not None)
            with pytest.raises(BridgeError) as refusal:
                await desk.start_pairing("1234")
            assert refusal.value.code is Code.RECORD_CONFLICT
            await desk.give_up()
            assert desk.standing().state is LinkState.NOT_PAIRED
            kept = (await desk.connection()).keystore.kept
            assert kept is not None
            assert kept.finish is None
            await desk.give_up()  # twice is once


async def test_a_portal_that_is_away_is_named_and_comes_back_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tillbridge.connector.portal.connection.PROBES", (0.05,))
    async with real_portal(tmp_path / "portal") as portal:
        async with connector(tmp_path / "till", settings(portal)) as desk:
            await pair(desk, await portal.pin())
        await portal.go()
        async with connector(tmp_path / "till", settings(portal)) as desk:
            standing = await until(desk, lambda now: now.state is LinkState.PORTAL_UNREACHABLE)
            assert standing.trouble is not None
            assert standing.trouble.detail.startswith("portal_down")
            with pytest.raises(BridgeError) as refusal:
                await (await desk.connection()).client().request(Service.CUSTOMER_BASE, "GET", "/v1/services")
            assert refusal.value.code is Code.PORTAL_UNREACHABLE
            checks = {one.part: one for one in await desk.examine()}
            assert checks[Part.TLS].verdict is Verdict.WRONG
            assert checks[Part.TOKEN].verdict is Verdict.UNKNOWN
            await portal.come()
            await until(desk, lambda now: now.state is LinkState.ACTIVE)


async def test_what_the_office_does_with_the_link_is_shown_at_the_till(tmp_path: Path) -> None:
    async with real_portal(tmp_path / "portal") as portal, connector(tmp_path / "till", settings(portal)) as desk:
        await pair(desk, await portal.pin())
        await portal.suspend()
        connection = await desk.connection()
        await connection.tokens.contact(connection.http())
        assert desk.standing().state is LinkState.SUSPENDED
        await portal.revoke()
        checks = {one.part: one for one in await desk.examine()}
        assert (checks[Part.RIGHT].verdict, checks[Part.RIGHT].code) == (Verdict.WRONG, Code.LINK_REVOKED)
        assert desk.standing().state is LinkState.REVOKED
    async with connector(tmp_path / "till", settings(portal)) as desk:
        # It is remembered, and the portal is not asked about it any more.
        assert (await until(desk, lambda now: now.link is not None)).state is LinkState.REVOKED


async def test_pairing_again_on_a_new_machine_leaves_the_old_link_until_the_first_contact(tmp_path: Path) -> None:
    async with real_portal(tmp_path / "portal") as portal, connector(tmp_path / "old", settings(portal)) as old:
        await pair(old, await portal.pin())
        async with connector(tmp_path / "new", settings(portal)) as new:
            pin = await portal.pin(replace=True)
            way = await old.connection()
            await way.tokens.contact(way.http())
            assert old.standing().state is LinkState.ACTIVE
            assert (await pair(new, pin)).state is LinkState.ACTIVE
            with pytest.raises(BridgeError) as refusal:
                await way.tokens.contact(way.http())
            assert refusal.value.code is Code.LINK_REVOKED
            assert old.standing().state is LinkState.REVOKED


async def test_the_credential_is_exchanged_and_the_old_one_is_worth_nothing_then(tmp_path: Path) -> None:
    async with real_portal(tmp_path / "portal") as portal, connector(tmp_path / "till", settings(portal)) as desk:
        await pair(desk, await portal.pin())
        connection = await desk.connection()
        old = connection.keystore.link.credential
        await connection.rotation.rotate(connection.http())
        new = connection.keystore.link.credential
        assert new != old
        assert connection.keystore.link.previous is None
        await connection.tokens.contact(connection.http())
        async with portal.house.database.reading() as database:
            known = await portal.links.link_of(database, portal.location_id)
        assert known is not None
        assert known.credential.fingerprint == new.pair.public.fingerprint


async def test_unpairing_ends_it_here_and_says_whether_the_portal_was_told(tmp_path: Path) -> None:
    async with real_portal(tmp_path / "portal") as portal, connector(tmp_path / "till", settings(portal)) as desk:
        await pair(desk, await portal.pin())
        assert await desk.unpair("Ada: the shop closes") is False  # no lasting connection to say it over
        assert desk.standing().state is LinkState.NOT_PAIRED
        with pytest.raises(BridgeError) as refusal:
            await desk.unpair("again")
        assert refusal.value.code is Code.NOT_PAIRED


# ---------------------------------------------------------------- TLS


async def test_a_certificate_of_nobody_is_no_proof_and_a_private_authority_is(tmp_path: Path) -> None:
    made = certificate(tmp_path)
    pinned = sha256_of_key(made[0])
    async with real_portal(tmp_path / "portal", made) as portal:
        pin = await portal.pin()
        for name, more, code in (
            ("unknown", {}, Code.PORTAL_UNPROVEN),
            ("other-key", {"ca": made[0], "pin_certificate": "0" * 64}, Code.PORTAL_UNPROVEN),
            ("known", {"ca": made[0], "pin_certificate": pinned}, None),
        ):
            async with connector(tmp_path / name, settings(portal, **more)) as desk:
                standing = await pair(desk, pin)
                assert standing.ended is not None
                refusal = standing.ended.refusal
                assert (None if refusal is None else refusal.code) == code, name
                checks = {one.part: one.verdict for one in await desk.examine()}
                assert checks[Part.TLS] is (Verdict.OK if code is None else Verdict.WRONG), name


def sha256_of_key(pem: Path) -> str:
    """As openssl has it, so that the page that tells how to find it is right."""
    public = subprocess.run(["openssl", "x509", "-in", pem, "-pubkey", "-noout"], check=True, capture_output=True)
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "der"], input=public.stdout, check=True, capture_output=True
    )
    digest = sha256(der.stdout).hexdigest()
    assert public_key_digest(ssl.PEM_cert_to_DER_cert(pem.read_text())).hex() == digest
    return digest


# ---------------------------------------------------------------- nothing leaks


async def test_no_pin_and_no_token_reaches_a_log_or_a_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    async with real_portal(tmp_path / "portal") as portal, connector(tmp_path / "till", settings(portal)) as desk:
        # Six digits: four may stand by chance in any time or number.
        pin = "7" + f"{random.Random(3).randrange(10**5):05d}"
        await pair(desk, pin)
        await pair(desk, right := await portal.pin())
        connection = await desk.connection()
        master = connection.keystore.link.credential.master_token
        token = await connection.tokens.status(connection.http())
        written = caplog.text + "".join(capfd.readouterr())
        files = b"".join(path.read_bytes() for path in (tmp_path / "till").rglob("*") if path.is_file())
        for secret in (pin, master, token):
            assert secret not in written
            assert secret.encode() not in files
        assert f'"{right}"' not in written
        assert f"pin={right}" not in written
        with pytest.raises(BridgeError) as refusal:
            await connection.client().request(Service.WEB_VOUCHERS, "POST", "/v1/nothing", {"a": 1})
        assert token not in f"{refusal.value!r} {refusal.value}"
        json.dumps(str(desk.standing()))
        assert master not in str(desk.standing())
