"""A terminal that has another address: who may say so, when, and what a restart makes of it."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.unit.engine.failing_disk import Disk
from tests.unit.engine.house import MINUTE, PAID, ask, house
from tests.unit.engine.puppet import LOST, Puppet
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Stage
from tillbridge.engine.engine import Engine
from tillbridge.engine.journal.records import EventType
from tillbridge.protocols.contract import Health
from tillbridge.protocols.moving import Place
from tillbridge.runtime.manual import run_manual
from tillbridge.runtime.sqlite import StorageUnavailable, connect_reading

HOME = "10.0.0.1:8888"
NEW = "10.0.0.2:8888"


@dataclass
class Wanderer(Puppet):
    """A puppet on a network, with all the addresses that it was told of."""

    address: str | None = HOME
    seen: list[str] = field(default_factory=list)
    moves: list[str] = field(default_factory=list)

    def candidates(self) -> Sequence[str]:
        return self.seen

    def move(self, address: str) -> None:
        self.moves.append(address)
        self.address = address


async def accept(engine: Engine, address: str = NEW, name: str = "t1") -> Place:
    return await engine.moves.move(name, address, by=" Ada ", reason="the router was changed")


async def refusal(wanted: Awaitable[object]) -> BridgeError:
    with pytest.raises(BridgeError) as error:
        await wanted
    return error.value


def refused(error: pytest.ExceptionInfo[BridgeError]) -> tuple[Code, str | None]:
    return error.value.code, error.value.place


def test_a_person_accepts_an_address_and_sees_at_once_whether_the_terminal_is_there(tmp_path: Path) -> None:
    async def main() -> None:
        terminal = Wanderer(seen=[NEW])
        async with house(tmp_path, terminal) as engine:
            assert engine.moves.places() == {"t1": Place(HOME, HOME, (NEW,))}
            terminal.seen = []
            assert await accept(engine) == Place(NEW, HOME)
            assert terminal.signs_of_life == 1
            (row,) = connect_reading(tmp_path / "journal.sqlite").execute(
                "SELECT terminal, type, operation_id, detail FROM event"
            )
            assert tuple(row)[:3] == ("t1", EventType.MOVED, None)
            for part in (f'"address": "{NEW}"', f'"from": "{HOME}"', f'"configured": "{HOME}"', '"by": "Ada"'):
                assert part in row["detail"]

    run_manual(main())


def test_a_restart_keeps_the_newest_address_and_a_changed_setting_wins(tmp_path: Path) -> None:
    async def main() -> None:
        async with house(tmp_path, Wanderer(), Wanderer()) as engine:
            await accept(engine, "10.0.0.7:8888")
            await accept(engine, NEW)
            await accept(engine, "10.0.0.9:8888", "t2")
        again, other = Wanderer(), Wanderer()
        async with house(tmp_path, again, other) as engine:
            assert (again.moves, other.moves) == ([NEW], ["10.0.0.9:8888"])
            assert engine.moves.places()["t1"] == Place(NEW, HOME)
        edited = Wanderer(address="10.0.0.3:8888")
        async with house(tmp_path, edited) as engine:
            assert edited.moves == []
            assert engine.moves.places()["t1"] == Place("10.0.0.3:8888", "10.0.0.3:8888")
            await accept(engine, "10.0.0.4:8888")
        back = Wanderer()
        async with house(tmp_path, back):
            assert back.moves == [], "the newest word was about other settings"

    run_manual(main())


def test_nothing_moves_while_a_payment_runs_or_is_in_doubt(tmp_path: Path) -> None:
    async def main() -> None:
        terminal = Wanderer()
        async with house(tmp_path, terminal) as engine:
            running = await engine.start(ask())
            with pytest.raises(BridgeError) as busy:
                await accept(engine)
            assert (busy.value.code, busy.value.payment_id) == (Code.TERMINAL_BUSY, running.id)
            terminal.answers.put_nowait(LOST)
            assert (await engine.wait(running.id, MINUTE)).stage is Stage.IN_DOUBT
            with pytest.raises(BridgeError) as locked:
                await accept(engine)
            assert (locked.value.code, locked.value.payment_id) == (Code.TERMINAL_LOCKED, running.id)
            assert (terminal.moves, terminal.address) == ([], HOME)
            await engine.resolve(running.id, taken=False, by="Ada", reason="no slip")
            await accept(engine)
            assert terminal.moves == [NEW]

    run_manual(main())


def test_a_payment_that_comes_while_a_sign_of_life_is_waited_for_stands_first(tmp_path: Path) -> None:
    @dataclass
    class Slow(Wanderer):
        async def health(self) -> Health:
            await asyncio.sleep(5)
            return await super().health()

    async def main() -> None:
        terminal = Slow()
        async with house(tmp_path, terminal) as engine, asyncio.TaskGroup() as group:
            looking = group.create_task(accept(engine))
            await asyncio.sleep(1)
            again = group.create_task(refusal(accept(engine, "10.0.0.5:8888")))
            await asyncio.sleep(1)
            terminal.answers.put_nowait(PAID)
            payment = await engine.start(ask())
            assert await looking == Place(NEW, HOME)
            busy = await again
            assert (busy.code, busy.payment_id) == (Code.TERMINAL_BUSY, payment.id)
            assert (await engine.wait(payment.id, MINUTE)).stage is Stage.APPROVED
            assert terminal.moves == [NEW]

    run_manual(main())


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with house(tmp_path, Wanderer(), Puppet(), Wanderer(address=None)) as engine:
            for name, code in (("t9", Code.TERMINAL_UNKNOWN), ("t2", Code.OPERATION_UNSUPPORTED)):
                with pytest.raises(BridgeError) as error:
                    await accept(engine, name=name)
                assert error.value.code is code
            with pytest.raises(BridgeError) as serial:
                await accept(engine, name="t3")
            assert serial.value.code is Code.OPERATION_UNSUPPORTED
            with pytest.raises(BridgeError) as written:
                await accept(engine, "http://10.0.0.2:8888")
            assert refused(written) == (Code.FIELD_INVALID, "address")
            for by, reason, place in (("", "r", "by"), ("Ada", " ", "reason")):
                with pytest.raises(BridgeError) as person:
                    await engine.moves.move("t1", NEW, by=by, reason=reason)
                assert refused(person) == (Code.FIELD_INVALID, place)
            assert engine.moves.places() == {"t1": Place(HOME, HOME)}

    run_manual(main())


def test_an_address_of_another_terminal_is_no_candidate_unless_both_share_a_place(tmp_path: Path) -> None:
    async def main() -> None:
        shared, mate, other = Wanderer(seen=[NEW, "10.0.0.5:1"]), Wanderer(address=HOME), Wanderer(address="10.0.0.5:1")
        async with house(tmp_path, shared, mate, other) as engine:
            await accept(engine, NEW, "t2")
            assert engine.moves.places()["t1"].candidates == (NEW,)

    run_manual(main())


def test_what_is_not_on_disk_has_not_moved(tmp_path: Path) -> None:
    async def main() -> None:
        terminal, disk = Wanderer(), Disk()
        async with house(tmp_path, terminal, make_committer=disk.committer) as engine:
            disk.broken = True
            with pytest.raises(StorageUnavailable):
                await accept(engine)
            assert engine.figures.disk_failed
            assert terminal.moves == []
            disk.broken = False
            await accept(engine)
        again = Wanderer()
        async with house(tmp_path, again):
            assert again.moves == [NEW]

    run_manual(main())
