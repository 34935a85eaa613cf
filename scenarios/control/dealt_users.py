"""Which users a fleet's workers run already, for a master that begins in the middle of their run.

Locust's dispatcher starts from nobody: it would tell a worker with six users to run one, then two. Here it starts from
what the workers say that they run, and deals what is left of the plan.
"""

from __future__ import annotations

from locust.dispatch import UsersDispatcher
from locust.runners import WorkerNode

import itertools
from collections.abc import Mapping
from typing import Any


class DealtUsers:
    """What is known of the users that run, by Locust's client id.

    Attributes:
        held: How many of the plan are dealt to nobody: those of workers that may still run them, unheard.
    """

    def __init__(self) -> None:
        self.held = 0
        self._by_client: dict[str, dict[str, int]] = {}

    def told(self, client_id: str, counts: Any) -> None:
        """A worker says how many users of which class it runs; anything else than that says nothing."""
        if isinstance(counts, Mapping):
            known = {str(name): n for name, n in counts.items() if isinstance(n, int) and n > 0}
            self._by_client[client_id] = known

    def take(self, client_id: str) -> dict[str, int]:
        """What a worker runs that the dispatcher has not dealt to it; told once, since it deals from then on."""
        return self._by_client.pop(client_id, {})

    def forget(self) -> None:
        """From now on nobody runs anything but what is dealt: a run begins."""
        self.held = 0
        self._by_client.clear()


def knowing(base: type[UsersDispatcher], users: DealtUsers) -> type[UsersDispatcher]:
    """A dispatcher like `base` that leaves users where they run, and deals no more than the plan has left."""

    class KnowingDispatcher(base):  # type: ignore[misc, valid-type]
        _worker_nodes: list[WorkerNode]

        def __init__(self, worker_nodes: list[WorkerNode], user_classes: list[Any]) -> None:
            super().__init__(worker_nodes, user_classes)
            for node in self._worker_nodes:
                self._know(node, users.take(node.id))
            self._current_user_count = self.get_current_user_count()

        def add_worker(self, worker_node: WorkerNode) -> None:
            running = users.take(worker_node.id)
            if not running:
                super().add_worker(worker_node)
                return
            self._worker_nodes = [node for node in self._worker_nodes if node.id != worker_node.id]
            self._worker_nodes.append(worker_node)
            self._sort_workers()
            self._worker_node_generator = itertools.cycle(self._worker_nodes)
            self._know(worker_node, running)
            self._current_user_count = self.get_current_user_count()

        def new_dispatch(self, target_user_count: int, *given: Any, **named: Any) -> None:
            super().new_dispatch(max(0, target_user_count - users.held), *given, **named)

        def _know(self, node: WorkerNode, running: Mapping[str, int]) -> None:
            none = {user_class.__name__: 0 for user_class in self._original_user_classes}
            known = {name: n for name, n in running.items() if name in none}
            self._users_on_workers[node.id] = none | known
            self._active_users += [(node, name) for name, n in known.items() for _ in range(n)]

    return KnowingDispatcher
