"""Who kills: at counts of answered actions, one blow after another, and everything comes back after each."""

import asyncio
import os
import random
import signal
from contextlib import suppress
from typing import assert_never

import psycopg

from tests.lines import PATIENCE
from tests.portal.postgres import Cluster
from tests.portal.storm.plan import Blow
from tests.portal.storm.street import Street


async def kill_on(street: Street) -> None:
    """All blows of the plan."""
    chance = random.Random(f"{street.plan.seed} targets")
    moments = street.plan.moments()
    for (count, blow), (following, _) in zip(moments, [*moments[1:], (None, None)], strict=True):
        await street.tally.reached(count)
        await street.tally.limit(None)
        await _strike(street, blow, chance, following)
        street.hits[blow.value] += 1


async def _strike(street: Street, blow: Blow, chance: random.Random, following: int | None) -> None:
    """One blow, and what ends it. `following` is when the next one is due."""
    portal = chance.choice(street.portals)
    match blow:
        case Blow.PORTAL_KILLED:
            await portal.kill()
            await street.tally.limit(following)
            await portal.start()
        case Blow.PORTAL_STOPPED:
            await portal.stop()
            await street.tally.limit(following)
            await portal.start()
        case Blow.SERVER_CRASHED | Blow.SERVER_STOPPED | Blow.BACKEND_KILLED:
            assert street.server is not None
            street.server_up.clear()
            street.refused.clear()
            await asyncio.to_thread(_hit_server, street.server, street.database, blow)
            if blow is not Blow.BACKEND_KILLED:
                await _refused(street)
            await street.tally.limit(following)
            await asyncio.to_thread(street.server.start)
            street.server_up.set()
        case _:
            assert_never(blow)


def _hit_server(server: Cluster, database: str, blow: Blow) -> None:
    match blow:
        case Blow.SERVER_CRASHED:
            server.kill()
        case Blow.SERVER_STOPPED:
            server.control("stop", "-m", "fast")
        case _:
            # PostgreSQL ends all other connections then, and recovers as after a power cut.
            with psycopg.connect(server.url(database), autocommit=True) as connection:
                asked = (
                    "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
                )
                pids = [pid for (pid,) in connection.execute(asked)]
            for pid in pids[:1]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


async def _refused(street: Street) -> None:
    """Returns when a till has been told to come later."""
    if street.over:
        return
    async with asyncio.timeout(PATIENCE):
        await street.refused.wait()
