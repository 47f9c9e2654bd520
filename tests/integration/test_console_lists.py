"""The lists of the console: payments found and taken away as a file, a day's totals, what the till never heard of,
and a terminal's totals beside ours."""

import csv
import io
from pathlib import Path

from tests.support.console.api import pay
from tests.support.console.counter import Around, Counter
from tests.support.console.manual_counter import at_counter
from tests.support.console.opened_doors import PASSWORD_HASH, doors
from tests.support.console.reading import send, words
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind, Stage
from tillbridge.engine.journal.reading import PAGE_LIMIT
from tillbridge.protocols.contract import Payment, PaymentRequest


async def take(
    counter: Counter, minor: int, kind: Kind = Kind.SALE, terminal: str = "front", **more: object
) -> Payment:
    usual: dict[str, object] = {"caller": "concert:till-2", "door": "concert-v2", "terminal": terminal}
    request = PaymentRequest(kind, Money(minor, EUR), **(usual | more))  # type: ignore[arg-type]  # as given
    payment = await counter.engine.start(request)
    return await counter.engine.wait(payment.id, 60)


def test_payments_are_found_by_order_number_amount_and_what_they_are(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        sale = await take(counter, 4250, order_id="2026-1")
        await take(counter, 1291)
        await take(counter, 700, Kind.REFUND, "bar")
        person = await counter.person()

        async def found(query: str) -> str:
            return words(await person.get(f"/payments?{query}")).partition("Totals of")[0]

        assert "42.50 EUR" in await found("q=2026-1")
        assert "12.91 EUR" not in await found("q=2026-1")
        assert "42.50 EUR" in await found(f"q={sale.id}")
        assert "12.91 EUR" in await found("q=12%2C91")
        assert "7.00 EUR" in await found("kind=refund&terminal=bar")
        assert "7.00 EUR" not in await found("kind=sale")
        assert "No payment fits" in await found("state=aborted")
        assert "This is no day." in await found("day=2026-02-31")
        assert "No payment fits" in await found("day=1999-01-01")

    at_counter(tmp_path, scene, "front", "bar")


def test_the_pages_of_a_search_follow_each_other(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        for number in range(52):
            await take(counter, 10000 + 100 * number)
        await take(counter, 700, Kind.REFUND)
        person = await counter.person()
        first = await person.get("/payments?kind=sale")
        older = first.text.partition('href="/payments?kind=sale&amp;before=')[2].partition('"')[0]
        assert first.text.count('id="payment-') == 50
        second = await person.get(f"/payments?kind=sale&before={older}")
        assert second.text.count('id="payment-') == 2
        assert "Back to the latest" in words(second)

    at_counter(tmp_path, scene)


def test_the_file_for_a_spreadsheet_holds_every_payment_and_no_formula(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        for number in range(PAGE_LIMIT + 3):
            await take(counter, 10000 + 100 * number)
        await take(counter, 4250, order_id='=HYPERLINK("http://evil")')
        answer = await (await counter.person()).get("/payments.csv")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.body.startswith(b"\xef\xbb\xbf")
        rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
        assert len(rows) == PAGE_LIMIT + 4
        newest = rows[0]
        assert newest["Order"] == '\'=HYPERLINK("http://evil")'
        assert (newest["Asked for"], newest["Asked for (minor units)"], newest["Currency"]) == ("42.50", "4250", "EUR")
        assert newest["Card"] == "497010######7890"

    at_counter(tmp_path, scene)


def test_where_a_comma_is_part_of_a_number_cells_end_with_a_semicolon(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        await take(counter, 123450)
        await take(counter, 700, Kind.REFUND)
        person = await counter.person("de")
        text = (await person.get("/payments.csv?kind=refund")).text.removeprefix("\ufeff")
        rows = list(csv.reader(io.StringIO(text), delimiter=";"))
        assert len(rows) == 2
        assert rows[1][10:12] == ["7,00", "700"]

    at_counter(tmp_path, scene)


def test_a_days_totals_stand_beside_the_list(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        await take(counter, 4250)
        await take(counter, 1050)
        await take(counter, 700, Kind.REFUND)
        person = await counter.person()
        page = words(await person.get("/payments")).partition("Totals of")[2]
        assert "front 53.00 EUR 2x 7.00 EUR 1x 0.00 EUR 0x" in page
        assert "Nothing was taken on this day" in words(await person.get("/payments?day=1999-01-01"))

    at_counter(tmp_path, scene)


def test_what_a_till_never_heard_of_is_kept_by_a_named_person(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        lost = await take(counter, 5600, keyless=True)
        person = await counter.person()
        path = f"/payments/{lost.id}/undelivered?answer=keep"
        assert path.replace("&", "&amp;") in (await person.get("/")).text
        page = await person.get(path)
        assert (await send(person, page, path, by="", reason="gone")).status == 422
        done = await send(person, page, path, by="Ada", reason="the customer left with the goods")
        assert done.headers["location"] == f"/payments/{lost.id}?notice=kept"
        assert counter.engine.undelivered() == []
        assert (await send(person, page, path, by="Ada", reason="again")).headers["location"].endswith("meanwhile")

    at_counter(tmp_path, scene)


def test_what_a_till_never_heard_of_is_taken_back_once(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        lost = await take(counter, 5600, keyless=True)
        person = await counter.person()
        path = f"/payments/{lost.id}/undelivered?answer=reverse"
        page = await person.get(path)
        done = await send(person, page, path, by="Ada", reason="the customer left without the goods")
        void = await counter.engine.inquire(done.headers["location"].rpartition("/")[2].partition("?")[0])
        assert (void.kind, void.parent, void.stage) == (Kind.VOID, lost.id, Stage.APPROVED)
        assert counter.engine.undelivered() == []
        await send(person, page, path, by="Ada", reason="a second click")
        assert [one.kind for one in counter.engine.payments()] == [Kind.VOID, Kind.SALE]

    at_counter(tmp_path, scene)


def test_a_terminals_totals_stand_beside_ours_and_a_difference_is_marked(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        await take(counter, 4250)
        await take(counter, 700, Kind.REFUND)
        person = await counter.person()
        started = await send(person, await person.get("/reconciliation"), "/reconciliation")
        first = started.headers["location"]
        await counter.engine.wait(first.rpartition("/")[2], 60)
        page = words(await person.get(first))
        assert "The terminal's totals agree with ours." in page
        assert "Taken 42.50 EUR 1x 42.50 EUR 1x Agrees" in page
        # Somebody takes a payment at the terminal itself: the connector knows nothing of it.
        aside = PaymentRequest(Kind.SALE, Money(990, EUR), "counter", "counter")
        desk = counter.terminals["front"].desk
        await desk.wait((await desk.start(aside)).id, 60)
        await take(counter, 100)
        second = await send(person, await person.get("/reconciliation"), "/reconciliation")
        await counter.engine.wait(second.headers["location"].rpartition("/")[2], 60)
        page = words(await person.get(second.headers["location"]))
        assert "Taken 10.90 EUR 2x 1.00 EUR 1x Differs" in page

    at_counter(tmp_path, scene, delay=1.0)


def test_each_door_says_what_to_enter_in_its_till_and_never_the_hash(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        person = await counter.person()
        answer = await person.get("/doors")
        page = words(answer)
        assert "hipay-front Listens" in page
        assert "till-2 Does not listen" in page
        assert "Address localhost" in page
        assert "Port 8080" in page
        assert "Login log" in page
        assert "at least 200 seconds" in page
        assert "Line settings 9600 8N1" in page
        assert PASSWORD_HASH not in answer.text
        sheet = await person.get("/doors/reference/sheet.md")
        assert (sheet.body, sheet.headers["content-disposition"]) == (b"# A", 'attachment; filename="sheet.md"')
        assert (await person.get("/doors/reference/other.md")).status == 404

    around = Around(doors=doors("hipay-front", "old-till"), references=(("sheet.md", "text/markdown", b"# A"),))
    at_counter(tmp_path, scene, around=around)


def test_each_terminal_says_how_it_is_and_what_it_can_do(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        await pay(counter, 1295)
        page = words(await (await counter.person()).get("/terminals"))
        assert "front Locked In doubt: Sale 12.95 EUR" in page
        assert "Can do Sale, Refund, Authorization, Capture, Void" in page
        assert "a person has to look" in page

    at_counter(tmp_path, scene)
