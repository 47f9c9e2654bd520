"""How terminals of the field differ in their answers: what a simulator can play. Each entry is a report, not a rule.

Sources and marks: protocols/concert/README-V3.md, section 6. A door over the engine uses `plain`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from tillbridge.protocols.concert.v3.messages import Action, Detail


class RefusedAmount(StrEnum):
    """What CB says when nothing was taken."""

    ASKED = "asked"
    ZERO = "zero"
    ABSENT = "absent"


class PersonalityName(StrEnum):
    """The personalities, as a setting names them."""

    PLAIN = "plain"
    DESK_5000 = "desk5000"
    I2200 = "i2200"
    PAYXPERT = "payxpert"


@dataclass(frozen=True, slots=True)
class Personality:
    """One manner of answering.

    `version` and `protocol_id` None repeat the till's own. `private_text` stands in CF of accepted answers where the
    terminal does not repeat the till's. `details` replaces codes of AF, `cheque` is the one for any cheque. `services`
    are the actions besides payments that it runs, `cancels` says whether it runs CD 2, and `names_success` whether it
    sends AF 01 beside AE 10.
    """

    version: str | None = None
    protocol_id: str | None = None
    private_text: str | None = None
    refused_amount: RefusedAmount = RefusedAmount.ASKED
    details: Mapping[Detail, Detail] = field(default_factory=lambda: MappingProxyType({}))
    cheque: Detail = Detail.SELECTION_ERROR
    services: frozenset[Action] = frozenset({Action.IDENTIFY, Action.STATUS, Action.DUPLICATE})
    cancels: bool = True
    names_success: bool = False


PERSONALITIES: Final[Mapping[PersonalityName, Personality]] = MappingProxyType(
    {
        PersonalityName.PLAIN: Personality(),
        PersonalityName.DESK_5000: Personality(
            version="0301",
            protocol_id="330538600404",
            private_text="1010000000",
            refused_amount=RefusedAmount.ZERO,
            details=MappingProxyType({Detail.ABANDONED: Detail.OPERATOR_ABANDON}),
            services=frozenset({Action.IDENTIFY}),
            cancels=False,
        ),
        PersonalityName.I2200: Personality(
            refused_amount=RefusedAmount.ABSENT,
            cheque=Detail.REFUSED,
            services=frozenset({Action.IDENTIFY}),
            cancels=False,
        ),
        PersonalityName.PAYXPERT: Personality(version="0320", names_success=True),
    }
)
