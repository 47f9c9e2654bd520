"""What a client raises. A payment that was declined, aborted or is in doubt is a payment and no error."""

from tillbridge.connector.api.resources import ProblemResource
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.outcome import MoneyMoved


class Refused(BridgeError):
    """The connector refused a request. `code` says why, `money_moved` what is known of the money.

    A code that this release does not know comes as `INTERNAL`; `problem.code` has it as it was sent.
    """

    def __init__(self, problem: ProblemResource) -> None:
        try:
            code = Code(problem.code)
        except ValueError:
            code = Code.INTERNAL
        super().__init__(code, problem.detail or problem.title, place=problem.place, payment_id=problem.payment_id)
        self.problem = problem

    @property
    def money_moved(self) -> MoneyMoved:
        """Of this request; where the refusal is about an earlier payment, of that one."""
        return self.problem.money_moved


class NoAnswer(Exception):
    """Nobody answered, or something else than a connector. `sent` says whether the request may have arrived.

    For a payment that may have arrived nobody knows what became of it: ask again under the same key.
    """

    def __init__(self, url: str, detail: str, *, sent: bool) -> None:
        super().__init__(f"{url}: {detail}")
        self.sent = sent
