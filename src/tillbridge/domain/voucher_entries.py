"""The catalogue's entries for web vouchers (docs/reference/vouchers.md, section 7)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tillbridge.domain.codes import Code, Entry

_ENTRIES: Final = {
    Code.VOUCHER_UNREADABLE: Entry(400, "This is no code of a voucher.", "Scan it again, or type its number.", "V101"),
    Code.VOUCHER_CHECK_DIGIT: Entry(400, "The voucher's number has a typing mistake.", "Compare it with the voucher, digit by digit.", "V102"),
    Code.VOUCHER_UNKNOWN: Entry(404, "This voucher is not known here.", "Check the number and whose voucher it is.", "V103"),
    Code.VOUCHER_TWO_PINS: Entry(400, "Two different PINs were given.", "Give the PIN once.", "V104"),
    Code.VOUCHER_PIN_NEEDED: Entry(400, "Paying with this voucher needs its PIN.", "Scan or type the PIN.", "V105"),
    Code.VOUCHER_OTHER_MERCHANT: Entry(409, "This voucher belongs to another business.", "Spend it with the business that it names.", "V106"),
    Code.VOUCHER_NOT_ACTIVATED: Entry(409, "The voucher has not been activated.", "Activate it in the portal, or use another one.", "V201"),
    Code.VOUCHER_BLOCKED: Entry(409, "The voucher is blocked.", "Ask the office, which can see why.", "V202"),
    Code.VOUCHER_EXPIRED: Entry(409, "The voucher's credit has expired.", "Ask the office; it can be loaded again.", "V203"),
    Code.VOUCHER_RETIRED: Entry(409, "The voucher was replaced by another.", "Use the one that replaced it.", "V204"),
    Code.VOUCHER_PIN_WRONG: Entry(403, "The voucher's PIN is wrong.", "Compare the PIN; the answer says how many tries are left.", "V205"),
    Code.VOUCHER_PIN_LOCKED: Entry(429, "There were too many wrong PINs for this voucher.", "Wait until the time that is named.", "V206", passing=True),
    Code.VOUCHER_PIN_BLOCKED: Entry(403, "The voucher's PIN is blocked.", "The office can unblock it.", "V207"),
    Code.VOUCHER_EMPTY: Entry(409, "The voucher has no credit left.", "Take another payment.", "V301"),
    Code.VOUCHER_FUNDS: Entry(409, "The voucher has less credit than was asked for.", "Take what is there, and the rest in another way.", "V302"),
    Code.VOUCHER_CAP: Entry(409, "The voucher cannot hold so much.", "Load less, or a second voucher.", "V303"),
    Code.VOUCHER_AMOUNT: Entry(400, "The amount is wrong for a voucher.", "Send a whole number of the currency's smallest unit, within the limits.", "V304"),
    Code.VOUCHER_LOAD_SPENT: Entry(409, "Some of this load has been spent.", "Reverse no more than is unspent; the office can do that.", "V305"),
    Code.VOUCHER_OVER_REVERSAL: Entry(409, "More was to be taken back than was booked.", "Take back no more than is left of it.", "V306"),
    Code.VOUCHER_CURRENCY: Entry(409, "The voucher is in another currency.", "It cannot be used here.", "V307"),
    Code.VOUCHER_COUNTRY: Entry(409, "The voucher is from another country.", "It cannot be used here unless the office allows it.", "V308"),
    Code.VOUCHER_RATE: Entry(429, "There were too many attempts here.", "Wait as long as the answer says.", "V401", passing=True),
    Code.VOUCHER_NOT_PARTICIPATING: Entry(403, "This location takes no vouchers of this kind.", "The office can let it take part.", "V402"),
    Code.VOUCHER_QUOTA: Entry(409, "There are not so many codes left this month.", "Make fewer, or wait for the next month; the portal's operator can grant more.", "V403"),
    Code.VOUCHER_KEY_BODY: Entry(422, "This key was used before for something else.", "Send a new key for a new action.", "V501"),
    Code.VOUCHER_RUNNING: Entry(409, "The same request is still being carried out.", "Send it again in a second.", "V502", passing=True),
    Code.VOUCHER_VOIDED: Entry(409, "This action was taken back before it arrived. Nothing was booked.", "Begin anew with a new key if it is still wanted.", "V503"),
    Code.VOUCHER_ORDER: Entry(409, "This payment was put back already.", "Call the office: the receipt says paid and the voucher was given its money back.", "V504"),
    Code.VOUCHER_OFFLINE_LIMIT: Entry(409, "This voucher cannot be taken without a connection.", "Take another payment; the office sets how much may be taken without one.", "V506"),
    Code.PROVIDER_DOWN: Entry(502, "The voucher's provider is not reached. Nothing was booked.", "Take another payment, or try again later.", "T601", passing=True),
    Code.PROVIDER_REFUSED: Entry(409, "The voucher's provider refused it. Nothing was booked.", "Read what the provider says, and take another payment.", "T602"),
    Code.PROVIDER_UNKNOWN: Entry(504, "It is not known whether the voucher's provider has booked it.", "Do not repeat it. Compare the evidence, ask the provider, and decide it in the connector.", "T603"),
    Code.PROVIDER_MUST_FINISH: Entry(409, "The voucher's provider takes nothing back.", "Finish the receipt with any kind of payment.", "T604"),
    Code.PROVIDER_PREFIX: Entry(400, "No provider is set up for this number.", "Compare its first two digits with the providers in the settings.", "T605"),
    Code.SHOP_RANGE: Entry(400, "A voucher of this value is not sold.", "Choose a value within the range that is named.", "S701"),
    Code.SHOP_PRODUCT_GONE: Entry(409, "This voucher is no longer offered.", "Choose another one.", "S702"),
    Code.SHOP_SIGN_IN: Entry(401, "Topping up a voucher needs an account.", "Sign in, or buy a new voucher as a guest.", "S703"),
    Code.SHOP_UNPAID: Entry(402, "The payment is not confirmed. Nothing was issued.", "Wait until the payment service has confirmed it, or pay again.", "S704"),
    Code.PAYMENT_SERVICE_AWAY: Entry(503, "The payment service could not be asked. What became of the payment is not known.", "Ask again in a moment; the same wish is never carried out twice.", passing=True),
    Code.PAYMENT_SERVICE_REFUSED: Entry(402, "The payment service said no.", "Pay in another way, or look at the payment there."),
}  # fmt: skip

VOUCHER_ENTRIES: Final[Mapping[Code, Entry]] = MappingProxyType(_ENTRIES)
