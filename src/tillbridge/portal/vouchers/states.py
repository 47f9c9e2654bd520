"""What a voucher is shown as, in SQL: the same as `model.Voucher.state`, for lists and counts."""

from typing import Final

from sqlalchemy import ColumnElement, case, literal

from tillbridge.link.voucher_messages import VoucherState
from tillbridge.portal.vouchers.systems_model import Life
from tillbridge.portal.vouchers.tables import voucher

_SHOWN: Final = case(
    (voucher.c.life == Life.RETIRED.value, literal(VoucherState.RETIRED.value)),
    (voucher.c.blocked, literal(VoucherState.BLOCKED.value)),
    (voucher.c.life == Life.PRODUCED.value, literal(VoucherState.PRODUCED.value)),
    (voucher.c.written_off, literal(VoucherState.EXPIRED.value)),
    (voucher.c.balance > 0, literal(VoucherState.LOADED.value)),
    (voucher.c.loaded_once, literal(VoucherState.EMPTIED.value)),
    else_=literal(VoucherState.ACTIVATED.value),
)


def shown_state() -> ColumnElement[str]:
    """A value of `VoucherState`: the first that fits."""
    return _SHOWN
