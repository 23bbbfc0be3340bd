"""How likely numbers of a limiter are before anything is asked: people choose round ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from affidavit.ratelimit.families import Family, Floats, Supposed

ROUND = (0.5, 1, 2, 3, 5, 6, 10, 12, 15, 20, 24, 30, 40, 45, 60, 90, 100, 120, 180, 300, 600, 900)
NEAR = 2.5
"""Factor between a window and those it may have been taken for."""
SHORTEST, LONGEST = 0.2, 900.0


def oddity(supposed: Supposed, family: Family, policies: Sequence[float], shortest: float) -> Floats:
    """Log of how likely the parameters are beforehand: round numbers, and windows longer than an answer takes."""
    odd = np.select([np.isin(supposed.window, ROUND), _roundness(supposed.window) > 0], [0.0, -0.8], -1.5)
    odd = odd + np.where(supposed.counts, -1.0, 0.0) + _roundness_of_limit(supposed.limit)
    odd = odd + np.where(supposed.generous, -1.5, 0.0)
    if family.timeless:
        odd = odd + (1.0 if policies else 0.0)
    else:
        slow = shortest > SHORTEST
        odd = odd + np.where(slow & (supposed.window < 2.5 * shortest), -3.0, 0.0)
        odd = odd + np.where(slow & (supposed.window < shortest), -6.0, 0.0)
        for window in policies:
            off = np.abs(supposed.window - window)
            odd = odd + np.select([off < 1e-3, off <= 0.5], [2.0, 1.5], 0.0)
    return odd + (np.where(_roundness(supposed.block) > 0, 0.0, -0.5) if family.blocks else 0.0)


def _roundness(seconds: Floats) -> Floats:
    """1 for whole and half seconds."""
    return np.where(np.abs(seconds * 2 - np.round(seconds * 2)) < 1e-6, 1.0, 0.0)


def _roundness_of_limit(limit: Floats) -> Floats:
    """People choose hundreds before tens before fives."""
    found: Floats = np.select([limit % 100 == 0, limit % 10 == 0, limit % 5 == 0], [0.0, -0.5, -1.0], -1.5)
    return found


def usual_near(window: float) -> Floats:
    """Usual windows for which this one may have been taken."""
    usual = np.array(ROUND, dtype=float)
    return np.asarray(usual[np.abs(np.log(usual / window)) < np.log(NEAR)])


def snapped(seconds: Floats) -> Floats:
    """The nearest round number; of long spans, of five or ten seconds."""
    grain = np.where(seconds < 3, 0.1, np.where(seconds < 20, 0.5, np.where(seconds < 60, 1.0, 5.0)))
    return np.maximum(grain, np.round(seconds / grain) * grain)
