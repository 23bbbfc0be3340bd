"""Load: schedules of arrivals, waits after a refusal, and what became of each arrival. Pure; Locust drives it."""
