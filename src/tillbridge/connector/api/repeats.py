"""Writes that start no payment (abort, signature, resolve, keep), asked for twice under one key: one deed, one answer.

Each of them is harmless when it is repeated, because the state that it finds then refuses it or says that nothing is
left to do. What is remembered here, for the life of the process, is the answer: a till that lost it gets it again.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from fastapi import Response

from tillbridge.connector.api.describing import json_answer
from tillbridge.connector.api.outcome_resources import Resource
from tillbridge.domain.errors import BridgeError, Code

MOST_REMEMBERED: Final = 1000
"""Answers that are kept, the newest: a till repeats a lost one within seconds."""


@dataclass(slots=True)
class _Deed:
    fingerprint: str
    answer: Resource | None = None
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)


class Repeats:
    """The writes of one interface."""

    def __init__(self) -> None:
        self._deeds: OrderedDict[tuple[str, str], _Deed] = OrderedDict()

    async def once(self, caller: str, key: str, fingerprint: str, act: Callable[[], Awaitable[Resource]]) -> Response:
        """What `act` answers; for a repeat, also one that comes meanwhile, what it has answered.

        `BridgeError(KEY_CONFLICT)` where the key stands for another write. A write that was refused is forgotten.
        """
        name = (caller, key)
        deed = self._deeds.setdefault(name, _Deed(fingerprint))
        if deed.fingerprint != fingerprint:
            raise BridgeError(Code.KEY_CONFLICT, "the key stands for another write")
        async with deed.one_at_a_time:
            if deed.answer is None:
                try:
                    deed.answer = await act()
                except BaseException:
                    if self._deeds.get(name) is deed:
                        del self._deeds[name]
                    raise
                self._forget_oldest()
        return json_answer(deed.answer)

    def _forget_oldest(self) -> None:
        while len(self._deeds) > MOST_REMEMBERED:
            self._deeds.popitem(last=False)
