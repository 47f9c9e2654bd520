"""The provider's side of its payment page: opens one, takes a buyer's attempts, and says where the buyer goes then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from tillbridge.psp.hipay.sandbox.answers import moment
from tillbridge.psp.hipay.sandbox.faults import Fault
from tillbridge.psp.hipay.sandbox.hosted import Page, check_page
from tillbridge.psp.hipay.sandbox.hosted_deeds import Deed
from tillbridge.psp.hipay.sandbox.hosted_store import ONE_PAGE, attempt, check_open, open_page, page_of, steps_of
from tillbridge.psp.hipay.sandbox.model import Transaction
from tillbridge.psp.hipay.sandbox.orders import Rules
from tillbridge.psp.hipay.sandbox.provider import Provider
from tillbridge.psp.hipay.sandbox.redirecting import address_with, fields_back, signed, way_back
from tillbridge.psp.hipay.sandbox.refusals import GatewayCode, GatewayRefusal
from tillbridge.psp.hipay.sandbox.statuses import Status

PATH: Final = "/payment/web/pay"
MID: Final = "00000000001"
"""The sandbox's one contract for payments on the web."""


_ENDS: Final[Mapping[Deed, Status]] = {
    Deed.PAY: Status.AUTHORIZED,
    Deed.DECLINE: Status.REFUSED,
    Deed.HANG: Status.PENDING_PAYMENT,
    Deed.CANCEL: Status.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A page as it stands: its attempts, and why nothing more can be done on it, if so."""

    page: Page
    attempts: Sequence[Transaction]
    closed: GatewayRefusal | None


class HostedDesk:
    """The pages of one sandbox. Raises `GatewayRefusal` and `BridgeError` as the provider does."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    async def open(self, given: Mapping[str, str], base: str) -> dict[str, object]:
        """`POST /rest/v1/hpayment`: the answer with the address of the page, which begins with `base`."""
        provider = self._provider
        token = f"{provider.runtime.chance.getrandbits(128):032x}"
        rules = Rules(provider.credentials.hashkey, provider.settings.credit_status)
        wanted = check_page(given, rules, token, provider.runtime.clock.now())
        once = provider.faults.strikes(Fault.PAGE_ONCE)
        page, attempts = await provider.store.run(lambda one: open_page(one, wanted, once=once))
        return {
            "forwardUrl": f"{base}{PATH}/{page.token}",
            "test": "true",
            "mid": MID,
            "order": _order(page, len(attempts)),
        }

    def shown(self, token: str) -> Shown:
        """The page of this token; a refusal with HTTP 404 where there is none."""
        rows = self._provider.store.rows(ONE_PAGE, token)
        if not rows:
            raise GatewayRefusal(GatewayCode.ORDER_UNKNOWN, "there is no such page")
        page = page_of(rows[0])
        attempts = self._provider.store.of_order(page.order_id)
        try:
            check_open(page, attempts, self._provider.runtime.clock.now())
        except GatewayRefusal as refusal:
            return Shown(page, attempts, refusal)
        return Shown(page, attempts, None)

    async def act(self, token: str, deed: Deed) -> tuple[Transaction, str | None]:
        """A buyer's attempt; what came of it, and the address to go to, None where the merchant has named none."""
        provider = self._provider
        page = self.shown(token).page
        steps = steps_of(page, _ENDS[deed])
        now, telling = provider.runtime.clock.now(), provider.telling(named="notify_url" in page.asked)
        made = await provider.store.run(lambda one: attempt(one, token, steps, now, telling))
        if provider.told_of(made) and provider.faults.strikes(Fault.NOTICE_EARLY):
            await provider.sender.send_now(made.reference)
        provider.sender.wake()
        return made, self.back(page, made)

    def back(self, page: Page, made: Transaction) -> str | None:
        """The signed address at which the buyer comes back to the shop."""
        address = way_back(page, made)
        if address is None:
            return None
        fields = fields_back(page, made)
        passphrase = self._provider.credentials.passphrase
        if self._provider.faults.strikes(Fault.RETURN_FORGED):
            passphrase = f"{passphrase}x"
        return address_with(address, signed(fields, passphrase, self._provider.sender.target.digest))


def _order(page: Page, attempts: int) -> dict[str, str]:
    amount, asked = page.amount, page.asked
    return {
        "id": page.order_id,
        "dateCreated": moment(page.created),
        "attempts": str(attempts),
        "amount": amount.major(),
        "shipping": "0",
        "tax": "0",
        "decimals": str(amount.currency.exponent),
        "currency": amount.currency.code,
        "customerId": asked.get("cid", ""),
        "language": asked.get("language", "en_GB"),
        "email": asked.get("email", ""),
    }


def http_status(closed: GatewayRefusal | None) -> int:
    """Of a page: one that is closed is gone."""
    return HTTPStatus.OK if closed is None else HTTPStatus.GONE
