"""What the page shows is what happens: its examples are asked, one after the other."""

import json
import re
from typing import Any

from tests.architecture.tree import ROOT
from tests.portal.thirdparty.till import BASE, Till, said
from tests.portal.vouchers.floor import PIN

PAGE = ROOT / "docs" / "reference" / "voucher-third-party-api.md"
NUMBER = "27612345678904"

_EXAMPLE = re.compile(r"^```http\n(\w+) (\S+)\n(?:\n(.+?)\n)?```\n\n```json\n(.+?)\n```", re.MULTILINE | re.DOTALL)


def plain(found: dict[str, Any]) -> dict[str, Any]:
    # The page has a blank where the answer keeps amount and currency on one line.
    return {name: value.replace("\xa0", " ") if isinstance(value, str) else value for name, value in found.items()}


async def test_the_examples_are_true(till: Till) -> None:
    await till.floor.vouchers(1, number=NUMBER)
    await till.floor.load(NUMBER, 5_000)
    examples, tokens = _EXAMPLE.findall(PAGE.read_text()), dict[str, str]()
    assert len(examples) == 5
    for method, path, asked, answer in examples:
        assert path.startswith(f"{BASE}/vouchers/{NUMBER}")
        body = None if not asked else json.loads(asked)
        if body is not None and body.get("redeem_token") in tokens:
            body["redeem_token"] = tokens[body["redeem_token"]]
        expected = json.loads(answer)
        found = plain(said(await till.ask(method, path.removeprefix(BASE), body)))
        if "redeem_token" in found:
            shown = expected["redeem_token"]
            assert (len(shown), shown[:4]) == (len(found["redeem_token"]), found["redeem_token"][:4])
            tokens[shown] = expected["redeem_token"] = found["redeem_token"]
        assert found == expected, (method, path)
    assert tokens


async def test_the_table_of_scopes_names_every_route(till: Till) -> None:
    page = PAGE.read_text()
    for route in ("GET /vouchers/{code}/balance", "POST /vouchers/{code}/redeem", "POST /vouchers/{code}/cancel"):
        assert f"| `{route}` |" in page
        method, path = route.split(" ")
        assert (await till.ask(method, path.replace("{code}", f"{NUMBER}{PIN}"), {})).status in {400, 404}
