"""The console's door: who gets in, how long, and what a foreign page cannot do."""

import asyncio
from pathlib import Path

import pytest

from tests.support.console.api import pay
from tests.support.console.asgi_client import HOST, Answer
from tests.support.console.counter import KEY, Counter, counter
from tests.support.console.manual_counter import at_counter
from tillbridge.connector.api.keys import WRONG_TRIES
from tillbridge.connector.console.pages import CHANGED
from tillbridge.connector.console.sessions import LASTS_SECONDS
from tillbridge.connector.settings import ConsoleSettings
from tillbridge.domain.cashier_texts import Language
from tillbridge.runtime.effects import Runtime
from tillbridge.web.headers import HEADERS


def test_the_key_in_the_address_signs_in_and_does_not_stay_there(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        browser = counter.browser()
        answer = await browser.get(f"/?key={KEY}")
        assert (answer.status, answer.headers["location"]) == (303, "/")
        assert KEY not in str(answer.headers)
        (cookie,) = answer.cookies
        assert cookie.startswith("tillbridge_8380=")
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
        page = await browser.get("/")
        assert page.status == 200
        assert KEY not in page.text

    at_counter(tmp_path, scene)


def test_the_key_opens_the_very_page_that_was_asked_for(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        path = f"/payments/{(await pay(counter)).json['id']}"
        browser = counter.browser()
        sent_away = await browser.get(path)
        assert (sent_away.status, sent_away.headers["location"]) == (303, f"/sign-in?next={path}")
        form = await browser.get(sent_away.headers["location"])
        assert f'name="next" value="{path}"' in form.text
        let_in = await browser.submit("/sign-in", key=KEY, next=path)
        assert (let_in.status, let_in.headers["location"]) == (303, path)
        assert (await browser.get("/sign-in")).headers["location"] == "/"

    at_counter(tmp_path, scene)


def test_what_the_page_was_asked_is_kept_through_signing_in(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        path = f"/payments/{(await pay(counter, 1295)).json['id']}/settle?taken=yes"
        browser = counter.browser()
        sent_away = await browser.get(path)
        form = await browser.get(sent_away.headers["location"])
        assert f'name="next" value="{path}"' in form.text
        assert (await browser.submit("/sign-in", key=KEY, next=path)).headers["location"] == path

    at_counter(tmp_path, scene)


def test_an_open_page_hears_nothing_more_once_its_person_is_signed_out(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        person = await counter.person()
        form = token(await person.get("/"))
        async with person.stream("/live") as stream:
            await pay(counter, key="before")
            await asyncio.sleep(1)
            heard = [stream.pieces.get_nowait() for _ in range(stream.pieces.qsize())]
            assert CHANGED in heard
            await person.submit("/sign-out", token=form)
            await pay(counter, key="after")
            assert await stream.next() is None

    at_counter(tmp_path, scene)


@pytest.mark.parametrize("key", ["", "wrong", KEY.upper()])
def test_a_wrong_key_opens_nothing(tmp_path: Path, key: str) -> None:
    async def scene(counter: Counter) -> None:
        browser = counter.browser()
        for answer in (await browser.submit("/sign-in", key=key), await browser.get(f"/?key={key}")):
            assert answer.status == 401
            assert "This key is wrong." in answer.text
            assert not answer.cookies
        assert (await browser.get("/")).status == 303

    at_counter(tmp_path, scene)


def test_many_wrong_keys_are_asked_to_wait(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        browser = counter.browser()
        for _ in range(WRONG_TRIES):
            await browser.submit("/sign-in", key="wrong")
        answer = await browser.submit("/sign-in", key="wrong")
        assert answer.status == 429
        assert "Wait a minute" in answer.text
        assert (await browser.submit("/sign-in", key=KEY)).status == 303

    at_counter(tmp_path, scene)


def test_after_a_working_day_the_key_is_asked_for_again(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        person = await counter.person()
        await asyncio.sleep(LASTS_SECONDS - 1)
        assert (await person.get("/")).status == 200
        await asyncio.sleep(1)
        assert (await person.get("/")).headers["location"] == "/sign-in"

    at_counter(tmp_path, scene)


def test_signing_out_ends_the_session_and_not_only_the_cookie(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        person = await counter.person()
        kept = dict(person.cookies)
        answer = await person.submit("/sign-out", token=token(await person.get("/")))
        assert (answer.status, answer.headers["location"]) == (303, "/sign-in?signed_out=1")
        person.cookies = kept
        assert (await person.get("/")).status == 303
        assert "You are signed out." in (await person.get("/sign-in?signed_out=1")).text

    at_counter(tmp_path, scene)


FORMS = ("/sign-out", "/payments/{}/settle", "/payments/{}/abort")


@pytest.mark.parametrize("form", FORMS)
def test_a_form_of_somebody_else_changes_nothing(tmp_path: Path, form: str) -> None:
    async def scene(counter: Counter) -> None:
        doubt = (await pay(counter, 1295)).json["id"]
        person, other = await counter.person(), await counter.person()
        path = form.format(doubt)
        fields = {"taken": "yes", "by": "Eve", "reason": "x", "amount": "12.95"}
        for wrong in ({}, {"token": ""}, {"token": token(await other.get("/"))}):
            answer = await person.submit(path, **fields, **wrong)
            assert answer.status == 403
            assert "This form is not valid any more" in answer.text
        stranger = await counter.browser().submit(path, **fields, token=token(await other.get("/")))
        assert (stranger.status, stranger.headers["location"]) == (303, "/sign-in")
        assert counter.engine.in_doubt()[0].id == doubt
        assert (await person.get("/")).status == 200

    at_counter(tmp_path, scene)


@pytest.mark.parametrize("form", FORMS)
def test_a_page_of_another_site_cannot_submit_even_with_the_right_token(tmp_path: Path, form: str) -> None:
    async def scene(counter: Counter) -> None:
        doubt = (await pay(counter, 1295)).json["id"]
        person = await counter.person()
        body = f"token={token(await person.get('/'))}&taken=yes&by=Eve&reason=x&amount=12.95".encode()
        form_type = {"content-type": "application/x-www-form-urlencoded"}
        for origin in ("http://evil.example", "null", f"https://{HOST}", "http://localhost:8680"):
            answer = await person.ask("POST", form.format(doubt), body, form_type | {"origin": origin})
            assert answer.status == 403
        assert counter.engine.in_doubt()[0].id == doubt

    at_counter(tmp_path, scene)


async def test_every_answer_keeps_foreign_things_out(tmp_path: Path) -> None:
    # On an ordinary loop: files are read in threads, which manual time does not know of.
    async with counter(tmp_path, "front", runtime=Runtime()) as inside:
        person = await inside.person()
        for path in ("/", "/sign-in", "/nothing", "/healthz", "/metrics", "/v1/payments", "/static/base.css"):
            headers = (await person.get(path)).headers
            assert {name: headers[name.lower()] for name in HEADERS} == HEADERS
            assert headers["cache-control"] == ("no-cache" if path.startswith("/static") else "no-store")
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


def test_the_language_is_switched_for_good_and_the_reader_stays_on_the_page(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        person = await counter.person("fr-FR,fr;q=0.9")
        page = await person.get("/?before=" + "0" * 32)
        assert '<html lang="fr">' in page.text
        assert f'href="/language/cs?back=/%3Fbefore%3D{"0" * 32}"' in page.text
        answer = await person.get(f"/language/cs?back=/%3Fbefore%3D{'0' * 32}")
        assert (answer.status, answer.headers["location"]) == (303, "/?before=" + "0" * 32)
        assert '<html lang="cs">' in (await person.get("/")).text
        assert (await person.get("/language/xx")).status == 404
        foreign = await person.get("/language/de?back=//evil.example")
        assert foreign.headers["location"] == "/"

    at_counter(tmp_path, scene)


def test_the_shops_own_language_goes_before_the_browsers(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        assert '<html lang="cs">' in (await (await counter.person("fr")).get("/")).text

    at_counter(tmp_path, scene, console=ConsoleSettings(language=Language.CS))


def test_two_connectors_on_one_computer_do_not_sign_each_other_out(tmp_path: Path) -> None:
    async def scene(counter: Counter) -> None:
        person = await counter.person()
        assert set(person.cookies) == {"tillbridge_9380"}

    at_counter(tmp_path, scene, console=ConsoleSettings(port=9380))


def token(page: Answer) -> str:
    """The form token of a page."""
    return page.text.partition('name="token" value="')[2].partition('"')[0]
