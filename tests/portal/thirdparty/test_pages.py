"""The page of exceptions shows what may have been booked twice."""

from tests.portal.browser import Browser
from tests.portal.people import Standing
from tests.portal.thirdparty.till import Till
from tillbridge.portal.app import portal_app
from tillbridge.portal.feature import Feature
from tillbridge.portal.validity.cases_pages import CasePages
from tillbridge.portal.validity.cases_service import Cases

LANGUAGES = {"en": "Possible duplicates", "de": "Mögliche Doppelbuchungen", "fr": "Doublons", "cs": "Možné dvojí"}


async def test_a_possible_duplicate_is_seen_and_decided(till: Till) -> None:
    number = await till.floor.voucher(loaded=1_000)
    for _ in range(2):
        await till.token(number, 400)
    feature = Feature("validity", pages=lambda site: CasePages(site, Cases(till.house)).routes())
    app = portal_app(till.house, Standing(till.person), [feature])
    here = f"/vouchers/systems/{till.floor.system_id}/exceptions"
    for language, title in LANGUAGES.items():
        page = await Browser(app, language=language).get(here)
        assert (page.status, title in page.text) == (200, True)
        assert "tpr-" not in page.text
    browser = Browser(app)
    path = (await browser.get(here)).text.partition('href="/vouchers/cases/')[2].partition('"')[0]
    case = f"/vouchers/cases/{path}"
    asked = await browser.get(case)
    assert "booked twice" in asked.text
    assert ('value="reverse"' in asked.text, 'value="paid"' in asked.text) == (True, False)
    form = {"evidence": "one receipt", "reason": "counted"}
    assert (await browser.post(case, page=case, **form)).status == 400
    done = await browser.post(case, page=case, decision="reverse", **form)
    assert done.location == f"{here}?done=reverse"
    after = await browser.follow(done)
    assert ("The amount is back on the voucher." in after.text, "Possible duplicates" in after.text) == (True, False)
    assert await till.floor.balance(number) == 600
