"""`kill -9` of the connector at the journal's writes and at the bytes of the dialogue, with real processes.

`make test` takes a seeded sample of the points, `make soak` takes every one. The judge is the terminal's own ledger.
"""

import random
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from tests.support.line_tap import SerialTap, Toward
from tests.support.shop import ConnectorDied, Shop, shop

TO_TERMINAL: Final = 1 + 37 + 1 + 1 + 1
"""ENQ, a frame of protocol E+, EOT, and the two ACKs for the reply (protocols/concert/README.md, dialogue)."""

TO_TILL: Final = 1 + 1 + 1 + 28 + 1
"""ACK, ACK, ENQ, the short reply, EOT."""

POINTS: Final = [(Toward.TERMINAL, count) for count in range(1, TO_TERMINAL + 1)] + [
    (Toward.TILL, count) for count in range(1, TO_TILL + 1)
]
SAMPLE: Final = random.Random(20261121).sample(POINTS, 6)

JOURNAL_CALLS: Final = ("pwrite64", "fdatasync")
JOURNAL_SAMPLE: Final = [("pwrite64", 4), ("pwrite64", 12), ("fdatasync", 1), ("fdatasync", 2)]
STEP_OF_HTTP: Final = 23
"""Most of HTTP's bytes are headers, and a kill costs seconds: so many apart, each question is hit several times."""

MOST_CALLS: Final = 80
"""No payment makes the journal's thread call the system more often than this; a walk that gets here is a bug."""


def taken(place: Shop, minor: int) -> int:
    """How often the terminal took this amount."""
    return sum(row["movement"] == "taken" and row["minor"] == minor for row in place.ledger)


async def check_truth(place: Shop, order_id: str, minor: int) -> None:
    """Whatever the till is told agrees with the terminal's ledger, and asking again takes no second payment."""
    status, told = await place.look(order_id)
    really = taken(place, minor)
    assert really <= 1
    if status == 404:
        assert really == 0, "the terminal took money for a payment that the journal does not know"
    else:
        check_told(told, really)
    status, again = await place.order(order_id, f"{minor // 100}.{minor % 100:02}")
    really_now = taken(place, minor)
    assert really_now <= 1, "the repeat took the money a second time"
    check_told(again, really_now)


def check_told(told: dict[str, Any], really: int) -> None:
    """No lie: paid is paid, not paid is not paid, and unknown may be either."""
    match told["money_moved"]:
        case "yes":
            assert really == 1, told
        case "no":
            assert really == 0, told
        case other:
            assert (other, told["paymentStatus"]) == ("unknown", "FAILURE"), told


def made(folder: Path) -> Path:
    """The folder, new."""
    folder.mkdir()
    return folder


async def kill_at(place: Shop, toward: Toward, count: int, number: int) -> None:
    """One payment with a kill after this byte, then a restart and the truth."""
    connector = await place.open()
    place.tap.unwatch()

    def watch(passed: Toward, passed_count: int) -> None:
        if (passed, passed_count) == (toward, count):
            connector.kill()
            place.tap.plugged = False

    place.tap.watch = watch
    minor = 2000 + number
    try:
        status, told = await place.order(f"order-{number}", f"{minor // 100}.{minor % 100:02}")
        # The last bytes are the terminal's goodbye: the answer may win the race against the kill.
        check_told(told, taken(place, minor))
        assert status == 200
    except (aiohttp.ClientError, ConnectionError):
        pass
    try:
        await connector.gone()
    except TimeoutError:
        pytest.fail(f"byte {count} toward the {toward} never passed; so many did: {place.tap.counts}")
    place.tap.unwatch()
    await survive(place, number, minor)


async def settle_all(place: Shop) -> None:
    """A person looks at the terminal's ledger and settles what is in doubt, so that the next payment can come."""
    key = (place.folder / "data" / "console-key").read_text().strip()
    base = f"http://localhost:{place.native_port}/v1/payments"
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as person:
        async with person.get(base) as answer:
            payments = (await answer.json())["payments"]
        for payment in payments:
            if payment["stage"] != "in_doubt":
                continue
            verdict = {
                "taken": taken(place, payment["amount"]["minor"]) == 1,
                "by": "Anna",
                "reason": "the terminal's slip",
            }
            path, headers = f"{base}/{payment['id']}/resolve", {"Idempotency-Key": payment["id"]}
            async with person.post(path, json=verdict, headers=headers) as answer:
                # A late answer of the terminal may settle it a moment before.
                assert answer.status in (200, 409), await answer.text()


