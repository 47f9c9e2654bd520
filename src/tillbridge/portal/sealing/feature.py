"""The sealer of the ledger, as the portal takes it in."""

from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.keys.resealing import Resealer
from tillbridge.portal.sealing.sealer import LedgerSealer


def feature(house: House) -> Feature:
    """The sealer, and what seals values anew after a rotation of keys, as jobs of the background."""
    return Feature("sealing", jobs=[LedgerSealer(house).run, Resealer(house).run])
