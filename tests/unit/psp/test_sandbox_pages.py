"""The pages of the provider's sandbox, the installer's address, and what stands before all of it."""

from pathlib import Path

import pytest

from tests.support.provider_sandbox import ACCOUNT, FORM, House, active, basic, open_house, passive
from tillbridge.cli.simulate_hipay import PORT
from tillbridge.domain.cashier_texts import Language
from tillbridge.psp.hipay.sandbox import settings as sandbox_settings
from tillbridge.psp.hipay.sandbox.app import LARGEST_BODY
from tillbridge.psp.hipay.sandbox.console import PAGE_ROWS
from tillbridge.psp.hipay.sandbox.faults import Fault
from tillbridge.psp.hipay.sandbox.settings import SandboxSettings, TerminalAnswer
from tillbridge.psp.hipay.sandbox.showing import CATALOGUES
from tillbridge.psp.hipay.sandbox.statuses import MESSAGES
from tillbridge.runtime.manual import run_manual

HTML = {"accept": "text/html"}
PAGES = ("/", "/notifications", "/messages", "/faults", "/transactions/800000000001", "/transactions/1")
SETUP = "/v1/ecr/versions/setup"


async def page(house: House, path: str, language: str = "en") -> str:
    answer = await house.client.get(path, **HTML, accept_language=language)
    assert answer.status == (404 if path == "/transactions/1" else 200), answer.text
    return answer.text


def test_every_language_has_every_text() -> None:
    keys = {language: set(CATALOGUES[language].texts) for language in Language}
    assert len({frozenset(found) for found in keys.values()}) == 1
    known = keys[Language.EN]
    assert {f"fault.{fault}" for fault in Fault} <= known
    assert {f"status.{int(status)}" for status in MESSAGES} <= known


@pytest.mark.parametrize("language", list(Language))
def test_every_page_speaks_every_language(tmp_path: Path, language: Language) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            for path in PAGES[:-2]:
                assert f'<html lang="{language}">' in await page(house, path, language)
            await house.order(passive(p_code="200000"))
            for path in PAGES:
                assert f'<html lang="{language}">' in await page(house, path, language)

    run_manual(main())


