"""Locust as it comes: users that wait for their answers. Locust runs this file; nothing of ours is in it."""

from __future__ import annotations

import os

from locust import FastHttpUser, HttpUser, constant_throughput, task

PATH = os.environ.get("BENCH_PATH", "/")
EACH = float(os.environ.get("BENCH_EACH", "1"))
"""Requests per second and user."""


class Plain(HttpUser):
    """The ordinary client."""

    wait_time = constant_throughput(EACH)

    @task
    def ask(self) -> None:
        """One list."""
        self.client.get(PATH)


class Fast(FastHttpUser):
    """The faster client."""

    wait_time = constant_throughput(EACH)

    @task
    def ask(self) -> None:
        """One list."""
        self.client.get(PATH)
