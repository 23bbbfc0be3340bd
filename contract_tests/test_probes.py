"""The scripted conversations: each is played, and no promise that it alone can show broken may be."""

from __future__ import annotations

import pytest

from affidavit.probes.script import Probe
from affidavit.pytest_plugin import Contract


def test_probe(contract: Contract, contract_probe: Probe) -> None:
    play(contract, contract_probe)


def test_burst(contract: Contract, contract_burst: Probe) -> None:
    play(contract, contract_burst)


def play(contract: Contract, probe: Probe) -> None:
    """Play the probe and look at what it alone proves."""
    if probe.id not in contract.planned.of:
        pytest.skip(contract.planned.left_out[probe.id])
    contract.session.probe(probe)
    broken = contract.broken_by(probe.id)
    if broken:
        pytest.fail(broken, pytrace=False)
