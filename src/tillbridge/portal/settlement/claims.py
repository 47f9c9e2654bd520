"""Who claims what from whom, out of sums: pure (docs/reference/voucher-settlement.md, section 2)."""

from collections.abc import Iterable, Mapping

from tillbridge.portal.settlement.model import Sum

Pair = tuple[str, str]


def claims_of(sums: Iterable[Sum]) -> Mapping[Pair, int]:
    """By (who claims, from whom): what was redeemed there of the other's credit, less what was put back.

    Below zero where more was put back than redeemed in that time: then the other claims it.
    """
    found: dict[Pair, int] = {}
    for one in sums:
        if one.claim:
            pair = (one.place_id, one.owner_id)
            found[pair] = found.get(pair, 0) + one.claim
    return {pair: amount for pair, amount in found.items() if amount}


def net_of(claims: Mapping[Pair, int]) -> Mapping[Pair, int]:
    """By (who is paid, who pays): what is left of the claims between each two of them, always above zero."""
    found: dict[Pair, int] = {}
    for first, second in {(min(pair), max(pair)) for pair in claims}:
        amount = claims.get((first, second), 0) - claims.get((second, first), 0)
        if amount > 0:
            found[first, second] = amount
        elif amount < 0:
            found[second, first] = -amount
    return found


def balances_of(claims: Mapping[Pair, int]) -> Mapping[str, int]:
    """By location what it is paid, or pays where it is below zero. Their sum is 0."""
    found: dict[str, int] = {}
    for (claimer, owner), amount in claims.items():
        found[claimer] = found.get(claimer, 0) + amount
        found[owner] = found.get(owner, 0) - amount
    return found


def of_location(claims: Mapping[Pair, int], location_id: str) -> Mapping[str, tuple[int, int]]:
    """By counterpart what a location claims from it, and what it claims from the location."""
    found: dict[str, tuple[int, int]] = {}
    for (claimer, owner), amount in claims.items():
        if claimer == location_id:
            ours, theirs = found.get(owner, (0, 0))
            found[owner] = (ours + amount, theirs)
        elif owner == location_id:
            ours, theirs = found.get(claimer, (0, 0))
            found[claimer] = (ours, theirs + amount)
    return found
