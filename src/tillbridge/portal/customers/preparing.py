"""Seals what a conversion or an import is going to write, with the fingerprint by which it is verified."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tillbridge.portal.customers.planning import Planned
from tillbridge.portal.customers.sealing import Sealer, fingerprint, packed
from tillbridge.portal.customers.store import NewCustomer
from tillbridge.runtime.effects import Ids


@dataclass(frozen=True, slots=True)
class Prepared:
    """A customer ready to be written. `fingerprint` is over everything that was carried over."""

    row: NewCustomer
    fingerprint: bytes


def prepare(planned: Sequence[Planned], sealer: Sealer, ids: Ids, numbers: Iterator[str]) -> list[Prepared]:
    """Gives each an id and a key of its own; those without a number take the next of `numbers`."""
    return [_prepare(one, sealer, ids.new(), one.number or next(numbers)) for one in planned]


def _prepare(one: Planned, sealer: Sealer, customer_id: str, number: str) -> Prepared:
    key, stored = sealer.fresh_key(customer_id)
    plain, aliases = packed(one.fields), sorted(one.aliases)
    row = NewCustomer(
        id=customer_id,
        number=number,
        balance_minor=one.balance_minor,
        points=one.points,
        key=stored,
        sealed=sealer.seal(plain, key, customer_id),
        tokens=tuple(sealer.tokens(one.fields)),
        aliases=aliases,
        v1_positions=one.positions,
    )
    return Prepared(row, fingerprint(plain, number, one.balance_minor, one.points, aliases, one.positions))
