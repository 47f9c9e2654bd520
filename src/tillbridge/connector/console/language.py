"""The console's texts in each of its languages."""

from collections.abc import Mapping
from typing import Final

from tillbridge.domain.cashier_texts import Language
from tillbridge.web.language import Catalogue, read_catalogues

CATALOGUES: Final[Mapping[Language, Catalogue]] = read_catalogues("tillbridge.connector.console")
