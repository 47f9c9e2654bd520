"""The statements about types of vouchers."""

from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.printing.tables import voucher_type
from tillbridge.portal.printing.types_model import TypeDraft, VoucherType


async def of_system(connection: AsyncConnection, system_id: str) -> tuple[VoucherType, ...]:
    """A system's types, in the order of buttons."""
    statement = select(voucher_type).where(voucher_type.c.system_id == system_id)
    rows = await connection.execute(statement.order_by(voucher_type.c.position, voucher_type.c.id))
    return tuple(_read(row) for row in rows.mappings())


async def find(connection: AsyncConnection, type_id: str) -> VoucherType | None:
    """The type with this id, of whichever system."""
    row = (await connection.execute(select(voucher_type).where(voucher_type.c.id == type_id))).mappings().one_or_none()
    return None if row is None else _read(row)


async def count(connection: AsyncConnection, system_id: str) -> int:
    """How many types a system has."""
    statement = select(func.count()).select_from(voucher_type).where(voucher_type.c.system_id == system_id)
    return int(await connection.scalar(statement) or 0)


async def add(connection: AsyncConnection, one: VoucherType, now: datetime) -> None:
    """Writes a new type down."""
    values = _changing(one.draft, now) | {"id": one.id, "system_id": one.system_id}
    await connection.execute(insert(voucher_type).values(values))


async def change(connection: AsyncConnection, one: VoucherType, now: datetime) -> None:
    """Writes a type down as it is now."""
    await connection.execute(update(voucher_type).where(voucher_type.c.id == one.id).values(_changing(one.draft, now)))


async def remove(connection: AsyncConnection, type_id: str) -> None:
    """Forgets a type; vouchers that were sold by it stay as they are."""
    await connection.execute(delete(voucher_type).where(voucher_type.c.id == type_id))


def _changing(one: TypeDraft, now: datetime) -> dict[str, Any]:
    return {
        "names": {language.value: name for language, name in one.names.items()},
        "price": one.price,
        "active": one.active,
        "position": one.position,
        "design": one.design,
        "changed_at": now,
    }


def _read(row: RowMapping) -> VoucherType:
    names = {Language(language): name for language, name in row["names"].items()}
    draft = TypeDraft(names, row["price"], row["active"], row["position"], row["design"])
    return VoucherType(row["id"], row["system_id"], draft)
