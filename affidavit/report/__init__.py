"""Reports: views over verdicts and the record."""
