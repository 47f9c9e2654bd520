"""What a location may take without a connection, at its own risk; what it lost by that; and merchants' numbers."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from tillbridge.portal.storage.columns import ID_LENGTH, identity, metadata, moment, reference

voucher_merchant_number: Final = Table(
    "voucher_merchant_number",
    metadata,
    # A number by which older codes name the merchant whose voucher they are.
    Column("system_id", String(ID_LENGTH), ForeignKey("voucher_system.id"), primary_key=True),
    Column("number", String(20), primary_key=True),
    moment("added_at"),
)

voucher_risk: Final = Table(
    "voucher_risk",
    metadata,
    # No row, or all limits 0: nothing is taken without a connection. Amounts in the currency of the voucher system.
    Column("location_id", String(ID_LENGTH), ForeignKey("location.id"), primary_key=True),
    Column("per_voucher", BigInteger, nullable=False),
    Column("per_day", BigInteger, nullable=False),
    Column("open_total", BigInteger, nullable=False),
    Column("in_maintenance", Boolean, nullable=False),
    moment("changed_at"),
    CheckConstraint("per_voucher >= 0 and per_day >= 0 and open_total >= 0", name="limits"),
)

voucher_risk_key: Final = Table(
    "voucher_risk_key",
    metadata,
    identity(),
    Column("system_id", String(ID_LENGTH), ForeignKey("voucher_system.id"), nullable=False, unique=True),
    # The half that opens PINs, sealed with the portal's own key, which is not in the database.
    Column("private_sealed", LargeBinary, nullable=False),
    moment("made_at"),
)

voucher_offline: Final = Table(
    "voucher_offline",
    metadata,
    identity(),
    # The location's own account of risk: it never meets the settlement between locations.
    reference("operation_id", "voucher_operation.id"),
    Column("location_id", String(ID_LENGTH), nullable=False, index=True),
    Column("system_id", String(ID_LENGTH), ForeignKey("voucher_system.id"), nullable=True),
    Column("kind", String(10), nullable=False),
    Column("asked", BigInteger, nullable=False),
    Column("taken", BigInteger, nullable=False),
    # What was lost, or is lost no more, with its sign.
    Column("loss", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    # The code of why not all of it could be taken.
    Column("reason", String(40), nullable=False, server_default=""),
    Column("station", String(64), nullable=False, server_default=""),
    Column("transaction_ref", String(64), nullable=False, server_default=""),
    moment("accepted_at"),
    moment("booked_at"),
    UniqueConstraint("operation_id", "kind"),
    CheckConstraint("asked > 0 and taken >= 0", name="asked"),
    CheckConstraint(
        "(kind = 'taken' and loss = asked - taken and loss >= 0) or (kind = 'given_back' and loss < 0)", name="kind"
    ),
)
