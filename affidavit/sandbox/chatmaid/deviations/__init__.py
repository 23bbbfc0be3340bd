"""Faults and variants, by name; each family has its module, made of the small changes in `parts`."""

from __future__ import annotations

from collections.abc import Mapping

from affidavit.sandbox.chatmaid.deviations import (
    access,
    accounts,
    answers,
    contradictions,
    forms,
    limiters,
    limits,
    lists,
    messages,
    moving,
    readings,
    records,
    repeating,
    sending,
)
from affidavit.sandbox.deviation import Deviation, table

FAULTS: Mapping[str, Deviation] = table(
    (
        *answers.FAULTS,
        *messages.FAULTS,
        *records.FAULTS,
        *sending.FAULTS,
        *lists.FAULTS,
        *moving.FAULTS,
        *repeating.FAULTS,
        *access.FAULTS,
        *limits.FAULTS,
        *accounts.FAULTS,
        *contradictions.FAULTS,
    )
)
"""Each breaks a promise of the documents."""

VARIANTS: Mapping[str, Deviation] = table((*forms.VARIANTS, *readings.VARIANTS, *limiters.VARIANTS))
"""Each is a legal reading of the documents, or a freedom they leave."""
