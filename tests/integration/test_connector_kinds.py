"""`tillbridge pay --kind` and the filters of `payments list`: with a connector and without one, over two real wires."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.support.counter import Counter, Told, counter
from tests.support.shop import Program
from tillbridge.cli.exits import Exit
from tillbridge.virtual.ledger_file import read_rows

BEGINNING = re.compile(r"^[0-9a-f]{32}", re.MULTILINE)


@dataclass
class Shop:
    """A touch-screen terminal named "touch" and a myPOS terminal named "mypos", and commands beside them."""

    place: Counter

    async def command(self, *arguments: str) -> Told:
        return await self.place.command(*arguments, "--config", str(self.place.settings))

    async def paid(self, *arguments: str) -> str:
        """The id of a payment that has to be approved."""
        told = await self.command("pay", *arguments)
        assert (told.code, told.out) == (Exit.APPROVED, "approved\n"), told
        (newest,) = await self.listed("--limit", "1")
        return newest

    async def listed(self, *arguments: str) -> list[str]:
        told = await self.command("payments", "list", *arguments)
        assert told.code == 0, told
        return BEGINNING.findall(told.out)

    def moved(self, terminal: str) -> list[tuple[str, int]]:
        return [(row.movement, row.minor) for row in read_rows(self.place.folder / f"{terminal}.jsonl")]


async def simulator(place: Counter, wire: str) -> int:
    words = ("--port", "0", "--delay", "0", "--ledger", str(place.folder / f"{wire}.jsonl"))
    program = await Program.start("simulate", wire, *words, ready="Ctrl-C")
    place.running.append(program)
    found = re.search(r":(\d+)\n", program.said[1])
    assert found is not None, program.said
    return int(found[1])


@asynccontextmanager
async def shop(folder: Path, *, running: bool, routes: object = ()) -> AsyncIterator[Shop]:
    async with counter(folder) as place:
        touch = {"host": "127.0.0.1", "port": await simulator(place, "touchscreen"), "currencies": ["EUR", "CZK"]}
        mypos = {"host": "127.0.0.1", "port": await simulator(place, "mypos"), "currency": "EUR"}
        mypos |= {"refund_enabled": True, "preauth_enabled": True}
        settings = {
            "data": "data",
            "console": {"port": place.native_port},
            "engine": {"probe_seconds": 0, "routes": routes},
            "terminals": [
                {"name": "touch", "driver": "touchscreen", "settings": touch},
                {"name": "mypos", "driver": "mypos-xml", "settings": mypos},
            ],
        }
        place.settings.write_text(yaml.safe_dump(settings))
        if running:
            await place.open()
        yield Shop(place)


@pytest.mark.parametrize("running", [True, False])
async def test_every_operation_of_a_counter(tmp_path: Path, running: bool) -> None:
    async with shop(tmp_path, running=running) as one:
        hold = await one.paid("20", "--kind", "authorization", "--terminal", "mypos")
        taken = await one.paid("15", "--kind", "capture", "--parent", hold)
        shown = await one.command("payments", "show", taken)
        assert f"goes back to  {hold}" in shown.out
        other = await one.paid("7", "--kind", "authorization", "--terminal", "mypos")
        await one.paid("--kind", "void", "--parent", other)
        assert one.moved("mypos") == [("held", 2000), ("captured", 1500), ("held", 700), ("released", 700)]

        sale = await one.paid("100", "--currency", "czk", "--terminal", "touch")
        await one.paid("30,50", "--kind", "refund", "--parent", sale)
        told = await one.command("pay", "--kind", "refund", "--parent", sale)
        assert "refund of no amount" not in told.err
        assert (told.code, told.out) == (Exit.APPROVED, "approved\n")
        assert one.moved("touchscreen") == [("taken", 10000), ("refunded", 3050), ("refunded", 6950)]
        spent = await one.command("pay", "--kind", "refund", "--parent", sale)
        assert spent.code == Exit.REFUSED
        assert "0 minor units are left" in spent.err


async def test_a_reconciliation_shows_the_terminals_totals(tmp_path: Path) -> None:
    async with shop(tmp_path, running=True) as one:
        await one.paid("12.50", "--terminal", "touch")
        await one.paid("2", "--kind", "refund", "--terminal", "touch")
        told = await one.command("pay", "--kind", "reconciliation", "--terminal", "touch")
        assert (told.code, told.out) == (Exit.APPROVED, "approved\n"), told
        assert "reconciliation on touch: approved" in told.err
        assert re.search(r"^paid +1 +12\.50 EUR", told.err, re.MULTILINE), told.err
        assert re.search(r"^given back +1 +2\.00 EUR", told.err, re.MULTILINE), told.err
        (closing,) = await one.listed("--kind", "reconciliation")
        shown = await one.command("payments", "show", closing)
        assert re.search(r"^paid +1, in all 12\.50 EUR", shown.out, re.MULTILINE), shown.out
        cannot = await one.command("pay", "--kind", "reconciliation", "--terminal", "mypos")
        assert cannot.code == Exit.REFUSED
        assert "it cannot do a reconciliation" in cannot.err


async def test_a_list_shows_what_is_asked_for(tmp_path: Path) -> None:
    async with shop(tmp_path, running=True) as one:
        sale = await one.paid("12.50", "--terminal", "touch", "--order-id", "A 7")
        hold = await one.paid("20", "--kind", "authorization", "--terminal", "mypos")
        declined = await one.command("pay", "1.91", "--terminal", "touch")
        assert declined.code == Exit.DECLINED
        (refused, *others) = await one.listed()
        assert others == [hold, sale]
        for filters, found in (
            (("--kind", "authorization"), [hold]),
            (("--stage", "declined"), [refused]),
            (("--terminal", "touch"), [refused, sale]),
            (("--terminal", "touch", "--stage", "approved"), [sale]),
            (("--order", "A 7"), [sale]),
            (("--search", "12.50"), [sale]),
            (("--search", hold[:20]), [hold]),
            (("--since", "2000-01-01"), [refused, hold, sale]),
            (("--since", "2999-01-01T00:00+02:00"), []),
            (("--before", hold), [sale]),
        ):
            assert await one.listed(*filters) == found, filters
        nothing = await one.command("payments", "list", "--order", "A 8")
        assert nothing.out == "No payments.\n"


@pytest.mark.parametrize("running", [True, False])
async def test_a_rule_goes_before_the_first_terminal_of_the_settings(tmp_path: Path, running: bool) -> None:
    rules = [{"terminal": "mypos", "kind": "authorization"}]
    async with shop(tmp_path, running=running, routes=rules) as one:
        await one.paid("5")
        await one.paid("6", "--kind", "authorization")
        assert (one.moved("touchscreen"), one.moved("mypos")) == ([("taken", 500)], [("held", 600)])


async def test_terminals_of_both_wires_need_no_settings_file(tmp_path: Path) -> None:
    async with counter(tmp_path) as place:
        for wire in ("touchscreen", "mypos"):
            at = f"127.0.0.1:{await simulator(place, wire)}"
            data = str(place.folder / wire)
            told = await place.command("pay", "3", "--driver", wire, "--tcp", at, "--data", data)
            assert (told.code, told.out) == (Exit.APPROVED, "approved\n"), told
            assert [row.minor for row in read_rows(place.folder / f"{wire}.jsonl")] == [300]
