"""What happens at a counter, once: a till that asks for one thing, and whoever else has a hand in it.

`act` can be run again after a crash: a till that repeats says the same words under the same keys.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, Final

from tests.simulation.reckoning import TILL, request
from tests.simulation.world import SETTINGS
from tillbridge.domain.operation import Kind, Progress, Stage
from tillbridge.engine.engine import Engine
from tillbridge.engine.rules import EngineSettings, LostAbort
from tillbridge.protocols.contract import Payment, PaymentRequest
from tillbridge.virtual.scenarios import APPROVE, Scenario, scenario

Act = Callable[[Engine], Coroutine[Any, Any, Payment]]

EARLIER: Final = "the earlier one"
ASKED: Final = "what is asked for now"
TAKES_BACK: Final = SETTINGS.model_copy(update={"lost_abort": LostAbort.REVERSE})
KEEPS: Final = SETTINGS.model_copy(update={"lost_abort": LostAbort.KEEP})


@dataclass(frozen=True, slots=True)
class Story:
    """`before` was done on a good day, `act` is what is disturbed; `ends` is how it ends when nothing disturbs it."""

    name: str
    act: Act
    ends: Stage = Stage.APPROVED
    before: PaymentRequest | None = None
    scenario: Scenario = APPROVE
    settings: EngineSettings = SETTINGS

    def __str__(self) -> str:
        return self.name


def new_folders(folder: Path) -> Iterator[Path]:
    """One new folder after the other."""
    for number in count():
        made = folder / str(number)
        made.mkdir()
        yield made


@contextmanager
def told_where(story: Story, point: tuple[int, object]) -> Iterator[None]:
    """What fails in here says which story it was, and where that was disturbed."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"the story was {story}, disturbed at {point[0]} {point[1]!r}")
        raise


async def over(engine: Engine, asked: PaymentRequest) -> Payment:
    """Asks, and waits for as long as it takes."""
    return await engine.wait((await engine.start(asked)).id, 600)


def asks(kind: Kind, minor: int | None = 1000, *, of_earlier: bool = False) -> Act:
    """A till that asks for this, about the earlier operation where that is meant."""

    async def act(engine: Engine) -> Payment:
        parent = (await engine.find_key(TILL, EARLIER)).id if of_earlier else None
        return await over(engine, request(ASKED, kind, minor, parent=parent))

    return act


def signs(*, accepted: bool) -> Act:
    """A cashier who compares the signature of a sale as soon as she is asked."""

    async def act(engine: Engine) -> Payment:
        with engine.watch() as changes:
            payment = await engine.start(request(ASKED))
            if not payment.running:
                return payment
            async for change in changes:
                if change.id == payment.id and change.progress is Progress.AWAITING_SIGNATURE:
                    await engine.sign(payment.id, accepted=accepted, by="Anna")
                    break
                if change.id == payment.id and not change.running:
                    break
        return await engine.wait(payment.id, 600)

    return act


def gives_up(after: float, kind: Kind = Kind.SALE) -> Act:
    """A till that wants what it has asked for stopped after so many seconds."""

    async def act(engine: Engine) -> Payment:
        payment = await engine.start(request(ASKED, kind))
        if payment.running:
            await asyncio.sleep(after)
            await engine.abort(payment.id)
        return await engine.wait(payment.id, 600)

    return act


SALE: Final = Story("sale", asks(Kind.SALE))
DECLINED: Final = Story("declined", asks(Kind.SALE), Stage.DECLINED, scenario=scenario("decline_refused"))
EARLIER_SALE: Final = request(EARLIER)
REFUND: Final = Story("refund", asks(Kind.REFUND, 400, of_earlier=True), before=EARLIER_SALE)
VOID: Final = Story("void", asks(Kind.VOID, None, of_earlier=True), before=EARLIER_SALE)
CLOSING: Final = Story("reconciliation", asks(Kind.RECONCILIATION, None), before=EARLIER_SALE)

EARLIER_HOLD: Final = request(EARLIER, Kind.AUTHORIZATION)
HOLD: Final = Story("authorization", asks(Kind.AUTHORIZATION))
CAPTURE: Final = Story("capture", asks(Kind.CAPTURE, 600, of_earlier=True), before=EARLIER_HOLD)
RELEASE: Final = replace(VOID, name="release", before=EARLIER_HOLD)

_SIGNED: Final = scenario("signature")
SIGNATURE_ACCEPTED: Final = Story("signature accepted", signs(accepted=True), scenario=_SIGNED)
SIGNATURE_REFUSED: Final = Story("signature refused", signs(accepted=False), Stage.ABORTED, scenario=_SIGNED)
CALL_REVERSAL: Final = Story("call reversal", asks(Kind.SALE), Stage.ABORTED, scenario=scenario("call_reversal"))
_CARD_WINS: Final = scenario("card_beats_abort")
ABORT_IN_TIME: Final = Story("abort in time", gives_up(0.3), Stage.ABORTED, settings=TAKES_BACK)
LOST_ABORT_KEPT: Final = Story("lost abort kept", gives_up(0.3), scenario=_CARD_WINS, settings=KEEPS)
LOST_ABORT_REVERSED: Final = Story(
    "lost abort reversed", gives_up(0.3), Stage.ABORTED, scenario=_CARD_WINS, settings=TAKES_BACK
)
LOST_HOLD_REVERSED: Final = Story(
    "lost hold reversed", gives_up(1.0, Kind.AUTHORIZATION), Stage.ABORTED, settings=TAKES_BACK
)
"""On a wire where nothing can be stopped at all."""
