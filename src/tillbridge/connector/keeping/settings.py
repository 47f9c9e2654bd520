"""What a person may set about what is kept, and for how long."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

A_YEAR: Final = 366
"""Days. Nothing that is younger is ever put away."""

LONGEST: Final = 36600
"""Days: a hundred years, which means never."""


class KeepingSettings(BaseModel):
    """How long payments stay in the journal.

    After `keep_days` a payment that is over, reported and settled is put away into a file of its year in the data
    folder's `archive`. What answers a key or an order number stays in the journal for ever.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    keep_days: Annotated[int, Field(ge=A_YEAR, le=LONGEST)] = 400
