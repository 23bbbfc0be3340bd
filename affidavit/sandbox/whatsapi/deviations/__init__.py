"""Faults and variants, by name. Each family has its module; to add a deviation, add a row there."""

from __future__ import annotations

from collections.abc import Mapping

from affidavit.sandbox.deviation import Deviation, table
from affidavit.sandbox.whatsapi.deviations import (
    answers,
    contradictions,
    course,
    deliveries,
    freedoms,
    keys,
    limits,
    lists,
    replays,
    shapes,
    shown,
    states,
    validation,
    writing,
)

FAULTS: Mapping[str, Deviation] = table(
    answers.FAULTS
    + keys.FAULTS
    + validation.FAULTS
    + states.FAULTS
    + shown.FAULTS
    + course.FAULTS
    + lists.FAULTS
    + replays.FAULTS
    + deliveries.FAULTS
    + limits.FAULTS
    + contradictions.FAULTS
)
"""Each breaks a promise of the documents."""

VARIANTS: Mapping[str, Deviation] = table(writing.VARIANTS + freedoms.VARIANTS + shapes.VARIANTS + limits.VARIANTS)
"""Each is a legal reading of the documents, or a freedom they leave."""
