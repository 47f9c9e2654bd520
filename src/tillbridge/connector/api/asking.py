"""What a body of the native interface asks of the engine. The command line asks the same without an HTTP server."""

from typing import Final

from tillbridge.connector.api.bodies import PaymentBody
from tillbridge.connector.api.keys import MAIN
from tillbridge.protocols.contract import PaymentRequest

CALLER: Final = MAIN.caller
"""Who asks with the connector's own key."""

DOOR: Final = "native"


def request_of(body: PaymentBody, caller: str, key: str) -> PaymentRequest:
    """What a body asks of the engine. `BridgeError` where its parts do not fit together."""
    return PaymentRequest(
        kind=body.kind,
        amount=body.money(),
        caller=caller,
        door=DOOR,
        terminal=body.terminal,
        register=body.register_number,
        order_id=body.order_id,
        key=key,
        fingerprint=body.fingerprint(),
        online=body.online,
        partial_allowed=body.partial_allowed,
        parent=body.parent,
    )