def test_a_person_captures_refunds_collects_and_is_told_of_a_refusal(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            await house.order(passive("Order_1", p_code="200000"))
            await house.order(passive("Order_2", p_code="200000"))
            at = "/transactions/800000000001"
            done = await house.client.submit(f"{at}/maintain", operation="capture", amount="5,00")
            assert (done.status, done.headers["location"]) == (303, f"{at}?notice=done")
            much = await house.client.submit(f"{at}/maintain", operation="refund", amount="6.00")
            assert (much.status, "3020209" in much.text) == (400, True)
            await house.client.submit(f"{at}/maintain", operation="refund", amount="")
            assert house.sandbox.provider.known("800000000001").sums.refunded == 500
            await house.client.submit("/collect")
            assert "118 Captured" in await page(house, "/transactions/800000000002")
            assert (await house.client.submit(f"{at}/nothing")).status == 404

    run_manual(main())


def test_a_person_answers_for_a_terminal_and_plays_the_acquirer(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path, SandboxSettings(terminal=TerminalAnswer.WAIT)) as house:
            await house.order(active())
            assert "174 Awaiting the terminal" in await page(house, "/transactions/800000000001")
            await house.client.submit("/transactions/800000000001/answer", answer="refuse")
            assert "113 Refused" in await page(house, "/transactions/800000000001")
            told = {"type": "payment.approved", "data": {"order_id": "W-1", "amount": {"minor": 5, "currency": "EUR"}}}
            await house.play("/receiver", told)
            assert "W-1" in await page(house, "/messages")
            fields = {"order_id": "W-1", "context": "standalone", "mid": ""}
            waits = await house.client.submit("/messages/acquired", **fields, how="push")
            assert waits.headers["location"] == "/messages?notice=waiting"
            made = await house.client.submit("/messages/acquired", **fields, how="collect")
            assert made.headers["location"] == "/transactions/800000000002?notice=done"
            nothing = await house.client.submit("/messages/acquired", order_id="", context="standalone")
            assert nothing.headers["location"] == "/messages?notice=nothing"

    run_manual(main())


def test_a_person_sets_a_switch_and_puts_it_back(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            await house.client.submit("/faults", fault="slow", to="on", times="3", seconds="1,5")
            (on,) = (await house.look("/faults"))["on"]
            assert on == {"fault": "slow", "times": 3, "seconds": 1.5}
            assert "On, still 3 times" in await page(house, "/faults")
            for wrong in ({"times": "x"}, {"times": "0"}, {"seconds": "x"}):
                assert (await house.client.submit("/faults", fault="slow", to="on", **wrong)).status == 400
            await house.client.submit("/faults", fault="slow", to="off")
            assert (await house.look("/faults"))["on"] == []

    run_manual(main())


def test_a_long_list_has_pages(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            for number in range(PAGE_ROWS + 1):
                await house.order(passive(f"Order_{number}"))
            first, older = await page(house, "/"), await page(house, "/?before=2")
            assert first.count("<tr") == PAGE_ROWS + 1
            assert "?before=2" in first
            assert (older.count("<tr"), "Order_0" in older) == (2, True)
            assert (await page(house, "/?q=Order_7")).count("<tr") == 2
            assert "Nothing was found" in await page(house, "/?q=Order_x")
            assert (await page(house, "/?before=x")).count("<tr") == PAGE_ROWS + 1
            shown = await house.look("/transactions?limit=2&before=10")
            assert [one["seq"] for one in shown["transactions"]] == [9, 8]

    run_manual(main())


def test_what_a_merchant_writes_is_shown_as_text(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            await house.order(passive("<b>1</b>", description="<script>x</script>"))
            for path in ("/", "/transactions/800000000001"):
                text = await page(house, path)
                assert "<b>1" not in text
                assert "<script>" not in text

    run_manual(main())


def test_no_page_and_no_answer_shows_a_secret(tmp_path: Path) -> None:
    secrets = (ACCOUNT.password, ACCOUNT.public_password, ACCOUNT.hashkey, ACCOUNT.passphrase)

    async def main() -> None:
        async with open_house(tmp_path) as house:
            await house.order(passive())
            asked = ["/_sandbox", "/_sandbox/transactions", "/_sandbox/transactions/800000000001", *PAGES]
            texts = [(await house.client.get(path, **HTML)).text for path in asked]
            assert not [
                secret for secret in secrets for text in (*texts, repr(ACCOUNT), str(ACCOUNT)) if secret in text
            ]

    run_manual(main())


def test_a_foreign_page_and_a_foreign_name_are_kept_out(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            foreign = {"origin": "https://evil.example"}
            for path in ("/collect", "/_sandbox/faults", "/rest/v1/order"):
                assert (await house.client.ask("POST", path, b"", FORM | foreign)).status == 403
            assert (await house.client.get("/", host="evil.example")).status == 403
            large = await house.client.ask("POST", "/rest/v1/order", b"", {"content-length": str(LARGEST_BODY + 1)})
            assert large.status == 413
            assert "default-src 'none'" in (await house.client.get("/", **HTML)).headers["content-security-policy"]

    run_manual(main())


@pytest.mark.parametrize("system", ["linux", "windows_64"])
async def test_the_installer_is_served_at_the_address_of_the_installation_text(tmp_path: Path, system: str) -> None:
    # On an ordinary loop: files are read in threads of their own.
    releases = tmp_path / "releases"
    (releases / "metadata").mkdir(parents=True)
    (releases / f"setup-concertv2-{system}.zip").write_bytes(b"PK archive")
    (releases / "metadata" / "1.root.json").write_text("{}")
    (releases / "signing-key").write_text("nobody's business")
    async with open_house(tmp_path, SandboxSettings(releases=releases)) as house:
        path = f"{SETUP}?os={system}&type=concertv2"
        for login in ((ACCOUNT.login, ACCOUNT.password), (ACCOUNT.public_login, ACCOUNT.public_password)):
            answer = await house.client.get(path, x_authorization=basic(*login)["authorization"])
            assert (answer.status, answer.body) == (200, b"PK archive")
            assert f'filename="setup-concertv2-{system}.zip"' in answer.headers["content-disposition"]
        right = house.login["authorization"]
        for wrong in ("", "Basic x", basic(ACCOUNT.login, "x")["authorization"]):
            assert (await house.client.get(path, x_authorization=wrong)).status == 401
        assert (await house.client.get(path, authorization=right)).status == 401
        for query in ("os=beos&type=concertv2", f"os={system}&type=tpa", f"os={system}", "type=concertv2", ""):
            assert (await house.client.get(f"{SETUP}?{query}", x_authorization=right)).status == 404
        other = "linux" if system == "windows_64" else "windows_64"
        assert (await house.client.get(f"{SETUP}?os={other}&type=concertv2", x_authorization=right)).status == 404
        assert (await house.client.get("/v1/ecr/updates/metadata/1.root.json")).text == "{}"
        for hidden in ("signing-key", "metadata/../signing-key", "metadata/2.root.json"):
            assert (await house.client.get(f"/v1/ecr/updates/{hidden}")).status == 404


def test_without_releases_there_is_no_installer(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_house(tmp_path) as house:
            path = f"{SETUP}?os=linux&type=concertv2"
            assert (await house.client.get(path, x_authorization=house.login["authorization"])).status == 404
            assert (await house.client.get("/v1/ecr/updates/metadata/1.root.json")).status == 404

    run_manual(main())


def test_the_usual_port_is_the_sandboxs_own() -> None:
    assert sandbox_settings.PORT == PORT
