"""Every table of the portal in one place, so that a migration can be compared with all of them."""

from tillbridge.portal.accounts import tables as accounts
from tillbridge.portal.audit import tables as audit
from tillbridge.portal.commands import tables as commands
from tillbridge.portal.corrections import tables as corrections
from tillbridge.portal.customers import tables as customers
from tillbridge.portal.ledger import tables as ledger
from tillbridge.portal.licences import tables as licences
from tillbridge.portal.links import tables as links
from tillbridge.portal.locations import tables as locations
from tillbridge.portal.mail import tables as mail
from tillbridge.portal.maintenance import tables as maintenance
from tillbridge.portal.pairing import tables as pairing
from tillbridge.portal.partners import tables as partners
from tillbridge.portal.printing import tables as printing
from tillbridge.portal.recovery import tables as recovery
from tillbridge.portal.risk import tables as risk
from tillbridge.portal.sealing import tables as sealing
from tillbridge.portal.settlement import tables as settlement
from tillbridge.portal.shop import tables as shop
from tillbridge.portal.storage import keys_proof
from tillbridge.portal.storage.columns import metadata
from tillbridge.portal.thirdparty import tables as thirdparty
from tillbridge.portal.validity import tables as validity
from tillbridge.portal.vouchers import tables as vouchers

__all__ = [
    "accounts",
    "audit",
    "commands",
    "corrections",
    "customers",
    "keys_proof",
    "ledger",
    "licences",
    "links",
    "locations",
    "mail",
    "maintenance",
    "metadata",
    "pairing",
    "partners",
    "printing",
    "recovery",
    "risk",
    "sealing",
    "settlement",
    "shop",
    "thirdparty",
    "validity",
    "vouchers",
]
