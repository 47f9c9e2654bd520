"""Tills of Concert V2 at each stage of a dialogue."""

import pytest

from tests.support.concert_frames import REFERENCE_REQUEST
from tests.support.concert_till import ACK, ENQ, EOT, REPLY, Till
from tillbridge.protocols.concert.v2.machine import Tell


@pytest.fixture
def till() -> Till:
    return Till()


@pytest.fixture
def asking(till: Till) -> Till:
    till.dialogue.request(REFERENCE_REQUEST)
    assert till.sent() == [ENQ]
    return till


@pytest.fixture
def sending(asking: Till) -> Till:
    assert asking.hears(ACK) == [REFERENCE_REQUEST]
    return asking


@pytest.fixture
def committed(sending: Till) -> Till:
    assert sending.hears(ACK) == [EOT]
    assert sending.told() == [Tell.COMMITTED]
    return sending


@pytest.fixture
def receiving(committed: Till) -> Till:
    assert committed.hears(ENQ) == [ACK]
    return committed


@pytest.fixture
def holding(receiving: Till) -> Till:
    assert receiving.hears(REPLY) == []
    return receiving
