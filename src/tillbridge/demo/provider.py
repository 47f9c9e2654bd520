"""The demo's payment provider.

It lives in this process and not in the connector's: like the terminals it outlives the connector's death.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from tillbridge.demo.plan import PROVIDER, Plan
from tillbridge.psp.hipay.sandbox.app import Sandbox, sandbox, serve
from tillbridge.psp.hipay.sandbox.settings import SandboxSettings, Target
from tillbridge.runtime.effects import Runtime
from tillbridge.virtual.terminal import VirtualTerminal

HOST: Final = "localhost"


@asynccontextmanager
async def provider(plan: Plan, runtime: Runtime) -> AsyncIterator[Sandbox]:
    """The provider's sandbox, once it listens. Leaving the block ends it."""
    settings = SandboxSettings(Target(plan.provider_notifies), desk=VirtualTerminal("cloud", runtime))
    opened = sandbox(plan.provider_folder, settings, runtime, credentials=PROVIDER)
    async with opened as one, asyncio.TaskGroup() as group:
        ready = asyncio.Event()
        serving = group.create_task(serve(one, HOST, plan.provider_port, lambda _: ready.set()))
        await ready.wait()
        try:
            yield one
        finally:
            serving.cancel()
