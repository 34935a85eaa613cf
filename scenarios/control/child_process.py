"""Child processes that live no longer than their parent, and say in one JSON line that they are ready.

The stand-in, the relay, the store and the analysis are processes of their own: a slow one cannot stall
the loop whose lag is being measured. A child holds our pipe as its standard input and ends when that
closes, which works on every platform and also when we are killed.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import gevent
import gevent.subprocess as subprocess
import msgspec

from scenarios.child_environment import child_environment
from scenarios.errors import ConfigError, HarnessError
from scenarios.exit_words import how_ended
from scenarios.screens.voice import say

# A cold start of the slowest child (the stand-in, importing its web framework on a busy 2-core machine)
# takes 2 to 4 s; a machine ten times slower still starts.
READY_TIMEOUT_S: Final = 45.0
_TERMINATE_GRACE_S: Final = 5.0
_USAGE_EXIT: Final = 2
_OWN_GROUP: Final[dict[str, Any]] = (
    {"creationflags": 0x0200} if sys.platform == "win32" else {"start_new_session": True}  # CREATE_NEW_PROCESS_GROUP
)


class Child:
    """A started child process.

    Attributes:
        ready: The JSON object that it printed when it was ready.
    """

    def __init__(self, name: str, process: Any, ready: dict[str, Any]) -> None:
        self.name = name
        self.ready = ready
        self._process = process

    @property
    def pid(self) -> int:
        """The process id."""
        return int(self._process.pid)

    @property
    def exit_status(self) -> int | None:
        """None while it runs."""
        status = self._process.poll()
        return None if status is None else int(status)

    def stop(self) -> int:
        """Close its input, wait, then terminate and at last kill it. Returns the exit status."""
        self.close_input()
        for end in (self._process.terminate, self._process.kill):
            if self._wait(_TERMINATE_GRACE_S) is not None:
                break
            end()
        status = self._process.wait()
        self._process.stdout.close()
        return int(status)

    def kill(self) -> None:
        """End it at once, whatever it does, and wait for nothing: for whoever is about to end himself."""
        with contextlib.suppress(OSError):
            self._process.kill()

    def finish(self, timeout_s: float) -> tuple[int | None, str]:
        """Wait for a child that ends by itself: its status (None: it did not) and the rest of its output."""
        reader = gevent.spawn(self._process.stdout.read)
        if self._wait(timeout_s) is None:
            reader.kill()
            return None, ""
        reader.join(timeout=_TERMINATE_GRACE_S)
        if reader.ready():
            self._process.stdout.close()
        self.close_input()
        return self.exit_status, str(reader.value or "")

    def tell(self, word: str) -> None:
        """Say a line to the child; one that is gone hears nothing."""
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(f"{word}\n")
            self._process.stdin.flush()

    def line(self, timeout_s: float) -> str:
        """The next line of its output; "" if none comes in time, or it has ended."""
        return _first_line(self._process.stdout, timeout_s).strip()

    def close_input(self) -> None:
        """Tell the child that the end has come; one that is gone hears nothing."""
        with contextlib.suppress(OSError):  # a line that it never read
            self._process.stdin.close()

    def _wait(self, timeout_s: float) -> int | None:
        try:
            return int(self._process.wait(timeout=timeout_s))
        except subprocess.TimeoutExpired:
            return None


def module_command(module: str, *arguments: str) -> list[str]:
    """The command that runs one of our modules with this interpreter."""
    return [sys.executable, "-m", module, *arguments]


def start_child(
    name: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    wait_ready: bool = True,
) -> Child:
    """Start a child and wait for its ready line (one JSON object on standard output).

    Args:
        name: What it is called in sentences.
        command: Its command line.
        environment: Its environment; None = this process's without any secret.
        wait_ready: Whether it says that it is ready.

    Raises:
        ConfigError: If it refused its arguments (exit status 2); the sentence is the child's own.
        HarnessError: If it ended otherwise, or did not get ready in time.
    """
    process = subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if wait_ready else None,
        env=child_environment(os.environ) if environment is None else dict(environment),
        text=True,
        # Ctrl-C in a terminal goes to the whole group; children end when we say so, in our order.
        **_OWN_GROUP,
    )
    if not wait_ready:
        return Child(name, process, {})
    errors: list[str] = []
    relay_errors = gevent.spawn(_pass_on, process.stderr, errors)
    line = _first_line(process.stdout)
    try:
        ready = msgspec.json.decode(line) if line else None
    except msgspec.DecodeError:
        ready = None
    if isinstance(ready, dict):
        return Child(name, process, ready)
    if process.poll() is None and not line:
        process.kill()
    status = process.wait()
    relay_errors.join(timeout=_TERMINATE_GRACE_S)
    said = " ".join(errors[-1:]).strip() or line.strip() or "it said nothing"
    if status == _USAGE_EXIT:
        raise ConfigError(said)
    raise HarnessError(f"The {name} did not start; it {how_ended(status)}: {said}")


def _first_line(stream: Any, timeout_s: float = READY_TIMEOUT_S) -> str:
    """The next line of a child's output, "" if it does not come in time."""
    try:
        with gevent.Timeout(timeout_s):
            return str(stream.readline())
    except gevent.Timeout:
        return ""


def _pass_on(stream: Any, last_lines: list[str]) -> None:
    """Pass a child's error output on, and keep its last lines for the sentence that explains a failure."""
    for line in stream:
        last_lines.append(line)
        del last_lines[:-5]
        say(line, end="")
    stream.close()
