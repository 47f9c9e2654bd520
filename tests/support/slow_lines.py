"""Lines that are slow and otherwise whole: nothing may become of that but patience."""

from typing import Final

import pytest

from tillbridge.transports.hostile import Hostility

SLOW_LINES: Final = [
    pytest.param(Hostility(split=(1, 1)), id="byte by byte"),
    pytest.param(Hostility(delay=(0.01, 0.2)), id="delayed"),
    pytest.param(Hostility(split=(1, 5), delay=(0.0, 0.05)), id="both"),
]
