"""The sealer of the ledger, as the portal takes it in."""

from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.keys.resealing import Resealer
from tillbridge.portal.sealing.letters import HeadLetters
from tillbridge.portal.sealing.sealer import LedgerSealer


def feature(house: House) -> Feature:
    """The sealer, the letters with its heads, and what seals anew after a rotation of keys, as jobs."""
    return Feature("sealing", jobs=[LedgerSealer(house).run, HeadLetters(house).run, Resealer(house).run])
