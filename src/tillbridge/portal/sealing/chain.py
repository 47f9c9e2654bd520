"""The chain over the ledger (docs/reference/voucher-sealing.md): what of an entry is hashed. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tillbridge.portal.chains.chain import Chain, Row, plain

TAKEN: Final = "taken"
MADE: Final = "made"
"""Members of a row that are no columns of the entry: what it took from which lots, and the lots that it made."""

COLUMNS: Final = (
    "id",
    "voucher_id",
    "seq",
    "kind",
    "amount",
    "balance_after",
    "location_id",
    "station",
    "operator",
    "transaction_ref",
    "operation_id",
    "reverses",
    "reason",
    "business_day",
    "booked_at",
)
"""Every column of an entry."""

ALLOCATED: Final = ("lot_id", "amount")
LOT: Final = ("id", "voucher_id", "location_id", "loaded_at", "seq", "amount")
"""Of allocations and lots everything that never changes."""


def _members(row: Row) -> Mapping[str, object]:
    return {
        **{name: row[name] for name in COLUMNS},
        TAKEN: _rows(row[TAKEN], ALLOCATED),
        MADE: _rows(row[MADE], LOT),
    }


def _rows(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[list[object]]:
    return sorted([plain(row[name]) for name in names] for row in rows)


LEDGER: Final = Chain("ledger", "a ledger", _members)
