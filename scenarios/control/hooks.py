"""Registers wsoak on Locust's event bus. `soak.py` does what each event asks for.

Locust's bus swallows a listener's exception and its exit code knows nothing of lost workers, so what a
listener here cannot do is said aloud and decides the exit status.
"""

from __future__ import annotations

from locust import events, runners
from locust.env import Environment

import os
import socket
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import gevent

from scenarios.control import fleet_wire, forks
from scenarios.control.fleet_key import fleet_key
from scenarios.control.interrupts import Interrupts, interrupt_locust
from scenarios.control.locust_messages import Gate
from scenarios.control.orphans import watch_forks
from scenarios.control.soak import Soak
from scenarios.errors import ConfigError, HarnessError
from scenarios.exit_codes import EXIT_USAGE, EXIT_VOID
from scenarios.options import OPTIONS, Option
from scenarios.options.help import COMMAND, with_pointer
from scenarios.screens.keyboard import endure_closed_terminals
from scenarios.screens.voice import say, settle
from scenarios.screens.web import add_to_ui
from scenarios.screens.web_access import names_of
from scenarios.screens.web_form import add_to_form
from scenarios.screens.web_start import Phase
from scenarios.screens.why_tab import TEMPLATE_ARGS

# Heartbeats that may be missed before Locust calls a worker lost (its default, 3, ends a day's soak for
# a pause of 4 s, and calls that success).
HEARTBEAT_LIVENESS: Final = 30
NEVER_S: Final = 10**12


def add_arguments(parser: Any, options: Sequence[Option] = OPTIONS) -> None:
    """Add wsoak's options to Locust's parser. Pure: Locust calls it again for every page of the UI."""
    # Locust's start form has room for words in the labels of its fields only: the first one says where the help is.
    first = next((option for option in options if option.ui), None)
    for option in options:
        argument = option.argument()
        if option is first:
            argument["help"] += f"; what each option means: {COMMAND}"
        parser.add_argument(option.flag, **argument)
    of_locust = parser.error

    def error(message: str) -> None:
        pointed = with_pointer(message, options)
        if pointed == message and "unrecognized arguments" in message:
            pointed += f"\nOptions of wsoak: {COMMAND}"
        of_locust(pointed)

    # Locust's own --help knows nothing of wsoak's options, so its refusals must say where theirs is.
    parser.error = error


def say_last(words: str) -> None:
    """The verdict; then nothing is left that the interpreter's end could fail to bring out."""
    say(words, sys.stdout, end="")
    settle()


def install() -> None:
    """Listen to Locust's events, and guard its sockets. Called once, by the locustfile."""
    endure_closed_terminals()
    try:
        fleet_wire.install(fleet_key(os.environ))
    except ConfigError as refusal:
        say(f"wsoak: {refusal}")
        raise SystemExit(EXIT_USAGE) from None
    watch_forks()
    forks.install()
    soaks: dict[int, Soak] = {}
    gate = Gate()
    gate.install()
    # A wide blip of all workers must not end a day's soak, green at that (Locust's default is 3 s).
    runners.HEARTBEAT_LIVENESS = HEARTBEAT_LIVENESS
    # Locust ends a worker after a minute without its master, by a clock that anybody may set (`without_master`).
    runners.MASTER_HEARTBEAT_TIMEOUT = NEVER_S

    def soak_of(environment: Environment) -> Soak:
        return soaks[id(environment)]

    def on_init(environment: Environment, web_ui: Any = None, **_: Any) -> None:
        soak = soaks[id(environment)] = Soak(environment)
        try:
            soak.prepare()
            Interrupts(
                lambda: end_of(environment, soak),
                is_ending=soak.is_ending,
                folder=soak.folder,
                leave_unjudged=soak.leave_unjudged,
            ).install()
        except (ConfigError, HarnessError) as refusal:
            say(f"wsoak: {with_pointer(str(refusal))}")
            raise SystemExit(EXIT_USAGE) from None
        except KeyboardInterrupt:
            say("wsoak: interrupted before a run began.")
            raise SystemExit(EXIT_VOID) from None
        except Exception:
            # Locust's own exit status for this, 1, means "breached": a fault of wsoak must not pass for a finding.
            traceback.print_exc()
            raise SystemExit(EXIT_VOID) from None
        if web_ui is not None:
            settings, own = soak.settings(), environment.parsed_options
            names = names_of(socket.gethostname(), own.web_host, own.web_host_display_name or "")
            add_to_ui(
                web_ui.app,
                reports=Path(settings.reports_dir),
                soak=soak,
                hosts=(*names, *settings.ui_hosts),
                base_path=own.web_base_path or "",
                protect=web_ui.auth_required_if_enabled,
            )
            web_ui.template_args.update(TEMPLATE_ARGS)
            add_to_form(web_ui, standin_url=soak.standin_url, base_path=own.web_base_path or "")
        if isinstance(environment.runner, runners.WorkerRunner):
            gate.open(environment.runner, takes=soak.takes)
        # Locust arms its --run-time timer next, on a loop whose clock has not moved during the checks.
        gevent.get_hub().loop.update_now()

    def end_of(environment: Environment, soak: Soak) -> None:
        """What ends a run in order; a master that still waits for its workers has none, and Locust no way out of it."""
        if soak.leader is None or soak.folder() is not None or not environment.parsed_options.headless:
            interrupt_locust()
            return
        say("wsoak: interrupted before a run began.")

        def leave() -> None:
            environment.runner.quit()  # which lets the workers go that are there
            fleet_wire.leave(EXIT_VOID)

        gevent.get_hub().loop.run_callback_threadsafe(gevent.spawn, leave)

    def on_test_start(environment: Environment, **_: Any) -> None:
        soak = soak_of(environment)
        if soak.phase() is Phase.ENDING:
            # Locust would start users beside those that stop, and stop neither; it takes this end of its greenlet.
            say("wsoak: no run is started, as the last one is still being stopped, stored and analysed.")
            raise gevent.GreenletExit
        try:
            with soak.starting():
                soak.start()
        except Exception as problem:
            # Whatever it was, no user may connect now, and the exit status must say so.
            kind = EXIT_USAGE if isinstance(problem, ConfigError) else EXIT_VOID
            say(f"wsoak: {with_pointer(str(problem))}")
            if not isinstance(problem, ConfigError | HarnessError):
                traceback.print_exc()
            soak.refuse(str(problem), kind)

    def on_user_error(user_instance: Any, exception: BaseException, **_: Any) -> None:
        # It says "user", and gives the user's task set.
        user = getattr(user_instance, "user", user_instance)
        soak_of(user.environment).user_error(exception)

    events.init_command_line_parser.add_listener(lambda parser, **_: add_arguments(parser))
    events.init.add_listener(on_init)
    events.test_start.add_listener(on_test_start)
    events.test_stopping.add_listener(lambda environment, **_: soak_of(environment).stopping())
    events.test_stop.add_listener(lambda environment, **_: soak_of(environment).stop())
    events.quitting.add_listener(lambda environment, **_: soak_of(environment).quitting())
    # The very last event: the verdict is what is left on the screen below Locust's tables.
    events.quit.add_listener(lambda **_: say_last("".join(s.last_words() for s in soaks.values())))
    events.user_error.add_listener(on_user_error)
