"""wsoak on Locust: `locust` for the web UI, `locust --headless ...` for CI. See README.md.

With no --host the load goes to the embedded stand-in; any other host must be on SOAK_ALLOWED_HOSTS.
"""

from __future__ import annotations

from locust import run_single_user

from scenarios.control.hooks import install
from scenarios.load.users import SoakUser

__all__ = ["SoakUser"]

install()

if __name__ == "__main__":
    run_single_user(SoakUser)  # one user in a debugger
