"""Tells owners that somebody guesses PINs: the desk notes it with the wrong PIN itself, and here it becomes a letter.

So no alarm is lost with a process, and no till waits for a letter. Of one pause nobody is told twice, whichever process
is first.
"""

from tillbridge.portal.house import House
from tillbridge.portal.links.model import Owners
from tillbridge.portal.validity import cases_store, letters
from tillbridge.portal.vouchers import systems_store


class Alarms:
    """Writes the letters."""

    def __init__(self, house: House, owners: Owners) -> None:
        self._house = house
        self._owners = owners

    async def tell(self) -> None:
        """Writes to the owners about each alarm of which nobody was told."""
        async with self._house.database.reading() as connection:
            waiting = await cases_store.untold(connection)
        for alarm_id in waiting:
            await self._tell(alarm_id)

    async def _tell(self, alarm_id: str) -> None:
        async with self._house.database.writing() as connection:
            taken = await cases_store.take_alarm(connection, alarm_id)
            if taken is None:
                return
            location_id, alarm = taken
            system = await systems_store.system_of(connection, location_id)
            known = await cases_store.told_in_this_pause(connection, location_id, alarm.at)
            # Of a location that has left its system meanwhile there is nothing to redeem at, and nobody to ask.
            if system is not None and not known:
                for recipient in await self._owners(connection, system.tenant_id):
                    await letters.alarm(self._house, connection, recipient, system, alarm.location, alarm.until)
            await cases_store.told(connection, alarm_id, self._house.runtime.clock.now())
