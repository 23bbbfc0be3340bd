"""A record that a run wants for itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from affidavit.recorder import Recorder, read_run


def test_a_record_is_written_by_one_run_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "run.ndjson"
    first = Recorder(path, {"what": "load", "seed": 1}, alone=True)
    with pytest.raises(BlockingIOError):
        Recorder(path, {"what": "load", "seed": 2}, alone=True)
    first.end(complete=True)
    assert read_run(path).complete  # the refused one has not touched it
    Recorder(path, {"what": "load", "seed": 3}, alone=True).end(complete=False)
    assert not read_run(path).complete
    assert len(path.read_text("utf-8").splitlines()) == 2
