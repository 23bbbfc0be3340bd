"""Property tests are the same on every machine and every day, and no slow machine fails one."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("affidavit", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("affidavit")
