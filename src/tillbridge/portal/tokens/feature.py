"""Tokens as a part of the portal."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.link.pairing.words import GrantedService
from tillbridge.portal.feature import Feature
from tillbridge.portal.links.model import Link
from tillbridge.portal.tokens.bearer import Callers
from tillbridge.portal.tokens.routes import Standings, connector_router, keys_router, token_router
from tillbridge.portal.tokens.service import Tokens

SWEEP_SECONDS: Final = 60.0


def feature(tokens: Tokens, callers: Callers, services: Standings) -> Feature:
    """Access tokens, session keys, and how services stand for a connector."""
    api = APIRouter()
    for router in (token_router(tokens), connector_router(tokens, callers, services), keys_router(tokens)):
        api.include_router(router)

    async def sweep() -> None:
        """Drops used proofs and session keys that have run out. Any number of processes may do so at once."""
        while True:
            async with tokens.house.database.writing() as connection:
                await tokens.forget(connection)
            await asyncio.sleep(SWEEP_SECONDS)

    return Feature("tokens", api=api, jobs=(sweep,))


class FirstTokens:
    """The services of a new link with their first tokens, as pairing puts them into its grant."""

    def __init__(self, tokens: Tokens, services: Standings) -> None:
        self._tokens = tokens
        self._services = services

    async def __call__(self, connection: AsyncConnection, link: Link, now: datetime) -> Sequence[GrantedService]:
        """Each service as it stands at the link's location."""
        return self._tokens.first(link, await self._services.standing(connection, link.location_id, now))
