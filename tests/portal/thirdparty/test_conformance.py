"""Our own server passes the public list of checks (`conformance.py`)."""

import json
from dataclasses import dataclass

import pytest

from tests.portal.thirdparty.conformance import CHECKS, Answer, Check, a_balance_has_these_fields_of_these_types, run
from tests.portal.thirdparty.till import Till
from tests.portal.vouchers.floor import PIN


@dataclass(slots=True)
class InProcess:
    till: Till
    code: str

    async def ask(self, method: str, path: str, body: bytes | None = None, *, key: bool = True) -> Answer:
        reply = await self.till.ask(method, path, body, key=None if key else "")
        return Answer(reply.status, reply.headers["content-type"], json.loads(reply.body))


async def wire_to(till: Till) -> InProcess:
    # One of those numbers whose first digit is a nought: a till that reads it as a number loses it.
    return InProcess(till, f"{await till.floor.voucher(loaded=500, country='056')}{PIN}")


async def test_every_check_passes(till: Till, capsys: pytest.CaptureFixture[str]) -> None:
    await till.floor.system(cross_country=True)
    wire = await wire_to(till)
    assert await run(wire) == {}
    assert capsys.readouterr().out.count("ok ") == len(CHECKS)
    assert await till.floor.balance(wire.code[:14]) == 500
    await till.floor.sound()


async def test_a_server_that_is_wrong_is_found_out(till: Till) -> None:
    wire = await wire_to(till)
    # Its country is not taken here: so the voucher is none that could be redeemed.
    check: Check = a_balance_has_these_fields_of_these_types
    with pytest.raises(AssertionError):
        await check(wire)
