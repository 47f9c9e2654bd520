"""Who comes in: keys, sessions, forms, and where a page may send somebody."""

import asyncio

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.requests import Request

from tillbridge.connector.api.keys import ADDRESSES, SHORTEST_KEY, WINDOW_SECONDS, WRONG_TRIES, KeyCheck
from tillbridge.connector.console.sessions import LASTS_SECONDS, MOST_SESSIONS, Sessions
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.manual import manual_runtime, run_manual
from tillbridge.web.forms import MOST_FIELDS, read_form
from tillbridge.web.going import own_path

KEY = "k" * SHORTEST_KEY


def refused(keys: KeyCheck, presented: str | None, address: str = "a") -> Code:
    with pytest.raises(BridgeError) as refusal:
        keys.check(presented, address)
    assert KEY not in str(refusal.value)
    return refusal.value.code


def test_the_right_key_passes_however_often_wrong_ones_came() -> None:
    async def main() -> None:
        keys = KeyCheck(KEY, manual_runtime().clock)
        codes = [refused(keys, f"wrong-{number}") for number in range(WRONG_TRIES + 1)]
        assert codes == [Code.UNAUTHENTICATED] * WRONG_TRIES + [Code.RATE_LIMITED]
        keys.check(KEY, "a")
        assert refused(keys, "wrong-again") is Code.RATE_LIMITED
        assert refused(keys, "wrong-again", "b") is Code.UNAUTHENTICATED
        await asyncio.sleep(WINDOW_SECONDS)
        assert refused(keys, "wrong-later") is Code.UNAUTHENTICATED

    run_manual(main())


@pytest.mark.parametrize("almost", [KEY[:-1], KEY + "k", KEY.upper(), "", " " + KEY, "\udcff" * 30, "ключ"])
def test_almost_the_key_is_not_the_key(almost: str) -> None:
    async def main() -> None:
        assert refused(KeyCheck(KEY + "!", manual_runtime().clock), almost or "-") is Code.UNAUTHENTICATED

    run_manual(main())


def test_no_key_is_no_attempt() -> None:
    async def main() -> None:
        keys = KeyCheck(KEY, manual_runtime().clock)
        assert {refused(keys, None) for _ in range(WRONG_TRIES + 5)} == {Code.UNAUTHENTICATED}

    run_manual(main())


def test_only_so_many_addresses_are_remembered() -> None:
    async def main() -> None:
        keys = KeyCheck(KEY, manual_runtime().clock)
        for _ in range(WRONG_TRIES + 1):
            refused(keys, "wrong", "first")
        for number in range(ADDRESSES):
            refused(keys, "wrong", f"address {number}")
        assert refused(keys, "wrong", "first") is Code.UNAUTHENTICATED

    run_manual(main())


def test_a_key_that_could_be_guessed_is_refused_at_the_start() -> None:
    async def main() -> None:
        with pytest.raises(BridgeError) as refusal:
            KeyCheck("k" * (SHORTEST_KEY - 1), manual_runtime().clock)
        assert refusal.value.code is Code.SETTINGS_INVALID

    run_manual(main())


def test_a_session_lasts_a_working_day() -> None:
    async def main() -> None:
        runtime = manual_runtime()
        sessions = Sessions(runtime.clock, runtime.chance)
        session, other = sessions.open(), sessions.open()
        assert len({session.id, session.form_token, other.id, other.form_token}) == 4
        await asyncio.sleep(LASTS_SECONDS - 1)
        assert sessions.find(session.id) is session
        sessions.close(other)
        assert sessions.find(other.id) is None
        await asyncio.sleep(1)
        assert sessions.find(session.id) is None
        assert sessions.find(None) is None

    run_manual(main())


def test_too_many_sessions_push_out_the_oldest() -> None:
    async def main() -> None:
        runtime = manual_runtime()
        sessions = Sessions(runtime.clock, runtime.chance)
        opened = [sessions.open() for _ in range(MOST_SESSIONS + 1)]
        assert sessions.find(opened[0].id) is None
        assert sessions.find(opened[1].id) is opened[1]

    run_manual(main())


def test_only_a_sessions_own_token_fits() -> None:
    async def main() -> None:
        runtime = manual_runtime()
        sessions = Sessions(runtime.clock, runtime.chance)
        one, other = sessions.open(), sessions.open()
        assert one.owns(one.form_token)
        assert not any(one.owns(token) for token in (other.form_token, one.id, "", None, "é"))

    run_manual(main())


@given(st.text(max_size=40))
@example("//evil.example/")
@example("/\\evil.example")
@example("https://evil.example/")
@example("/\t/evil.example")
@example("javascript:alert(1)")
@example("///evil.example")
@example("/payments/1?notice=settled")
def test_a_page_never_leads_elsewhere(path: str) -> None:
    onward = own_path(path)
    assert onward.startswith("/")
    assert not onward.startswith("//")
    assert "\\" not in onward
    assert onward.isprintable()


@pytest.mark.parametrize("path", ["/", "/payments/1", "/payments/1/settle?taken=yes"])
def test_its_own_paths_are_kept(path: str) -> None:
    assert own_path(path) == path


def form(body: bytes, media_type: str = "application/x-www-form-urlencoded") -> Request:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"type": "http", "headers": [(b"content-type", media_type.encode())]}
    return Request(scope, receive)


async def test_a_form_is_read() -> None:
    read = await read_form(
        form(b"by=+Ada+&reason=l%C3%A9ger%0Atwo&empty=", "application/x-www-form-urlencoded; charset=utf-8")
    )
    assert read == {"by": "Ada", "reason": "léger\ntwo", "empty": ""}


@pytest.mark.parametrize(
    "request_",
    [
        form(b"{}", "application/json"),
        form(b"by=%FF"),
        form(b"by=\xff"),
        form(b"&".join(b"a=1" for _ in range(MOST_FIELDS + 1))),
    ],
    ids=["another type", "no UTF-8", "no ASCII", "too many fields"],
)
async def test_what_is_no_form_is_refused(request_: Request) -> None:
    with pytest.raises(BridgeError) as refusal:
        await read_form(request_)
    assert refusal.value.code is Code.BODY_INVALID
