"""Makes drivers and doors from the settings."""

from collections.abc import Iterable

from tillbridge.connector.settings import Configured
from tillbridge.engine.engine import TerminalSetup
from tillbridge.protocols import registry
from tillbridge.protocols.contract import Door, HostControl, PaymentDesk
from tillbridge.runtime.effects import Runtime


def set_up_terminals(terminals: Iterable[Configured], runtime: Runtime) -> list[TerminalSetup]:
    """A driver for each terminal; none of them opens its line yet."""
    return [
        TerminalSetup(one.name, one.wire, registry.driver(one.wire).connect(one.settings, runtime)) for one in terminals
    ]


def open_door(door: Configured, desk: PaymentDesk, runtime: Runtime, host: HostControl) -> Door:
    """A door over this desk; it does not listen yet."""
    return registry.door(door.wire).open(door.settings, desk, runtime, host)
