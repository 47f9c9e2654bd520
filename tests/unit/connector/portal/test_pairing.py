"""The connector's side of pairing: whatever is lost, doubled or cut off, it is paired once or not at all."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.connector.portal.scripted import (
    PIN,
    PLACE,
    WRONG_PIN,
    Fault,
    Portal,
    Till,
    duplicated,
    lost_reply,
    lost_request,
    refused,
)
from tillbridge.connector.portal.keystore import KEYSTORE_FILE
from tillbridge.connector.portal.states import LinkState, Step
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.location_number import LocationNumber
from tillbridge.runtime.manual import manual_runtime, run_manual

START, FINISH, TOKEN, TOKEN_AGAIN = range(4)
"""The messages of a pairing in their order; the first token request has no nonce yet."""


def scene(folder: Path, play: Callable[[Till], Awaitable[None]], **portal: object) -> None:
    """Plays a scene with one till and one portal, in no time."""

    async def main() -> None:
        runtime = manual_runtime()
        await play(Till(Portal(runtime, **portal), runtime, folder))  # type: ignore[arg-type]  # fields of the portal

    run_manual(main())


def finishes(till: Till) -> list[bytes]:
    return [body for path, body in till.portal.heard if path.endswith("/finish")]


def test_the_right_pin_makes_a_link_and_the_first_token_request_acknowledges_it(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        await till.pair()
        link = till.keystore.link
        assert (link.location_name, link.tenant, link.acknowledged) == ("Bäckerei am Markt", "Bäckerei Korn", True)
        assert till.portal.links == [(link.credential.pair.public, link.credential.master_token)]
        standing = till.board.standing()
        assert (standing.state, standing.exchange) == (LinkState.ACTIVE, None)
        assert standing.ended is not None
        assert standing.ended.refusal is None
        assert standing.link is not None
        assert standing.link.masked_token == f"tbm_••••{link.credential.master_token[-4:]}"
        kept = till.keystore.kept
        assert kept is not None
        assert kept.finish is None

    scene(tmp_path, play)


def test_a_wrong_pin_is_one_guess_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        assert await till.code_of(WRONG_PIN) is Code.PIN_REFUSED
        kept = till.keystore.kept
        assert kept is not None
        assert (kept.link, kept.finish) == (None, None)
        assert till.board.state is LinkState.NOT_PAIRED
        assert len(till.portal.heard) == 2
        await asyncio.sleep(86_400)
        assert len(till.portal.heard) == 2

    scene(tmp_path, play)


def test_what_cannot_be_a_pin_is_not_sent(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        for text in ("", "12", "12345", "1234567", "12a4", "\uff11\uff12\uff13\uff14"):
            assert await till.code_of(text) is Code.PAIRING_INPUT
        assert till.portal.heard == []

    scene(tmp_path, play)


@pytest.mark.parametrize("place", [START, FINISH, TOKEN, TOKEN_AGAIN])
@pytest.mark.parametrize("fault", [lost_request, lost_reply, duplicated])
def test_each_message_lost_or_doubled_ends_with_one_link_or_none(tmp_path: Path, place: int, fault: Fault) -> None:
    async def play(till: Till) -> None:
        till.portal.faults = [None] * place + [fault]
        code = await till.code_of()
        if place == START and fault is not duplicated:
            # Nothing that could be repeated was sent: a person presses again, and that is the first guess.
            assert code in {Code.PORTAL_UNREACHABLE, Code.PORTAL_SILENT}
            assert (till.portal.links, till.portal.used_pins) == ([], 0)
            assert await till.code_of() is None
        else:
            assert code is None
        assert len(till.portal.links) == 1
        assert len(set(finishes(till))) == 1
        if not till.keystore.link.acknowledged:
            await till.tokens.contact(till.portal)
        assert till.keystore.link.acknowledged
        assert till.portal.counters == sorted(set(till.portal.counters)) or fault is duplicated
        assert till.board.state is LinkState.ACTIVE

    scene(tmp_path, play)


class PowerCut(Exception):
    """The computer is off."""


def cut_before(_portal: Portal, _handle: Callable[[], object]) -> object:
    raise PowerCut


def cut_after(_portal: Portal, handle: Callable[[], object]) -> object:
    handle()
    raise PowerCut


@pytest.mark.parametrize("cut", [cut_before, cut_after])
@pytest.mark.parametrize("times", [1, 3])
def test_a_connector_that_dies_after_its_finish_is_paired_after_the_restart_without_a_new_pin(
    tmp_path: Path, cut: Fault, times: int
) -> None:
    async def play(till: Till) -> None:
        till.portal.faults = [None, cut]
        with pytest.raises(PowerCut):
            await till.pair()
        for _ in range(times - 1):
            till = till.restarted()
            till.portal.faults = [cut]
            with pytest.raises(PowerCut):
                await till.retrieval.go_on(till.portal)
        till = till.restarted()
        assert till.board.state is LinkState.NOT_PAIRED
        await till.retrieval.go_on(till.portal)
        assert till.keystore.link.acknowledged
        assert len(till.portal.links) == 1
        assert len(finishes(till)) == times + 1
        assert len(set(finishes(till))) == 1
        assert [path for path, _ in till.portal.heard].count("/v1/pairing/start") == 1

    scene(tmp_path, play)


def test_a_restart_without_an_unfinished_exchange_begins_none(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        assert await till.code_of(WRONG_PIN) is Code.PIN_REFUSED
        heard = len(till.portal.heard)
        again = till.restarted()
        await again.retrieval.go_on(again.portal)
        assert len(again.portal.heard) == heard

    scene(tmp_path, play)


def test_a_finish_without_an_answer_is_repeated_for_a_day_and_no_longer(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        till.portal.faults = [None, *[lost_request] * 5000]
        began = asyncio.get_running_loop().time()
        assert await till.code_of() is Code.PAIRING_OVER
        assert 86_400 <= asyncio.get_running_loop().time() - began <= 86_400 + 60
        assert len(set(finishes(till))) == 1
        assert till.board.state is LinkState.NOT_PAIRED
        kept = till.keystore.kept
        assert kept is not None
        assert kept.finish is None

    scene(tmp_path, play)


def test_a_portal_that_does_not_know_the_pin_is_found_out_and_nothing_is_kept(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        assert await till.code_of() is Code.PORTAL_UNPROVEN
        kept = till.keystore.kept
        assert kept is not None
        assert (kept.link, kept.finish) == (None, None)
        ended = till.board.standing().ended
        assert ended is not None
        assert ended.refusal is not None
        assert ended.refusal.code is Code.PORTAL_UNPROVEN

    scene(tmp_path, play, liar=True)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[1]", b"\xff", json.dumps({"confirm_b": "A" * 43, "sealed_b": "A" * 200_000}).encode()]
)
def test_an_answer_that_no_portal_gives_is_unproven(tmp_path: Path, body: bytes) -> None:
    async def play(till: Till) -> None:
        till.portal.faults = [None, lambda portal, _: portal.answer(200, body)]
        assert await till.code_of() is Code.PORTAL_UNPROVEN
        assert till.board.state is LinkState.NOT_PAIRED

    scene(tmp_path, play)


def test_while_the_office_has_to_confirm_the_same_finish_is_asked_every_five_seconds(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        async with asyncio.TaskGroup() as group:
            pairing = group.create_task(till.pair())
            await asyncio.sleep(12)
            exchange = till.board.exchange
            assert exchange is not None
            assert exchange.step is Step.WAITING_CONFIRM
            assert till.board.state is LinkState.EXCHANGING
            assert len(finishes(till)) == 3
            shown = exchange.fingerprint
            await pairing
        assert shown == till.portal.links[0][0].fingerprint
        assert len(finishes(till)) == 5
        assert len(set(finishes(till))) == 1

    scene(tmp_path, play, confirm_after=4)


def test_an_office_that_refuses_ends_it(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        till.portal.faults = [None, None, refused(Code.PAIRING_DENIED)]
        assert await till.code_of() is Code.PAIRING_DENIED
        assert till.board.state is LinkState.NOT_PAIRED

    scene(tmp_path, play, confirm_after=4)


@pytest.mark.parametrize(
    "code",
    [Code.PIN_REFUSED, Code.FINISH_CONFLICT, Code.PAIRING_OVER, Code.SLOW_DOWN, Code.CONVERSION_LICENCE],
)
def test_a_refusal_of_the_finish_is_the_end_and_is_not_asked_again(tmp_path: Path, code: Code) -> None:
    async def play(till: Till) -> None:
        till.portal.faults = [None, refused(code, retry_after=30)]
        assert await till.code_of() is code
        assert len(finishes(till)) == 1
        again = till.restarted()
        await again.retrieval.go_on(again.portal)
        assert len(finishes(till)) == 1

    scene(tmp_path, play)


def test_maintenance_in_the_middle_is_waited_for(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        till.portal.faults = [None, refused(Code.MAINTENANCE, retry_after=50), refused(Code.OVERLOADED, retry_after=7)]
        began = asyncio.get_running_loop().time()
        await till.pair()
        assert asyncio.get_running_loop().time() - began >= 57
        assert len(till.portal.links) == 1

    scene(tmp_path, play)


def test_two_presses_at_once_have_one_winner_and_one_guess(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        async with asyncio.TaskGroup() as group:
            presses = [group.create_task(till.code_of(pin)) for pin in (PIN, WRONG_PIN, PIN)]
        assert sorted(map(str, (press.result() for press in presses))) == sorted(
            [str(None), Code.RECORD_CONFLICT, Code.RECORD_CONFLICT]
        )
        assert [path for path, _ in till.portal.heard].count("/v1/pairing/start") == 1
        assert len(till.portal.links) == 1

    scene(tmp_path, play)


def test_a_pairing_that_is_given_up_is_never_repeated(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        till.portal.faults = [None, *[lost_request] * 100]
        async with asyncio.TaskGroup() as group:
            pairing = group.create_task(till.code_of())
            await asyncio.sleep(30)
            assert till.board.exchange is not None
            assert till.board.exchange.trouble is not None
            pairing.cancel()
        await till.retrieval.give_up()
        assert till.board.state is LinkState.NOT_PAIRED
        heard = len(till.portal.heard)
        again = till.restarted()
        await again.retrieval.go_on(again.portal)
        assert len(till.portal.heard) == heard

    scene(tmp_path, play)


def test_a_grant_for_another_location_is_thrown_away(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        elsewhere = replace(PLACE, location=LocationNumber.of(7))
        with pytest.raises(BridgeError) as refusal:
            await till.retrieval.retrieve(till.portal, elsewhere, PIN)
        assert refusal.value.code is Code.PORTAL_UNPROVEN
        assert till.board.state is LinkState.NOT_PAIRED

    scene(tmp_path, play)


def test_pairing_again_keeps_the_old_link_until_the_new_one_is_there(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        await till.pair()
        old = till.keystore.link
        till.portal.used_pins = 0
        assert await till.code_of(WRONG_PIN) is Code.PIN_REFUSED
        assert till.keystore.link == old
        assert till.board.state is LinkState.ACTIVE
        await till.pair()
        new = till.keystore.link
        assert new.credential != old.credential
        kept = till.keystore.kept
        assert kept is not None
        assert till.portal.counters[-1] == kept.counter
        # The computer's own name for itself stays the same.
        assert till.restarted().keystore.kept == kept

    scene(tmp_path, play)


def everything(folder: Path) -> list[bytes]:
    """What lies in a folder."""
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def test_no_pin_and_no_token_stands_in_any_file(tmp_path: Path) -> None:
    async def play(till: Till) -> None:
        till.portal.faults = [None, *[lost_request] * 3]
        await till.pair()
        secrets = [till.keystore.link.credential.master_token, "first.access.token"]
        files = everything(tmp_path)
        assert (tmp_path / KEYSTORE_FILE).stat().st_mode & 0o077 == 0
        for secret in secrets:
            assert not any(secret.encode() in content for content in files)
        # The PIN is four digits that may stand in anything by chance: what is sealed is looked into instead.
        kept = till.keystore.kept
        assert kept is not None
        assert PIN not in json.dumps(
            kept.model_dump(mode="json", exclude={"link": {"credential"}, "connector_id": True})
        )
        assert secrets[0] not in repr(kept)

    scene(tmp_path, play)
