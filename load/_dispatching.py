"""One Locust user per scenario and process, however many are asked for: rates come from the plan, not from users."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from locust import User
from locust.dispatch import UsersDispatcher
from locust.env import Environment
from locust.runners import WorkerNode


class OnePerProcess(UsersDispatcher):
    """Gives every process one user of each class, at once."""

    def __init__(
        self, environment: Environment, worker_nodes: list[WorkerNode], user_classes: list[type[User]]
    ) -> None:
        super().__init__(worker_nodes, user_classes)
        self._environment = environment
        self._pending: Iterator[dict[str, dict[str, int]]] = iter(())

    @classmethod
    def on(cls, environment: Environment) -> Callable[..., OnePerProcess]:
        """What Locust calls in the place of its own class."""
        return lambda worker_nodes, user_classes: cls(environment, worker_nodes, user_classes)

    def new_dispatch(
        self, target_user_count: int, spawn_rate: float, user_classes: list[type[User]] | None = None
    ) -> None:
        """Take note of the classes; the numbers do not matter."""
        del target_user_count, spawn_rate
        chosen = self._user_classes if user_classes is None else user_classes
        users = {node.id: {one.__name__: 1 for one in chosen} for node in self._worker_nodes}
        self._pending = iter([users])
        runner: Any = self._environment.runner
        runner.target_user_count = sum(map(len, users.values()))

    def __next__(self) -> dict[str, dict[str, int]]:
        return next(self._pending)
