"""Schemathesis's state machine over the document's links: what one answer gives, the next request uses."""

from __future__ import annotations

import pytest

from affidavit.pytest_plugin import Contract


@pytest.mark.usefixtures("contract_walk")
def test_links(contract: Contract) -> None:
    contract.session.walk()
    broken = contract.broken_by("stateful")
    if broken:
        pytest.fail(broken, pytrace=False)
