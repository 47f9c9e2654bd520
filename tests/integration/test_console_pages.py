"""What the console's pages say, and what settling there does."""

import asyncio
import re
from pathlib import Path

import pytest

from tests.support.console.api import pay
from tests.support.console.asgi_client import Answer, Client
from tests.support.console.counter import Counter
from tests.support.console.manual_counter import at_counter
from tests.unit.engine.failing_disk import Disk
from tillbridge.connector.console.pages import PAGE_ROWS
from tillbridge.domain.operation import Stage
from tillbridge.protocols.contract import Recovery

IN_DOUBT = 1295
CARD_NUMBER = re.compile(r"[0-9]{12,19}")


def words(page: Answer) -> str:
    """The page's text without its markup."""
    text = re.sub(r"<[^>]*>", " ", page.text.partition("<main")[2])
    return " ".join(text.split())


async def settle(person: Client, doubt: str, answer: str = "yes", **fields: str) -> Answer:
    page = await person.get(f"/payments/{doubt}/settle?taken={answer}")
    token = page.text.partition('name="token" value="')[2].partition('"')[0]
    usual = {"token": token, "taken": answer, "by": "Ada", "reason": "slip 17"}
    if answer == "yes":
        usual["amount"] = "12.95"
    return await person.submit(f"/payments/{doubt}/settle", **(usual | fields))


