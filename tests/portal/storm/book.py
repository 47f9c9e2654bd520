"""What the tills were told, kept outside the database, and what must be true because of it. Naive on purpose."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from tests.portal.storm.plan import FIRST_LOAD, Action, Kind, Plan, Undo
from tests.portal.storm.wire import Answer
from tillbridge.domain.errors import Code

REPLAYED: Final = "idempotent-replay"

PASSING: Final = frozenset(
    {
        (503, Code.DATABASE_UNAVAILABLE),
        (503, Code.OVERLOADED),
        (500, Code.PORTAL_FAULT),
        (409, Code.VOUCHER_RUNNING),
    }
)
"""Answers after which the same request is sent again: nothing was done, or the portal does not know."""

_SHORT: Final = frozenset({Code.VOUCHER_EMPTY, Code.VOUCHER_FUNDS})
_BACK: Final = frozenset({"put_back", "reversed"})


class WrongWord(AssertionError):
    """The portal said what it must not say."""


@dataclass(frozen=True, slots=True)
class Told:
    """The first answer to an action. `moved` is what it put on the voucher, or took; `balance` what was left then."""

    status: int
    code: str
    digest: bytes
    moved: int
    balance: int
    voucher: int


@dataclass(slots=True)
class Book:
    """Every action by its key, with how it was answered. `fresh` are those that were said to be booked just now."""

    plan: Plan
    told: dict[str, Told] = field(default_factory=dict)
    undone: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    fresh: set[str] = field(default_factory=set)
    seen: Counter[str] = field(default_factory=Counter)

    def passes(self, answer: Answer) -> bool:
        """Whether this answer says: again later. `WrongWord` if it does not say so as a till can understand it."""
        code = said(answer).get("code", "")
        if (answer.status, code) not in PASSING:
            return False
        if said(answer)["final"] or (answer.status == 503 and int(answer.headers.get("retry-after", 0)) < 1):
            raise WrongWord(f"{answer.status} {answer.headers} {answer.body!r}")
        self.seen[code] += 1
        return True

    def heard(self, action: Action, answer: Answer) -> None:
        """An answer to an action. `WrongWord` if it is another than the first, or none that could be true."""
        now = self._read(action, answer)
        before = self.told.setdefault(action.key, now)
        if (before.status, before.code, before.digest) != (now.status, now.code, now.digest):
            raise WrongWord(f"{action} was answered with {before} and then with {answer}")
        if answer.status == 200 and REPLAYED not in answer.headers:
            if action.key in self.fresh:
                raise WrongWord(f"{action} was booked twice: {answer}")
            self.fresh.add(action.key)
        self.seen[f"{action.kind} {now.code or 'booked'}"] += before is now

    def heard_undo(self, action: Action, answer: Answer) -> None:
        """An answer to what takes an action back."""
        told = said(answer)
        if answer.status == 409 and told["code"] == Code.VOUCHER_LOAD_SPENT and action.kind is Kind.LOAD:
            self.seen["reverse spent"] += 1
            return
        back = "reversed" if action.kind is Kind.LOAD else "put_back"
        if answer.status != 200 or told["state"] not in {back, "refused", "voided"} or told["key"] != action.key:
            raise WrongWord(f"taking {action} back: {answer}")
        state, digest = self.undone.setdefault(action.key, (told["state"], _digest(answer)))
        if digest != _digest(answer):
            raise WrongWord(f"{action} was {state}, and then {answer}")
        self.seen[f"undo {state}"] += 1

    def hold(self) -> None:
        """What was said of one action fits together, whoever was told which part of it."""
        for key, (state, _) in self.undone.items():
            told = self.told[key]
            fits = {"voided": told.code == Code.VOUCHER_VOIDED, "refused": told.status != 200 and told.code}
            if not fits.get(state, told.status == 200):
                raise WrongWord(f"{key} is {state} and was answered with {told}")

    def balances(self) -> list[int]:
        """What must be on each voucher."""
        found = [FIRST_LOAD] * self.plan.vouchers
        for key, told in self.told.items():
            if not self.is_back(key):
                found[told.voucher] += told.moved
        return found

    def is_back(self, key: str) -> bool:
        """Whether the till was told that this action was taken back."""
        return key in self.undone and self.undone[key][0] in _BACK

    def _read(self, action: Action, answer: Answer) -> Told:
        told = said(answer)
        if answer.status == 200:
            return self._booked(action, answer, told)
        code, blocked = told["code"], self.plan.blocked(action.voucher)
        voided = code == Code.VOUCHER_VOIDED and action.undo in {Undo.BEFORE, Undo.RACING}
        short = code in _SHORT and action.kind is not Kind.LOAD and not blocked
        if short and not 0 <= told["balance"] < action.amount:
            raise WrongWord(f"{action} could have been paid: {answer}")
        if not (voided or short or (blocked and code == Code.VOUCHER_BLOCKED)):
            raise WrongWord(f"{action} was answered with {answer}")
        # That it was taken back before it came is judged each time anew: there is no answer that was kept.
        return Told(answer.status, code, b"" if voided else _digest(answer), 0, 0, action.voucher)

    def _booked(self, action: Action, answer: Answer, told: dict[str, Any]) -> Told:
        taken, state = told["taken"], "loaded" if action.kind is Kind.LOAD else "interim"
        right = 0 < taken <= action.amount if action.kind is Kind.UP_TO else taken == action.amount
        short = taken < action.amount and told["balance"] != 0
        if not right or short or told["state"] != state or told["key"] != action.key or told["balance"] < 0:
            raise WrongWord(f"{action} was answered with {answer}")
        if self.plan.blocked(action.voucher):
            raise WrongWord(f"{action} used a blocked voucher: {answer}")
        moved = taken if action.kind is Kind.LOAD else -taken
        return Told(200, "", _digest(answer), moved, told["balance"], action.voucher)


def said(answer: Answer) -> dict[str, Any]:
    """The members of an answer. `WrongWord` if it is no JSON object: a till could not read it."""
    try:
        found = json.loads(answer.body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise WrongWord(str(answer))
    return found


def _digest(answer: Answer) -> bytes:
    return hashlib.blake2b(answer.body, digest_size=12).digest()
