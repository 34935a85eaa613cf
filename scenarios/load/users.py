"""The Locust user. Which scenario it runs is dealt by its worker (`experiment.mix`); what that does is in `scripts.py`.

Locust would deal one class a scenario over the workers in turn: with two of each, one worker would have all of the one
scenario. So there is one class, and each worker deals the whole mix itself.

A user's task is its whole life, connection after connection, so that Locust's own pacing (which neither
knows the planned start nor counts the ones it left out) has no part in the experiment.
"""

from __future__ import annotations

from locust import User, task

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from scenarios.load.generator import LoadGenerator


class SoakUser(User):
    """A virtual user.

    Attributes:
        generator: This process's part in the current run; set when a run starts.
    """

    generator: ClassVar[LoadGenerator | None] = None

    @task
    def live(self) -> None:
        """Connections one after the other until the run stops."""
        generator = SoakUser.generator
        if generator is None:
            self.environment.runner.quit()  # the run was refused: nothing may connect
            return
        try:
            generator.users.live()
        except Exception as error:  # Locust would log it with its text, which may hold what the target sent
            generator.crashed(error)
