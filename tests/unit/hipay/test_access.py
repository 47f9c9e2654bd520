import asyncio
from base64 import b64encode

import pytest

from tests.unit.hipay.till import HASH
from tillbridge.protocols.hipay import access
from tillbridge.protocols.hipay.access import Access, Admission, hash_password
from tillbridge.runtime.manual import manual_runtime, run_manual

ADDRESS = "192.0.2.1"


def header(pair: str | bytes, scheme: str = "Basic") -> bytes:
    raw = pair if isinstance(pair, bytes) else pair.encode()
    return scheme.encode() + b" " + b64encode(raw)


def check(given: bytes | None, *, login: str = "log", password_hash: str = HASH, login_only: bool = False) -> Admission:
    async def main() -> Admission:
        return await Access(login, password_hash, login_only, manual_runtime()).admits(given, ADDRESS)

    return run_manual(main())


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_the_right_pair_is_admitted(scheme: str) -> None:
    assert check(header("log:pwd", scheme)) is Admission.ADMITTED


@pytest.mark.parametrize(
    "given",
    [
        None,
        b"",
        b"Basic",
        b"Basic ",
        b"Basic !!!!",
        b"Basic bG9nOnB3ZA=",
        b"Bearer bG9nOnB3ZA==",
        header("log:"),
        header("log"),
        header(":pwd"),
        header("log:pwd "),
        header("log:pwd:pwd"),
        header("Log:pwd"),
        header("log:PWD"),
        header("other:pwd"),
        header(b"\xff\xfe:\xff"),
        header("log:" + "x" * 1000),
    ],
)
def test_everything_else_is_refused(given: bytes | None) -> None:
    assert check(given) is Admission.REFUSED


def test_a_password_may_hold_colons_and_accents() -> None:
    secret = hash_password("pässe:wort:")
    assert check(header("käse:pässe:wort:"), login="käse", password_hash=secret) is Admission.ADMITTED
    old_till = header("käse:pässe:wort:".encode("latin-1"))
    assert check(old_till, login="käse", password_hash=secret) is Admission.ADMITTED


@pytest.mark.parametrize(
    ("pair", "admission"),
    [
        ("log", Admission.ADMITTED),
        ("log:", Admission.ADMITTED),
        ("log:pwd", Admission.ADMITTED),
        ("log:wrong", Admission.REFUSED),
        ("lo", Admission.REFUSED),
        ("", Admission.REFUSED),
    ],
)
def test_the_switch_admits_the_login_alone(pair: str, admission: Admission) -> None:
    assert check(header(pair), login_only=True) is admission


def test_a_header_is_checked_once_even_by_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = []
    verify = access._verify

    def counted(password_hash: str, password: bytes) -> bool:
        checked.append(password)
        return verify(password_hash, password)

    monkeypatch.setattr(access, "_verify", counted)

    async def main() -> None:
        door = Access("log", HASH, False, manual_runtime())
        async with asyncio.TaskGroup() as group:
            many = 2 * access.MAX_WAITING
            tasks = [group.create_task(door.admits(header("log:pwd"), ADDRESS)) for _ in range(many)]
        assert {task.result() for task in tasks} == {Admission.ADMITTED}

    run_manual(main())
    assert checked == [b"pwd"]


def test_what_is_remembered_is_not_the_password() -> None:
    async def main() -> None:
        door = Access("log", HASH, False, manual_runtime())
        await door.admits(header("log:pwd"), ADDRESS)
        remembered = b"".join(door._accepted)
        assert len(remembered) == 32
        assert b64encode(b"log:pwd") not in remembered

    run_manual(main())


def test_wrong_logins_have_to_wait_and_the_right_till_does_not() -> None:
    async def main() -> None:
        door = Access("log", HASH, False, manual_runtime())
        assert await door.admits(header("log:pwd"), ADDRESS) is Admission.ADMITTED
        for number in range(access.MAX_BAD_LOGINS):
            assert await door.admits(header(f"log:{number}"), ADDRESS) is Admission.REFUSED
        assert await door.admits(header("log:x"), ADDRESS) is Admission.TOO_MANY
        assert await door.admits(header("log:0"), ADDRESS) is Admission.REFUSED
        assert await door.admits(header("log:x"), "192.0.2.2") is Admission.REFUSED
        assert await door.admits(header("log:pwd"), ADDRESS) is Admission.ADMITTED
        await asyncio.sleep(access.WINDOW)
        assert await door.admits(header("log:x"), ADDRESS) is Admission.REFUSED

    run_manual(main())


def test_a_forgotten_program_with_an_old_password_shuts_nobody_out() -> None:
    async def main() -> None:
        door = Access("log", HASH, False, manual_runtime())
        for _ in range(5 * access.MAX_BAD_LOGINS):
            assert await door.admits(header("log:old"), ADDRESS) is Admission.REFUSED
        assert await door.admits(header("log:pwd"), ADDRESS) is Admission.ADMITTED

    run_manual(main())


def test_the_right_pair_clears_the_count() -> None:
    async def main() -> None:
        door = Access("log", HASH, False, manual_runtime())
        for number in range(access.MAX_BAD_LOGINS - 1):
            await door.admits(header(f"log:{number}"), ADDRESS)
        assert await door.admits(header("log:pwd"), ADDRESS) is Admission.ADMITTED
        for number in range(access.MAX_BAD_LOGINS):
            assert await door.admits(header(f"log:{number}"), ADDRESS) is Admission.REFUSED

    run_manual(main())


def test_a_crowd_does_not_queue_up_for_ever() -> None:
    async def main() -> None:
        door = Access("log", HASH, False, manual_runtime())
        async with asyncio.TaskGroup() as group:
            crowd = [
                group.create_task(door.admits(header(f"log:{number}"), f"192.0.2.{number}"))
                for number in range(access.MAX_WAITING + 5)
            ]
        said = [task.result() for task in crowd]
        assert said.count(Admission.TOO_MANY) == 5
        assert said.count(Admission.REFUSED) == access.MAX_WAITING

    run_manual(main())


def test_addresses_are_forgotten_before_they_fill_the_memory() -> None:
    async def main() -> None:
        wrong = access._WrongLogins(manual_runtime().clock)
        for number in range(access.MAX_ADDRESSES + 1):
            for tried in range(access.MAX_BAD_LOGINS):
                wrong.note(str(number), bytes([tried]))
        assert not wrong.too_many("0")
        assert wrong.too_many(str(access.MAX_ADDRESSES))

    run_manual(main())


def test_a_hash_is_argon2_and_never_the_same_twice() -> None:
    assert hash_password("pwd").startswith("$argon2id$")
    assert hash_password("pwd") != hash_password("pwd")
