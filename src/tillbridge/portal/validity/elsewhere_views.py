"""How what stands elsewhere is drawn on the page of exceptions, with the way to where it is looked after."""

from collections.abc import Mapping

from tillbridge.domain.voucher_code import masked
from tillbridge.portal.customers.forms import amount
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.portal.validity.cases_model import Restored, Shortfall, Unsent
from tillbridge.web.words import Words

LINK = "/interfaces/links/{link_id}"


def unsent(words: Words, one: Unsent, person: Person) -> Mapping[str, object]:
    """A connector that cannot get rid of something. `path`: its page, "" where this reader may not see it."""
    if one.put_backs:
        what = words.t("exceptions.unsent.put_backs", count=words.count(one.put_backs))
    else:
        what = words.t("exceptions.unsent.others", count=words.count(one.count))
    sees = person.may(Area.POS_INTERFACE, Action.VIEW, one.location_id)
    return {
        "location": one.location,
        "what": what,
        "since": words.moment(one.since),
        "heard": words.moment(one.heard_at),
        "path": LINK.format(link_id=one.link_id) if sees else "",
    }


def short(words: Words, one: Shortfall, code: str) -> Mapping[str, object]:
    """What was lost without a connection."""
    key = f"risk.reason.{one.reason}"
    return {
        "location": one.location,
        "voucher_id": one.voucher_id,
        "number": masked(one.number) if one.number else "",
        "receipt": one.receipt,
        "asked": amount(words, one.asked, code),
        "loss": amount(words, one.loss, code),
        "reason": words.t(key) if words.t.has(key) else one.reason,
        "at": words.moment(one.at),
    }


def restored(words: Words, one: Restored) -> Mapping[str, object] | None:
    """What a recovery left behind, but for the bookings that were not told again: those are a list of their own."""
    if not (one.silent or one.cases):
        return None
    return {"silent": one.silent, "cases": words.count(one.cases) if one.cases else ""}


def ways(person: Person, system_id: str) -> Mapping[str, str]:
    """Where it is looked after, "" where this reader may not go."""
    at = f"/vouchers/systems/{system_id}"
    return {
        "recovery": f"{at}/recovery" if person.may_somewhere(Area.VOUCHER_CORRECT) else "",
        "risk": f"{at}/risk" if person.may_somewhere(Area.VOUCHER_RISK) else "",
    }
