"""A client of the native interface: `async with connect(url, key) as bridge: await bridge.pay(...)`."""

from tillbridge.client.bridge import Bridge as Bridge  # what a program imports from here
from tillbridge.client.bridge import connect as connect
from tillbridge.client.errors import NoAnswer as NoAnswer
from tillbridge.client.errors import Refused as Refused
from tillbridge.client.questions import Filters as Filters
from tillbridge.connector.api.bodies import AmountBody as AmountBody
from tillbridge.connector.api.bodies import PaymentBody as PaymentBody
