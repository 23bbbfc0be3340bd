"""Compare a run with what was before it, and say whether an upgrade may go on.

    record ──► findings   (broken claims, each with a lasting identity) ─┐
    record ──► behaviour  (what the target did, per step and status)     ├─► Difference ─► decision ─► exit code
    documents, histograms ──► rules, margins ────────────────────────────┘        ▲
                                                     baseline (accepted, with reason and expiry)

Everything here is pure: records and files are read, and today is told, by the callers.
"""
