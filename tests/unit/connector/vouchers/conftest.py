import pytest


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same steps with shorter pauses."""
    monkeypatch.setattr("tillbridge.connector.vouchers.worker.PAUSES", (0.01, 0.02, 0.04))
