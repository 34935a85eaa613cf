"""The Locust users: one class a scenario. What they do is in `scripts.py`; who they are, in the plan.

A user's task is its whole life, connection after connection, so that Locust's own pacing (which neither
knows the planned start nor counts the ones it left out) has no part in the experiment.
"""

from __future__ import annotations

from locust import User, task

from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:
    from scenarios.load.generator import LoadGenerator


class SoakUser(User):
    """A virtual user of one scenario.

    Attributes:
        generator: This process's part in the current run; set when a run starts.
    """

    abstract = True
    scenario: ClassVar[str] = ""
    generator: ClassVar[LoadGenerator | None] = None

    @task
    def live(self) -> None:
        """Connections one after the other until the run stops."""
        generator = SoakUser.generator
        if generator is None:
            self.environment.runner.quit()  # the run was refused: nothing may connect
            return
        try:
            generator.users.run_user(generator.users.new_user(), self.scenario)
        except Exception as error:  # Locust would log it with its text, which may hold what the target sent
            generator.crashed(error)


class SteadyUser(SoakUser):
    """Exchanges at a pace on sessions that live some minutes."""

    scenario = "steady"


class HoldUser(SoakUser):
    """Exchanges at a pace on one session until the run ends: for limits of age and idle time."""

    scenario = "hold"


class ChurnUser(SoakUser):
    """Connects, a few exchanges, closes, again."""

    scenario = "churn"


class IdleUser(SoakUser):
    """Holds a connection; a heartbeat now and then."""

    scenario = "idle"


class AgentUser(SoakUser):
    """Runs the agent and expects its five events in order."""

    scenario = "agent"


class StormUser(SoakUser):
    """Holds until the storm, then reconnects with everybody else."""

    scenario = "storm"


class MuteUser(SoakUser):
    """Makes its session mute, by requests that cannot be routed, and goes on asking."""

    scenario = "mute"


class AuthProbeUser(SoakUser):
    """Connects with tokens that must be refused."""

    scenario = "auth_probe"


USER_CLASSES: Final[dict[str, type[SoakUser]]] = {
    c.scenario: c for c in (SteadyUser, HoldUser, ChurnUser, IdleUser, AgentUser, StormUser, MuteUser, AuthProbeUser)
}
