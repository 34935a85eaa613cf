"""The line that a headless soak prints while it goes on."""

from __future__ import annotations

from scenarios.plan import Tally

EVERY_S = 10.0
_COLUMNS = 80


def progress_line(*, elapsed_s: float, run_time_s: float | None, users: int, tally: Tally, lag_s: float | None) -> str:
    """How far the run is and how it goes: counts since its start, the generator's largest delay of late.

    It has 80 columns at most: the larger its numbers, the fewer of its words.

    Args:
        elapsed_s: Since the start.
        run_time_s: As planned; None = until stopped.
        users: Virtual users now.
        tally: Attempts so far.
        lag_s: The largest delay of this process's loop since the last line; None = elsewhere (workers).
    """
    at, of = _clock(elapsed_s), f" of {_clock(run_time_s)}" if run_time_s else ""
    lag = "" if lag_s is None else f", lag {lag_s * 1000:.0f} ms" if lag_s < 10 else f", lag {lag_s:.0f} s"
    counts = f"{tally.ok:,} ok, {tally.timeout:,} timed out, {tally.failed:,} failed{lag}"
    rounded = f"{_brief(tally.ok)} ok, {_brief(tally.timeout)} timed out, {_brief(tally.failed)} failed{lag}"
    forms = (
        f"wsoak {at}{of}: {users:,} users, {counts}",
        f"wsoak {at}{of}: {users:,} users, {rounded}",
        f"wsoak {at}: {_brief(users)} users, {rounded}",
    )
    return next((form for form in forms if len(form) <= _COLUMNS), forms[-1])


def _brief(number: int) -> str:
    """A number in four characters or so: 12,345,678 is 12.3M."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**4)):
        if number >= size:
            scaled = number / (1000 if unit == "k" else size)
            return f"{scaled:.0f}{unit}" if scaled >= 100 else f"{scaled:.1f}{unit}"
    return f"{number:,}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
