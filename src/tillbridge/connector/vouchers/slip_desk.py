"""Writes and prints the slips of vouchers, with the receipts' own lines, printer and language."""

from dataclasses import replace
from typing import TYPE_CHECKING

from tillbridge.connector.receipts.desk import Form, ReceiptDesk
from tillbridge.connector.vouchers.opening import Vouchers
from tillbridge.connector.vouchers.providers.codes import read_scan
from tillbridge.connector.vouchers.slips import slip_of_action, slip_of_balance, slip_of_facts
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.voucher_slip import VoucherSlip, build_slip

if TYPE_CHECKING:
    from tillbridge.connector.vouchers.desk import VoucherDesk


class SlipDesk:
    """Slips over the voucher desk and the receipts of one connector."""

    def __init__(self, vouchers: Vouchers, receipts: ReceiptDesk) -> None:
        self._vouchers = vouchers
        self._receipts = receipts

    async def of_voucher(self, code: str, currency: str) -> VoucherSlip:
        """What is on a voucher now. `BridgeError`: what `read_scan` refuses, and as `VoucherDesk.lookup`."""
        scanned, desk = read_scan(code, self._vouchers.profiles), await self._vouchers.desk()
        read = scanned.code
        if scanned.provider:
            seen = await desk.lookup_at(scanned.provider, read.number, currency)
            return slip_of_balance(read.number, seen, currency, self._vouchers.now(), self._vouchers.location)
        facts = await desk.lookup(read.number, currency, read.merchant or "")
        return slip_of_facts(facts, self._vouchers.location)

    def of_action(self, desk: "VoucherDesk", key: str) -> VoucherSlip:
        """An action as it stands. `BridgeError(PAYMENT_UNKNOWN)` for a key that was never seen."""
        return slip_of_action(desk.find(key), desk.history(key), self._vouchers.location)

    async def written(
        self, slip: VoucherSlip, form: Form, language: Language | None = None, columns: int | None = None
    ) -> bytes:
        """The slip; `language` None is that of the receipts, `columns` None their width."""
        built = build_slip(self._of_the_shop(slip), language or self._receipts.language)
        return await self._receipts.written(built, form, columns)

    async def print(self, slip: VoucherSlip, language: Language | None = None) -> None:
        """Hands it to the printer of the settings. `BridgeError(PRINTER_UNAVAILABLE)`."""
        built = build_slip(self._of_the_shop(slip), language or self._receipts.language)
        await self._receipts.hand_over(built)

    def _of_the_shop(self, slip: VoucherSlip) -> VoucherSlip:
        header, footer = self._receipts.own_lines()
        return replace(slip, at=self._receipts.local(slip.at), header=header, footer=footer)
