"""The switches of a simulator, as its door asks for them."""

from typing import Final

from tillbridge.protocols.contract import Fault
from tillbridge.virtual.screen import Screen
from tillbridge.virtual.terminal import VirtualTerminal

NOBODY_LISTENS: Final = frozenset({Fault.SILENT_TO_ENQ, Fault.DROP_ON_REQUEST})
"""How a request fares at a terminal that restarts, or at a line that is pulled."""

NOTHING_ARRIVES: Final = frozenset({Fault.NEVER_ANSWER})
"""How an answer fares on a line that is pulled."""


class ScriptedBehaviour:
    """`contract.Behaviour` of a virtual terminal: the faults of its scenarios, and a line that can be pulled."""

    def __init__(self, terminal: VirtualTerminal) -> None:
        self._terminal = terminal
        self._pulled = False

    @property
    def line_pulled(self) -> bool:
        """Whether the line between till and terminal is pulled."""
        return self._pulled

    def pull_line(self) -> None:
        """Nothing gets through from now on; the terminal goes on with what it has."""
        self._pulled = True

    def plug_line(self) -> None:
        """The line works again."""
        self._pulled = False

    def strikes(self, fault: Fault, payment_id: str | None = None) -> bool:
        """See `Behaviour.strikes`."""
        deaf = self._pulled or self._terminal.screen is Screen.REBOOTING
        if deaf and payment_id is None and fault in NOBODY_LISTENS:
            return True
        if self._pulled and fault in NOTHING_ARRIVES:
            return True
        return self._terminal.strike(fault, payment_id)
