"""What schemathesis invents from the document: valid and invalid requests of each operation."""

from __future__ import annotations

import pytest

from affidavit.openapi_document import Operation
from affidavit.pytest_plugin import Contract


def test_properties(contract: Contract, contract_operation: Operation) -> None:
    roles = {operation.id: role for operation, role in contract.session.properties()}
    if contract_operation.id not in roles:
        pytest.skip(f"{contract_operation.id} is {contract_operation.risk}, or no key given can ask it repeatedly")
    contract.session.explore(contract_operation, roles[contract_operation.id])
    broken = contract.broken_by(f"property/{contract_operation.id}")
    if broken:
        pytest.fail(broken, pytrace=False)
