"""Load shapes: how many users there are at which moment of the run.

Locust asks a shape about once a second and acts on a changed answer only. The stages themselves are a
pure function, so that they can be tested without a clock.
"""

from __future__ import annotations

from locust import LoadTestShape

from typing import Final, NamedTuple

# Shares of the run time. A quarter to ramp, so that no stage is skipped while users still spawn (Locust's
# start() blocks a later stage until the ramp is over), then two soaks with the reconnect storm between.
RAMP_SHARE: Final = 0.25
STORM_SHARE: Final = 0.6
# Without --run-time a shape has to end all the same.
DEFAULT_RUN_TIME_S: Final = 600.0


class Stage(NamedTuple):
    """What holds at a moment: how many users, and how fast they come (users a second)."""

    users: int
    spawn_rate: float


def ramp_soak_storm(elapsed_s: float, *, users: int, run_time_s: float) -> Stage | None:
    """The stage at `elapsed_s` of a run of `run_time_s`; None: the run is over.

    Users come evenly over the first quarter; the storm at 60 % changes no number of users, it makes
    those that are there reconnect (`storm_at_s`).
    """
    if elapsed_s >= run_time_s:
        return None
    return Stage(users, users / max(run_time_s * RAMP_SHARE, 1.0))


def storm_at_s(run_time_s: float) -> float:
    """When the storm breaks, seconds into a run of `run_time_s`."""
    return run_time_s * STORM_SHARE


class RampSoakStorm(LoadTestShape):
    """`--shape ramp-soak-storm`: reads --users and --run-time, which Locust otherwise ignores for shapes."""

    use_common_options = True
    abstract = True
    began_s_ago = 0.0  # of a run that is led on: its stages go by its own start

    def reset_time(self) -> None:
        """The run begins, or began before this process did."""
        super().reset_time()
        self.start_time -= self.began_s_ago

    def tick(self) -> tuple[int, float] | None:
        """What Locust asks about once a second."""
        assert self.runner is not None
        options = self.runner.environment.parsed_options
        stage = ramp_soak_storm(
            self.get_run_time(), users=options.num_users or 1, run_time_s=float(options.run_time or DEFAULT_RUN_TIME_S)
        )
        return stage
