"""Faults and variants, by name."""

from __future__ import annotations

from collections.abc import Mapping

from affidavit.sandbox.deviation import Deviation, table

FAULTS: Mapping[str, Deviation] = table(())
"""Each breaks a promise of the documents."""

VARIANTS: Mapping[str, Deviation] = table(())
"""Each is a legal reading of the documents, or a freedom they leave."""
