"""What can be asked of lists."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypedDict

from tillbridge.connector.receipts.desk import Form, Source
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.receipt import Copy


class Filters(TypedDict, total=False):
    """Which payments a list shows; what is left out is not asked. `since` and `until` have a zone."""

    kind: Kind
    stage: Stage
    terminal: str
    door: str
    order_id: str
    since: datetime
    until: datetime


class ReceiptWish(TypedDict, total=False):
    """Which receipt, and how it is written; what is left out is as the shop has set it."""

    copy: Copy
    format: Form
    source: Source
    language: Language
    columns: int
    duplicate: bool


def query_of(asked: Mapping[str, object]) -> dict[str, str]:
    """Filters as they stand in a query; what is None is left out."""
    return {name: written(value) for name, value in asked.items() if value is not None}


def written(value: object) -> str:
    """A value as it stands in a query. `ValueError` for a moment without a zone: it would mean another one there."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, datetime):
        return str(value)
    if value.tzinfo is None:
        raise ValueError("a moment has a zone")
    return value.isoformat()
