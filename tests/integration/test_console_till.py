"""The till page: payments of every kind that a cashier can take there, each of them once."""

import asyncio
from pathlib import Path

from tests.support.console.api import taken
from tests.support.console.asgi_client import Answer, Client
from tests.support.console.counter import Counter
from tests.support.console.manual_counter import at_counter
from tests.support.console.reading import hidden, send, words
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import Approved
from tillbridge.virtual.scenarios import Approves, Scenario
from tillbridge.virtual.script import Step


async def at_till(person: Client, action: str = "/till?kind=sale", **entered: str) -> Answer:
    """Opens the form of this address, fills it in and sends it."""
    usual = {"amount": "12.50", "unit": "EUR", "terminal": "front"}
    return await send(person, await person.get(action), action, **(usual | entered))


async def over(counter: Counter, answer: Answer) -> str:
    """The id of the payment that a form led to, once that payment is over."""
    assert answer.status == 303, answer.text
    payment_id = answer.headers["location"].rpartition("/")[2]
    await counter.engine.wait(payment_id, 60)
    return payment_id


def test_a_sale_is_taken_and_ends_with_a_plain_sentence(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        person = await counter.person()
        payment_id = await over(counter, await at_till(person, order="2026-9"))
        page = await person.get(f"/till/{payment_id}")
        assert "12.50 EUR Approved The payment is approved." in words(page)
        assert f'href="/payments/{payment_id}"' in page.text
        payment = await counter.engine.inquire(payment_id)
        assert (payment.door, payment.order_id, payment.amount) == ("console", "2026-9", Money(1250, EUR))

    at_counter(tmp_path, scene, "front", "bar")


def test_the_same_form_sent_twice_is_one_payment(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        person = await counter.person()
        page = await person.get("/till?kind=sale")
        entered = {"amount": "12.50", "unit": "EUR", "terminal": "front"}
        async with asyncio.TaskGroup() as group:
            clicks = [group.create_task(send(person, page, "/till?kind=sale", **entered)) for _ in range(2)]
        assert clicks[0].result().headers["location"] == clicks[1].result().headers["location"]
        await over(counter, clicks[0].result())
        again = await send(person, page, "/till?kind=sale", **entered)
        assert again.headers["location"] == clicks[0].result().headers["location"]
        assert taken(counter) == 1

    at_counter(tmp_path, scene)


def test_a_form_that_was_used_for_something_else_starts_nothing_and_gets_a_key_of_its_own(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        person = await counter.person()
        page = await person.get("/till?kind=sale")
        first = await over(
            counter, await send(person, page, "/till?kind=sale", amount="1", unit="EUR", terminal="front")
        )
        other = await send(person, page, "/till?kind=sale", amount="2", unit="EUR", terminal="front")
        assert other.status == 422
        assert "has already started another payment" in words(other)
        assert f'href="/payments/{first}"' in other.text
        assert taken(counter) == 1
        second = await send(person, other, "/till?kind=sale", amount="2", unit="EUR", terminal="front")
        await over(counter, second)
        assert taken(counter) == 2

    at_counter(tmp_path, scene)


def test_what_makes_no_amount_is_said_at_its_field_and_kept(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        person = await counter.person()
        for text in ("", "0", "12.345", "a", "-1"):
            answer = await at_till(person, amount=text, order="47")
            assert answer.status == 422
            assert "Enter an amount above zero" in words(answer)
            assert 'value="47"' in answer.text
        assert (await at_till(person, terminal="")).status == 422
        assert counter.engine.payments() == []

    at_counter(tmp_path, scene)


def test_a_busy_terminal_is_said_with_the_payment_that_stands_in_the_way(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        person = await counter.person()
        counter.hold("front")
        running = (await at_till(person)).headers["location"].rpartition("/")[2]
        await asyncio.sleep(1)
        refused = await at_till(person, amount="3")
        assert refused.status == 422
        assert f'href="/payments/{running}"' in refused.text
        assert 'value="3"' in refused.text
        counter.present_card("front")
        await counter.engine.wait(running, 60)
        assert taken(counter) == 1

    at_counter(tmp_path, scene)


def test_a_running_payment_shows_what_the_terminal_does_and_can_be_stopped(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        person = await counter.person()
        counter.hold("front")
        started = await at_till(person)
        await asyncio.sleep(1)
        page = await person.get(started.headers["location"])
        assert "Waiting for the card The terminal is at work." in words(page)
        payment_id = started.headers["location"].rpartition("/")[2]
        stopped = await send(person, page, f"/payments/{payment_id}/abort")
        assert stopped.headers["location"] == f"/till/{payment_id}?notice=abort_requested"
        await counter.engine.wait(payment_id, 60)
        assert "Cancelled" in words(await person.get(stopped.headers["location"]))

    at_counter(tmp_path, scene)


def test_a_sale_is_paid_back_from_its_own_page(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        person = await counter.person()
        sale = await over(counter, await at_till(person))
        follow = f"/till?kind=refund&parent={sale}"
        assert follow.replace("&", "&amp;") in (await person.get(f"/payments/{sale}")).text
        page = await person.get(follow)
        assert 'value="12.50"' in page.text
        refund = await over(counter, await send(person, page, follow, amount="2.50", unit="EUR"))
        payment = await counter.engine.inquire(refund)
        assert (payment.kind, payment.parent, payment.outcome) == (Kind.REFUND, sale, payment.outcome)
        assert isinstance(payment.outcome, Approved)
        assert payment.outcome.amount == Money(250, EUR)
        assert f'href="/payments/{sale}"' in (await person.get(f"/payments/{refund}")).text

    at_counter(tmp_path, scene)


def test_more_than_is_left_is_not_paid_back(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        person = await counter.person()
        sale = await over(counter, await at_till(person))
        follow = f"/till?kind=refund&parent={sale}"
        refused = await send(person, await person.get(follow), follow, amount="12.51", unit="EUR")
        assert refused.status == 422
        assert len(counter.engine.payments()) == 1

    at_counter(tmp_path, scene)


def test_an_authorization_is_captured_and_a_sale_voided_after_being_chosen(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        person = await counter.person()
        held = await over(counter, await at_till(person, "/till?kind=authorization", order="room-7"))
        chosen = await person.get("/till?kind=capture")
        capture = f"/till?kind=capture&parent={held}"
        assert capture.replace("&", "&amp;") in chosen.text
        page = await person.get(capture)
        done = await over(counter, await send(person, page, capture, amount="10", unit="EUR"))
        assert (await counter.engine.inquire(done)).stage is Stage.APPROVED
        sale = await over(counter, await at_till(person, amount="7"))
        void = f"/till?kind=void&parent={sale}"
        assert void.replace("&", "&amp;") in (await person.get("/till?kind=void&q=7.00")).text
        form = await person.get(void)
        assert "The whole payment is cancelled." in words(form)
        voided = await over(counter, await send(person, form, void))
        assert (await counter.engine.inquire(voided)).stage is Stage.APPROVED

    at_counter(tmp_path, scene)


def test_where_nothing_can_be_captured_the_page_says_so(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        page = await (await counter.person()).get("/till?kind=capture")
        assert "No payment here can be used for that" in words(page)

    at_counter(tmp_path, scene)


def test_a_form_without_the_sessions_token_or_a_key_takes_nothing(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        person = await counter.person()
        page = await person.get("/till?kind=sale")
        fields = hidden(page, "/till?kind=sale") | {"amount": "1", "unit": "EUR", "terminal": "front"}
        assert (await person.submit("/till", **(fields | {"token": "x"}))).status == 403
        assert (await person.submit("/till", **(fields | {"key": ""}))).status == 400
        stranger = counter.browser()
        assert (await stranger.submit("/till", **fields)).headers["location"] == "/sign-in"
        assert counter.engine.payments() == []

    at_counter(tmp_path, scene)


def signing(counter: Counter) -> None:
    """The next customer signs the slip instead of typing a PIN."""
    counter.terminals["front"].desk.script.set(
        Step(Scenario("signs", "approved by signature", Approves(signature=True)))
    )


def test_a_signature_is_asked_for_and_accepted(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        person = await counter.person()
        signing(counter)
        started = (await at_till(person)).headers["location"]
        payment_id = started.rpartition("/")[2]
        await asyncio.sleep(1)
        page = await person.get(started)
        assert "Is the signature that of the card?" in words(page)
        assert "Is the signature that of the card?" in words(await person.get(f"/payments/{payment_id}"))
        said = await send(person, page, f"/payments/{payment_id}/sign", accepted="yes", by="Ada")
        assert said.headers["location"] == f"/till/{payment_id}?notice=sign_yes"
        assert (await counter.engine.wait(payment_id, 60)).stage is Stage.APPROVED
        assert "Ada accepted the signature" in words(await person.get(f"/payments/{payment_id}"))
        late = await send(person, page, f"/payments/{payment_id}/sign", accepted="no")
        assert late.headers["location"] == f"/till/{payment_id}?notice=sign_late"
        assert taken(counter) == 1

    at_counter(tmp_path, scene)


def test_a_refused_signature_takes_the_money_back(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        person = await counter.person()
        signing(counter)
        started = (await at_till(person)).headers["location"]
        payment_id = started.rpartition("/")[2]
        await asyncio.sleep(1)
        page = await person.get(started)
        await send(person, page, f"/payments/{payment_id}/sign", accepted="no")
        await asyncio.sleep(120)
        payment = await counter.engine.inquire(payment_id)
        assert payment.stage is Stage.ABORTED
        page_now = words(await person.get(f"/payments/{payment_id}"))
        assert "console refused the signature" in page_now
        assert "The payment was taken back: Cancelled" in page_now

    at_counter(tmp_path, scene)


def test_an_answer_about_a_signature_must_be_one_of_two(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        person = await counter.person()
        signing(counter)
        started = (await at_till(person)).headers["location"]
        await asyncio.sleep(1)
        page = await person.get(started)
        action = f"/payments/{started.rpartition('/')[2]}/sign"
        assert (await send(person, page, action, accepted="perhaps")).status == 400
        await send(person, page, action, accepted="yes")
        await counter.engine.wait(started.rpartition("/")[2], 60)

    at_counter(tmp_path, scene)
