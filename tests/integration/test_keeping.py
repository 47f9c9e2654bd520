"""Backup, restore and the day's report as a shop uses them: the commands, the native interface and the console."""

import csv
import io
import json
import os
from pathlib import Path
from typing import Final

from tests.support import warm
from tests.support.console.api import pay
from tests.support.console.counter import Counter
from tests.support.console.manual_counter import at_counter
from tests.support.console.reading import hidden
from tests.support.shop import Shop, shop

PASSPHRASE: Final = "four plain words are enough"


async def command(*arguments: str) -> tuple[int, str]:
    """A command's exit code, and all that it said."""
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "TILLBRIDGE_BACKUP_PASSPHRASE": PASSPHRASE}
    process = await warm.start(arguments, environment=environment, session=True)
    said, _ = await process.communicate()
    return await process.wait(), said.decode()


async def _paid(place: Shop, order_id: str) -> None:
    status, told = await place.order(order_id)
    assert (status, told["paymentStatus"]) == (200, "SUCCESS"), told


async def test_a_shop_is_backed_up_while_it_runs_and_comes_back(tmp_path: Path) -> None:
    backup = tmp_path / "shop.tbk"
    async with shop(tmp_path) as place:
        connector = await place.open()
        await _paid(place, "before")
        code, said = await command("connector", "export", str(backup), "--config", str(place.settings))
        assert code == 0, said
        await _paid(place, "after")
        config = ("--config", str(place.settings))
        restore = ("connector", "import", str(backup), "--by", "Ada", "--gap-settled", *config)
        code, said = await command(*restore, "--replace")
        assert code == 1, "a connector runs"
        assert "using this data folder" in said
        await connector.stop()
        code, said = await command(*restore)
        assert code == 1
        assert "--replace" in said
        code, said = await command(*restore, "--replace")
        assert code == 0, said
        assert "knows nothing" in said
        assert "is kept in" in said
        await place.open()
        taken = len(place.ledger)
        await _paid(place, "before")
        assert len(place.ledger) == taken, "the same order is the same payment, also out of a backup"
        status, told = await place.look("after")
        assert status == 404, told
        code, said = await command("connector", "day-report", "--json", *config)
        assert code == 0, said
        assert json.loads(said)["payments"] == 1


async def test_the_report_of_a_day_names_what_the_service_lacks(tmp_path: Path) -> None:
    async with shop(tmp_path) as place:
        await place.open()
        await _paid(place, "A-1")
        await _paid(place, "A-2")
        (tmp_path / "psp.csv").write_text("Order ID,Amount,Currency,Status\nA-1,12.50,EUR,captured\n")
        arguments = ("--config", str(place.settings), "--psp-csv", str(tmp_path / "psp.csv"))
        code, said = await command("connector", "day-report", *arguments)
        assert code == 1
        assert "! Missing at the payment service" in said
        assert "order A-2" in said
        assert "A-1" not in said
        (tmp_path / "psp.csv").write_text("Order ID,Amount,Currency\nA-1,twelve,EUR\n")
        code, said = await command("connector", "day-report", *arguments)
        assert code == 1
        assert "psp.csv, line 2: 'twelve' is not an amount" in said


def test_the_report_is_there_for_programs_and_for_people(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        await pay(counter, order_id="=1+1")
        answer = await counter.till().get("/v1/day-report")
        assert answer.status == 200, answer.text
        found = answer.json
        assert (found["payments"], found["agrees"], found["differences"]) == (1, True, [])
        assert [(one["terminal"], one["minor"]) for one in found["totals"]] == [("front", 1250)]
        assert (await counter.till().get("/v1/day-report?day=2026-02-30")).status == 400
        assert (await counter.till().get("/v1/day-report?day=tomorrow")).status == 400
        headings = {"de": "Tag abschließen", "fr": "Clôturer", "cs": "Uzavřít den", "en": "Close the day"}
        for language, heading in headings.items():
            page = await (await counter.person(language)).get("/reconciliation/day")
            assert page.status == 200
            assert heading in page.text
        browser = await counter.person()
        wrong = await browser.get("/reconciliation/day?day=nonsense")
        assert 'aria-invalid="true"' in wrong.text
        token = hidden(await browser.get("/reconciliation/day"), "/sign-out")["token"]
        listed = b"Order ID,Amount,Currency,Status\n=1+1,12.50,EUR,captured\n<b>x,3.00,EUR,captured\n"
        compared = await browser.send_file("/reconciliation/day", "psp.csv", listed, token=token)
        assert (compared.status, "psp.csv was read: 2 payments" in compared.text) == (200, True)
        assert "Line 3" in compared.text
        assert ("&lt;b&gt;x" in compared.text, "Line 2" in compared.text) == (True, False)
        broken = await (await counter.person("de")).send_file("/reconciliation/day", "psp.csv", b"Order ID,Amount\n")
        assert broken.status == 403, "no form of this session"
        broken = await browser.send_file("/reconciliation/day", "psp.csv", b"Order ID,Amount\nA,1\n", token=token)
        assert (broken.status, "Line 1: No column is called currency." in broken.text) == (422, True)
        table = await browser.get("/reconciliation/day.csv")
        rows = list(csv.reader(io.StringIO(table.text.removeprefix("\ufeff"))))
        assert rows[1][:3] == ["Total", "front", "Sale"]

    at_counter(tmp_path, scene)
