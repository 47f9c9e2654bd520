"""Tokens, proofs and the exchange of the credential: nothing is used twice, and at no moment is there none."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.connector.portal.scripted import (
    Fault,
    Portal,
    Till,
    duplicated,
    lost_reply,
    lost_request,
    refused,
)
from tillbridge.connector.portal.board import SKEW_SHOWN
from tillbridge.connector.portal.faults import Answer, Cause, UnderMaintenance, Unreachable, refusal
from tillbridge.connector.portal.rotation import CREDENTIAL_AGE
from tillbridge.connector.portal.states import LinkState, Warned
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import Scope, Service
from tillbridge.runtime.manual import manual_runtime, run_manual

REDEEM = frozenset({Scope.VOUCHERS_REDEEM})


def paired(folder: Path, play: Callable[[Till], Awaitable[None]], **portal: object) -> None:
    """Plays a scene with a till that is paired."""

    async def main() -> None:
        runtime = manual_runtime()
        till = Till(Portal(runtime, **portal), runtime, folder)  # type: ignore[arg-type]  # fields of the portal
        await till.pair()
        await play(till)

    run_manual(main())


def asked(till: Till, path: str = "/v1/token") -> int:
    return [one for one, _ in till.portal.heard].count(path)


def test_a_token_is_kept_until_shortly_before_its_end(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        before = asked(till)
        first = await till.tokens.access(till.portal, Service.WEB_VOUCHERS, REDEEM)
        await asyncio.sleep(530)
        assert await till.tokens.access(till.portal, Service.WEB_VOUCHERS, REDEEM) == first
        assert asked(till) == before + 1
        await asyncio.sleep(20)
        assert await till.tokens.access(till.portal, Service.WEB_VOUCHERS, REDEEM) != first
        assert asked(till) == before + 2

    paired(tmp_path, play)


def test_many_who_ask_at_once_share_one_request(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        before = asked(till)
        async with asyncio.TaskGroup() as group:
            wanted = [
                group.create_task(till.tokens.access(till.portal, Service.WEB_VOUCHERS, REDEEM)) for _ in range(20)
            ]
        assert len({one.result() for one in wanted}) == 1
        assert asked(till) == before + 1

    paired(tmp_path, play)


def test_a_nonce_that_ran_out_is_one_silent_repeat_with_a_proof_of_its_own(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        await till.client.request(Service.WEB_VOUCHERS, "POST", "/v1/redeem", {"a": 1})
        till.portal.nonce = "nonce-of-another-slot"
        assert await till.client.request(Service.WEB_VOUCHERS, "POST", "/v1/redeem", {"a": 2})
        assert [body for *_, body in till.portal.services] == [b'{"a": 1}', b'{"a": 2}']
        assert asked(till, "/v1/redeem") == 3

    paired(tmp_path, play)


def test_a_portal_that_always_wants_another_nonce_is_not_asked_for_ever(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        till.portal.faults = [refused(Code.NONCE_NEEDED)] * 10
        with pytest.raises(BridgeError) as error:
            await till.client.request(Service.WEB_VOUCHERS, "GET", "/v1/balance")
        assert error.value.code is Code.NONCE_NEEDED
        assert asked(till, "/v1/balance") <= 2

    paired(tmp_path, play)


def test_a_token_that_ran_out_early_is_exchanged_once(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        await till.client.request(Service.WEB_VOUCHERS, "GET", "/v1/balance")
        before = asked(till)
        till.portal.faults = [refused(Code.TOKEN_EXPIRED)]
        await till.client.request(Service.WEB_VOUCHERS, "GET", "/v1/balance")
        assert asked(till) == before + 1

    paired(tmp_path, play)


def test_the_number_of_a_token_request_is_on_the_disk_before_it_is_sent(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        def look(portal: Portal, handle: Callable[[], Answer]) -> Answer:
            kept = till.restarted().keystore.kept
            answer = handle()
            assert kept is not None
            assert kept.counter == portal.counters[-1]
            return answer

        for fault in (look, lost_reply, lost_request, look):
            till.portal.faults = [fault]
            try:
                await till.tokens.contact(till.portal)
            except BridgeError:
                continue
        again = till.restarted()
        await again.tokens.contact(again.portal)
        assert till.portal.counters == sorted(set(till.portal.counters))

    paired(tmp_path, play)


def test_a_revocation_ends_the_link_and_is_remembered(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        till.portal.refusal = BridgeError(Code.LINK_REVOKED)
        with pytest.raises(BridgeError):
            await till.tokens.contact(till.portal)
        assert till.board.state is LinkState.REVOKED
        heard = len(till.portal.heard)
        again = till.restarted()
        assert again.board.state is LinkState.REVOKED
        for _ in range(3):
            with pytest.raises(BridgeError) as error:
                await again.tokens.contact(again.portal)
            assert error.value.code is Code.LINK_REVOKED
        assert len(till.portal.heard) == heard

    paired(tmp_path, play)


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (Code.LINK_SUSPENDED, LinkState.SUSPENDED),
        (Code.CLONE_SUSPECTED, LinkState.SUSPENDED),
        (Code.MAINTENANCE, LinkState.MAINTENANCE),
        (Code.OVERLOADED, LinkState.PORTAL_UNREACHABLE),
        (Code.INTERNAL, LinkState.PORTAL_UNREACHABLE),
    ],
)
def test_what_the_portal_refuses_shows_and_passes(tmp_path: Path, code: Code, state: LinkState) -> None:
    async def play(till: Till) -> None:
        till.portal.refusal = BridgeError(code, retry_after=60)
        with pytest.raises(BridgeError):
            await till.tokens.contact(till.portal)
        assert till.board.state is state
        till.portal.refusal = None
        await till.tokens.contact(till.portal)
        assert till.board.state is LinkState.ACTIVE

    paired(tmp_path, play)


def test_a_refusal_of_one_service_says_nothing_about_the_link(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        for code in (Code.SWITCHED_OFF, Code.LICENCE_MISSING, Code.LINK_SCOPE, Code.RECORD_UNKNOWN):
            till.portal.faults = [refused(code)]
            with pytest.raises(BridgeError) as error:
                await till.client.request(Service.WEB_VOUCHERS, "GET", "/v1/balance")
            assert error.value.code is code
            assert till.board.state is LinkState.ACTIVE

    paired(tmp_path, play)


def test_a_service_that_the_portal_does_not_have_is_not_asked_for(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        heard = len(till.portal.heard)
        for service in (Service.ONLINE_ORDERS, Service.VOUCHER_SHOP):
            with pytest.raises(BridgeError) as error:
                await till.client.request(service, "GET", "/v1/orders")
            assert error.value.code is Code.SERVICE_UNAVAILABLE
        assert len(till.portal.heard) == heard

    paired(tmp_path, play)


@pytest.mark.parametrize("off", [timedelta(days=3), -timedelta(days=3)])
def test_a_clock_that_is_days_off_works_and_is_named(tmp_path: Path, off: timedelta) -> None:
    async def play(till: Till) -> None:
        standing = till.board.standing()
        assert standing.skew is not None
        assert abs(standing.skew - off) < SKEW_SHOWN
        assert Warned.CLOCK in standing.warnings
        assert standing.state is LinkState.ACTIVE

    paired(tmp_path, play, skew=off)


# ---------------------------------------------------------------- the exchange of the credential


def test_a_credential_is_old_after_ninety_days_or_when_the_portal_says_so(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        assert not till.rotation.due()
        await asyncio.sleep(CREDENTIAL_AGE.total_seconds())
        assert till.rotation.due()
        await till.rotation.rotate(till.portal)
        assert not till.rotation.due()
        till.portal.rotate = True
        await till.tokens.contact(till.portal)
        assert till.rotation.due()

    paired(tmp_path, play)


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("fault", [lost_request, lost_reply, duplicated])
@pytest.mark.parametrize("restart", [False, True])
def test_at_each_step_that_is_lost_there_is_a_credential_that_works(
    tmp_path: Path, place: int, fault: Fault, restart: bool
) -> None:
    async def play(till: Till) -> None:
        old = till.keystore.link.credential
        till.portal.nonce = "so that the first use of the new one is two requests"
        till.portal.faults = [None] * place + [fault]
        try:
            await till.rotation.rotate(till.portal)
        except BridgeError as error:
            assert error.code in {Code.PORTAL_UNREACHABLE, Code.PORTAL_SILENT, Code.PROOF_REFUSED}  # noqa: PT017  # which of them depends on the step
        till.portal.faults = []
        if restart:
            till = till.restarted()
        await till.tokens.contact(till.portal)
        if till.rotation.due():
            await till.rotation.rotate(till.portal)
        new = till.keystore.link
        assert new.credential != old
        assert new.previous is None
        assert till.portal.links[-1] == (new.credential.pair.public, new.credential.master_token)
        assert len(till.portal.links) == 2

    paired(tmp_path, play)


def test_a_rotation_that_is_refused_leaves_the_old_credential_at_work(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        old = till.keystore.link.credential
        till.portal.faults = [refused(Code.PROOF_REFUSED)]
        with pytest.raises(BridgeError):
            await till.rotation.rotate(till.portal)
        kept = till.keystore.kept
        assert kept is not None
        assert kept.rotation is None
        assert till.keystore.link.credential == old
        await till.tokens.contact(till.portal)

    paired(tmp_path, play)


def test_a_portal_restored_from_yesterday_is_met_with_the_credential_that_it_knows(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        old = till.keystore.link.credential
        till.portal.faults = [None, lost_request]
        with pytest.raises(BridgeError):
            await till.rotation.rotate(till.portal)
        assert till.keystore.link.previous == old
        del till.portal.links[-1]
        await till.tokens.contact(till.portal)
        assert till.keystore.link.credential == old
        assert till.keystore.link.previous is None

    paired(tmp_path, play)


# ---------------------------------------------------------------- what an answer means


@pytest.mark.parametrize(
    ("status", "body", "headers", "code"),
    [
        (401, b"", {}, Code.PORTAL_REFUSED),
        (403, b"<html>", {}, Code.PORTAL_REFUSED),
        (429, b"", {"retry-after": "7"}, Code.OVERLOADED),
        (503, b"", {"retry-after": "7"}, Code.OVERLOADED),
        (503, b"", {}, Code.PORTAL_UNREACHABLE),
        (502, b"bad gateway", {}, Code.PORTAL_SILENT),
        (500, b'{"code": "internal"}', {}, Code.PORTAL_FAULT),
        (302, b"", {"location": "https://elsewhere.example"}, Code.PORTAL_UNREACHABLE),
        (400, b'{"error": "use_dpop_nonce"}', {}, Code.NONCE_NEEDED),
        (403, b'{"code": "licence_missing"}', {}, Code.LICENCE_MISSING),
        (418, b'{"code": "of a later release"}', {}, Code.PORTAL_FAULT),
        (500, b"[" * 100_000, {}, Code.PORTAL_FAULT),
        (500, b'{"code": 7, "retry_after": "x"}', {}, Code.PORTAL_FAULT),
    ],
)
def test_every_answer_has_a_code(status: int, body: bytes, headers: dict[str, str], code: Code) -> None:
    assert refusal(Answer(status, headers, body)).code is code


def test_the_end_of_a_maintenance_is_read_and_one_without_an_end_is_waited_for() -> None:
    known = refusal(Answer(503, {"retry-after": "60"}, b'{"code": "maintenance", "until": "2026-11-21T04:00:00Z"}'))
    assert isinstance(known, UnderMaintenance)
    assert known.until is not None
    assert known.until.hour == 4
    overdue = refusal(Answer(503, {}, b'{"code": "maintenance", "until": null}'))
    assert isinstance(overdue, UnderMaintenance)
    assert (overdue.until, overdue.retry_after) == (None, 300)


def test_why_nothing_was_sent_is_in_the_detail() -> None:
    for cause in Cause:
        assert str(Unreachable(cause, "words")).startswith(cause)