def test_an_empty_counter_says_so(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        page = words(await (await counter.person()).get("/"))
        assert "No payment yet" in page
        assert "front" in page
        assert "In doubt" not in page

    at_counter(tmp_path, scene)


def test_payments_stand_newest_first_with_what_became_of_them(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        await pay(counter, 4250, key="k1", terminal="front", order_id="2026-1")
        await pay(counter, 1291, key="k2", terminal="front")
        counter.hold("bar")
        await pay(counter, 123450, key="k3", terminal="bar", wait=1)
        await asyncio.sleep(1)
        page = words(await (await counter.person()).get("/"))
        listed = page[page.index("Latest payments") :]
        order = ["1,234.50\N{NO-BREAK SPACE}EUR", "12.91\N{NO-BREAK SPACE}EUR", "42.50\N{NO-BREAK SPACE}EUR"]
        places = [listed.index(amount.replace("\N{NO-BREAK SPACE}", " ")) for amount in order]
        assert places == sorted(places)
        assert "Order 2026-1" in listed
        assert ["Waiting for the card" in listed, "Declined" in listed, "Approved" in listed] == [True] * 3
        assert "Busy Sale 1,234.50 EUR: Waiting for the card" in page

    at_counter(tmp_path, scene, "front", "bar")


def test_what_is_in_doubt_stands_on_top_with_what_to_do(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        doubt = (await pay(counter, IN_DOUBT, terminal="front", order_id="47")).json["id"]
        answer = await (await counter.person()).get("/")
        page = words(answer)
        assert page.index("In doubt: please look at the terminal") < page.index("Terminals")
        assert "does it show 12.95 EUR at about 04:04:05?" in page
        assert "Locked In doubt: Sale 12.95 EUR" in page
        assert f'href="/payments/{doubt}/settle?taken=yes"' in answer.text
        assert f'href="/payments/{doubt}/settle?taken=no"' in answer.text
        assert "keeps asking" not in page
        assert "(1) Overview" in answer.text

    at_counter(tmp_path, scene, "front", "bar")


def test_a_terminal_that_can_be_asked_is_still_being_asked(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        await pay(counter, IN_DOUBT, wait=0)
        person = await counter.person()
        counter.terminals["front"].behaviour.pull_line()
        await asyncio.sleep(1)
        assert "The connector keeps asking the terminal." in words(await person.get("/"))
        counter.terminals["front"].behaviour.plug_line()
        await asyncio.sleep(120)
        assert "In doubt" not in words(await person.get("/"))

    at_counter(tmp_path, scene, recovery=Recovery.BY_ID, answer_seconds=0.5)


def test_the_taken_money_is_settled_with_a_name_and_a_reason(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        doubt = (await pay(counter, IN_DOUBT)).json["id"]
        person = await counter.person()
        done = await settle(person, doubt)
        assert (done.status, done.headers["location"]) == (303, f"/payments/{doubt}?notice=settled")
        page = words(await person.get(done.headers["location"]))
        assert "Settled. The terminal is free again." in page
        assert "Ada looked at the terminal: Approved Reason given: slip 17" in page
        assert (await counter.engine.inquire(doubt)).stage is Stage.APPROVED
        assert "In doubt" not in words(await person.get("/")).partition("Latest")[0]

    at_counter(tmp_path, scene)


def test_money_that_was_not_taken_is_settled_too(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        doubt = (await pay(counter, IN_DOUBT)).json["id"]
        person = await counter.person()
        await settle(person, doubt, "no", reason="not on the list")
        assert (await counter.engine.inquire(doubt)).stage is Stage.DECLINED
        assert "Ada looked at the terminal: Declined" in words(await person.get(f"/payments/{doubt}"))

    at_counter(tmp_path, scene)


def test_less_may_have_been_taken(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        doubt = (await pay(counter, IN_DOUBT)).json["id"]
        person = await counter.person("de")
        await settle(person, doubt, amount="10,50")
        page = words(await person.get("/"))
        assert "10,50 EUR von 12,95 EUR" in page

    at_counter(tmp_path, scene)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"by": ""}, "Enter your name."),
        ({"by": "   "}, "Enter your name."),
        ({"reason": ""}, "Write down what you saw."),
        ({"reason": "x" * 501}, "At most 500 characters."),
        ({"amount": "12.96"}, "Enter an amount of at most 12.95 EUR."),
        ({"amount": "0"}, "Enter an amount of at most 12.95 EUR."),
        ({"amount": "all"}, "Enter an amount of at most 12.95 EUR."),
        ({"amount": ""}, "Enter an amount of at most 12.95 EUR."),
    ],
)
def test_a_form_with_something_missing_says_what_and_keeps_the_rest(
    tmp_path: Path, fields: dict[str, str], said: str
) -> None:
    async def scene(counter: Counter) -> None:
        doubt = (await pay(counter, IN_DOUBT)).json["id"]
        page = await settle(await counter.person(), doubt, **fields)
        assert page.status == 422
        assert said in words(page)
        assert 'aria-invalid="true"' in page.text
        assert "slip 17" in page.text or "reason" in fields
        assert counter.engine.in_doubt()

    at_counter(tmp_path, scene)


@pytest.mark.parametrize(("language", "amount"), [("en", "12.95"), ("de", "12,95"), ("fr", "12,95"), ("cs", "12,95")])
def test_the_amount_stands_in_the_form_as_the_reader_writes_it(tmp_path: Path, language: str, amount: str) -> None:
    async def scene(counter: Counter) -> None:
        doubt = (await pay(counter, IN_DOUBT)).json["id"]
        person = await counter.person(language)
        form = await person.get(f"/payments/{doubt}/settle?taken=yes")
        assert f'name="amount" value="{amount}"' in form.text
        assert (await settle(person, doubt, amount=amount)).status == 303

    at_counter(tmp_path, scene)


def test_control_characters_of_a_person_do_not_reach_the_journal(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        doubt = (await pay(counter, IN_DOUBT)).json["id"]
        await settle(await counter.person(), doubt, by="Ada\x1b[2J", reason="slip 17\r\nseen\x01 twice")
        told = counter.engine.events(doubt)[-1].detail
        assert (told["by"], told["reason"]) == ("Ada [2J", "slip 17 seen twice")

    at_counter(tmp_path, scene)


def test_a_reason_of_control_characters_alone_is_no_reason(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        doubt = (await pay(counter, IN_DOUBT)).json["id"]
        page = await settle(await counter.person(), doubt, reason="\x01\n\x07")
        assert (page.status, counter.engine.in_doubt()[0].id) == (422, doubt)

    at_counter(tmp_path, scene)


def test_what_was_settled_meanwhile_is_not_settled_again(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        doubt = (await pay(counter, IN_DOUBT)).json["id"]
        person, quicker = await counter.person(), await counter.person()
        await settle(quicker, doubt, "no")
        answer = await settle(person, doubt, token=await token_of(person))
        assert answer.headers["location"] == f"/payments/{doubt}?notice=meanwhile"
        assert (await counter.engine.inquire(doubt)).stage is Stage.DECLINED
        late = await person.get(f"/payments/{doubt}/settle?taken=yes")
        assert late.headers["location"] == f"/payments/{doubt}?notice=meanwhile"
        assert "settled in the meantime" in words(await person.get(late.headers["location"]))

    at_counter(tmp_path, scene)


async def token_of(person: Client) -> str:
    return (await person.get("/")).text.partition('name="token" value="')[2].partition('"')[0]


def test_a_disk_that_takes_nothing_keeps_what_was_written(tmp_path: Path) -> None:
    disk = Disk()

    async def scene(counter: Counter) -> None:
        doubt = (await pay(counter, IN_DOUBT)).json["id"]
        person = await counter.person()
        disk.broken = True
        page = await settle(person, doubt, reason="slip 17 <&>")
        assert page.status == 422
        assert "nothing was changed" in words(page)
        assert "slip 17 &lt;&amp;&gt;</textarea>" in page.text
        disk.broken = False
        assert (await settle(person, doubt)).status == 303

    at_counter(tmp_path, scene, make_committer=disk.committer)


def test_a_running_payment_can_be_asked_to_stop(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        counter.hold("front")
        running = (await pay(counter, wait=1)).json["id"]
        person = await counter.person()
        page = await person.get(f"/payments/{running}")
        assert "Ask the terminal to stop" in words(page)
        answer = await person.submit(f"/payments/{running}/abort", token=await token_of(person))
        assert answer.headers["location"] == f"/payments/{running}?notice=abort_requested"
        await asyncio.sleep(1)
        page = await person.get(answer.headers["location"])
        assert "Cancelled" in words(page)
        assert "Ask the terminal to stop" not in words(page)

    at_counter(tmp_path, scene)


def test_the_list_goes_back_page_by_page(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        made = [(await pay(counter, 1000, key=f"k{number}")).json["id"] for number in range(PAGE_ROWS + 3)]
        await asyncio.sleep(1)
        person = await counter.person()
        first = await person.get("/")
        listed = re.findall(r'id="payment-([0-9a-f]{32})"', first.text)
        assert listed == made[:-51:-1]
        older = re.search(r'href="(/\?before=[0-9a-f]{32})"', first.text)
        assert older is not None
        second = await person.get(older[1])
        assert re.findall(r'id="payment-([0-9a-f]{32})"', second.text) == made[2::-1]
        assert "Back to the latest" in words(second)
        assert "before=" not in second.text.partition("<main")[2].partition("</main")[0]

    at_counter(tmp_path, scene)


def test_what_a_till_sends_is_text_and_never_markup(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        evil = "<script>alert(1)</script>"
        payment = (await pay(counter, IN_DOUBT, order_id=evil)).json["id"]
        person = await counter.person()
        for path in ("/", f"/payments/{payment}", f"/payments/{payment}/settle?taken=yes"):
            page = await person.get(path)
            assert evil not in page.text
            assert "alert(1)" not in page.text or "&lt;script&gt;alert(1)" in page.text

    at_counter(tmp_path, scene)


def test_no_page_shows_more_of_a_card_than_its_mask(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        payment = (await pay(counter)).json["id"]
        person = await counter.person()
        page = words(await person.get(f"/payments/{payment}"))
        assert "497010######7890" in page
        without_ids = page.replace(payment, "")
        assert CARD_NUMBER.search(without_ids) is None

    at_counter(tmp_path, scene)


def test_what_is_not_there_is_a_page_for_people_and_a_problem_for_programs(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        person = await counter.person("fr")
        for path in ("/nothing", "/payments/47", "/payments/47/settle?taken=yes"):
            page = await person.get(path)
            assert page.status == 404
            assert "Il n\N{RIGHT SINGLE QUOTATION MARK}y a rien ici" in words(page)
        program = await person.ask("GET", "/nothing", headers={"accept": "*/*"})
        assert program.json["code"] == "path_unknown"
        stranger = await counter.browser().get("/nothing")
        assert stranger.status == 404
        assert "Sign out" not in stranger.text

    at_counter(tmp_path, scene)


def test_a_fault_of_our_own_is_answered_with_a_number_and_nothing_of_the_cause(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        person = await counter.person()
        counter.engine._books.reading.close()
        page = await person.get("/")
        assert page.status == 500
        assert re.search(r"Number for support: [0-9a-f]{32}", words(page))
        assert "sqlite" not in page.text.lower()
        answer = await counter.till().get("/v1/payments")
        assert (answer.status, answer.json["code"], answer.json["money_moved"]) == (500, "internal", "unknown")
        assert "sqlite" not in answer.text.lower()

    at_counter(tmp_path, scene)