@pytest.mark.parametrize(("toward", "count"), SAMPLE)
async def test_a_kill_after_a_byte_of_the_dialogue(tmp_path: Path, toward: Toward, count: int) -> None:
    async with shop(tmp_path) as place:
        assert isinstance(place.tap, SerialTap)
        await kill_at(place, toward, count, number=1)


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_a_kill_after_every_byte_of_the_dialogue(tmp_path: Path) -> None:
    for number, (toward, count) in enumerate(POINTS):
        # Each time a new terminal: what the last kill left on the line would move the bytes that are counted.
        async with shop(made(tmp_path / f"{toward}-{count}")) as place:
            await kill_at(place, toward, count, number)


async def lengths(folder: Path, driver: str) -> dict[Toward, int]:
    """How many bytes a payment on this wire takes in each direction, seen on one that nobody disturbs."""
    async with shop(made(folder), driver) as place:
        await place.open()
        place.tap.unwatch()
        _, told = await place.order("undisturbed", "20.00")
        assert told["money_moved"] == "yes"
        return dict(place.tap.counts)


async def kill_on(driver: str, folder: Path, toward: Toward, count: int) -> None:
    async with shop(made(folder), driver) as place:
        await kill_at(place, toward, count, number=0)


@pytest.mark.parametrize("toward", list(Toward))
async def test_a_kill_in_the_middle_and_at_the_end_of_a_message_of_v3(tmp_path: Path, toward: Toward) -> None:
    length = (await lengths(tmp_path / "undisturbed", "concert-v3"))[toward]
    for count in (length // 2, length):
        await kill_on("concert-v3", tmp_path / str(count), toward, count)


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_a_kill_after_every_byte_of_v3(tmp_path: Path) -> None:
    for toward, length in (await lengths(tmp_path / "undisturbed", "concert-v3")).items():
        assert length > 30, "a message of several tags went each way"
        for count in range(1, length + 1):
            await kill_on("concert-v3", tmp_path / f"{toward}-{count}", toward, count)


@pytest.mark.parametrize("toward", list(Toward))
async def test_a_kill_in_the_middle_of_the_questions_to_a_touch_screen(tmp_path: Path, toward: Toward) -> None:
    """Five questions, each with its answer: version, start, status, result, confirmation."""
    length = (await lengths(tmp_path / "undisturbed", "touchscreen"))[toward]
    for part in (0.35, 0.6):
        await kill_on("touchscreen", tmp_path / str(part), toward, int(length * part))


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_a_kill_along_all_the_questions_to_a_touch_screen(tmp_path: Path) -> None:
    for toward, length in (await lengths(tmp_path / "undisturbed", "touchscreen")).items():
        assert length > 500, "five questions went each way"
        for count in range(1, length + 1, STEP_OF_HTTP):
            await kill_on("touchscreen", tmp_path / f"{toward}-{count}", toward, count)


async def kill_in_journal(place: Shop, call: str, nth: int, number: int) -> bool:
    """One payment with a kill at the n-th such call of the journal's thread; whether it came to that."""
    tracer = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}")
    minor = 2000 + number
    try:
        connector = await place.open(before=(*tracer, "-e", f"inject={call}:signal=SIGKILL:when={nth}"))
    except ConnectorDied:
        # It came to the journal's own housekeeping at the start: nobody has asked for anything yet.
        return await survive(place, number, minor)
    try:
        _, told = await place.order(f"order-{number}", f"{minor // 100}.{minor % 100:02}")
    except (aiohttp.ClientError, ConnectionError):
        killed = True
    else:
        killed = False
        assert told["money_moved"] == "yes"
        connector.kill()
    await connector.gone()
    await survive(place, number, minor)
    return killed


async def survive(place: Shop, number: int, minor: int) -> bool:
    """The connector starts again and tells the truth; always true, for the walk to go on."""
    survivor = await place.open()
    await check_truth(place, f"order-{number}", minor)
    await settle_all(place)
    survivor.kill()
    await survivor.gone()
    return True


async def first_start(place: Shop) -> None:
    """Makes the journal's file, so that the kills that are counted hit payments and not the migration."""
    connector = await place.open()
    await connector.stop()


@pytest.mark.parametrize(("call", "nth"), JOURNAL_SAMPLE)
async def test_a_kill_at_a_write_of_the_journal(tmp_path: Path, call: str, nth: int) -> None:
    async with shop(tmp_path) as place:
        await first_start(place)
        assert await kill_in_journal(place, call, nth, number=1)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("call", JOURNAL_CALLS)
async def test_a_kill_at_every_write_of_the_journal(tmp_path: Path, call: str) -> None:
    async with shop(tmp_path) as place:
        await first_start(place)
        for nth in range(1, MOST_CALLS):
            if not await kill_in_journal(place, call, nth, nth):
                assert nth > 2, "a payment flushes twice"
                return
    pytest.fail("the walk did not end")
