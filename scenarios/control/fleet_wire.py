"""Locust's sockets between master and workers, with a lock on the door and no trust in what comes through it.

Locust's own let in whoever connects, and a message that is none ends the master's listener, which then hears nobody any
more. These are put in their place before Locust makes a runner: with `SOAK_FLEET_KEY` libzmq drops everything from who
has not proved the key (`fleet_key`), and with or without it what cannot be a worker's message is dropped here, and what
is shown to people is printable. All that is known of Locust's internals for this is in this module, and
`tests/scenarios/control/test_fleet_wire.py` asks whether it is still so.
"""

from __future__ import annotations

from locust import runners
from locust.exception import RPCError
from locust.rpc import zmqrpc
from locust.rpc.protocol import Message
from locust.stats import RequestStats, StatsEntry, StatsError

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

import gevent
import msgspec
import zmq.green as zmq
from zmq.utils.monitor import recv_monitor_message

from attempts.printable import is_name, one_line, printable_throughout
from scenarios.control.fleet_key import VARIABLE, FleetKey, Handshakes
from scenarios.control.greeting import mechanism_of, refusal
from scenarios.exit_codes import EXIT_USAGE
from scenarios.screens.voice import say

_logger: Final = logging.getLogger(__name__)
# Not their own constructors, which connect before a key could be set.
_BARE: Final[Any] = zmqrpc.BaseSocket
_RPC: Final[Any] = zmqrpc
_MESSAGE: Final[Any] = Message
_FAILED: Final = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_AUTH
_WATCHED: Final = _FAILED | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_SUCCEEDED
_STATES: Final = frozenset(getattr(runners, name) for name in vars(runners) if name.startswith("STATE_"))
# What a listener of ours raises for data that another version, or nobody of us, has sent.
_NOT_OURS: Final = (msgspec.MsgspecError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def install(key: FleetKey | None) -> None:
    """Make Locust's runners use these sockets from now on."""
    GuardedServer.key = GuardedClient.key = key
    GuardedClient.handshakes = Handshakes()
    _RPC.Server, _RPC.Client = GuardedServer, GuardedClient


class GuardedServer(zmqrpc.Server):
    """A master's socket.

    Attributes:
        dropped: Messages that were none of a worker's.
        refused: Connections that had not the key.
    """

    key: ClassVar[FleetKey | None] = None

    def __init__(self, host: str, port: int) -> None:
        _BARE.__init__(self, zmq.ROUTER, self.ipv4_only(host, port))
        self.dropped = self.refused = 0
        self._watching: gevent.Greenlet[..., None] | None = None
        if self.key is not None:
            self.socket.setsockopt(zmq.CURVE_SERVER, 1)
            self.socket.setsockopt(zmq.CURVE_SECRETKEY, self.key.secret)
            self._watching = _watch(self.socket, self._on_handshake)
        try:
            if port == 0:
                port = self.socket.bind_to_random_port(f"tcp://{host}")
            else:
                self.socket.bind(f"tcp://{host}:{port}")
        except zmq.ZMQError as error:
            raise RPCError(f"Socket bind failure: {error}") from error
        self.port = port

    def recv_from_client(self) -> tuple[str, Any]:
        """The next message that a worker can have sent, and who it was.

        Raises:
            RPCError: The socket is broken.
        """
        while True:
            try:
                frames = self.socket.recv_multipart()
            except zmq.ZMQError as error:
                raise RPCError("ZMQ network broken") from error
            message = message_of(frames)
            if message is not None:
                return message.node_id, message
            self.dropped += 1
            if self.dropped == 1:
                _logger.warning("Dropped a message that no worker sends; more of them will be dropped in silence.")

    def close(self, linger: int | None = None) -> None:
        """End it."""
        _end_watch(self.socket, self._watching)
        self.socket.close(linger=linger)

    def _on_handshake(self, event: int) -> None:
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            return
        self.refused += 1
        if self.refused == 1:
            _logger.warning(
                f"Refused a client that has not proved {VARIABLE}; more of them will be refused in silence."
            )


class GuardedClient(zmqrpc.Client):
    """A worker's socket.

    Attributes:
        handshakes: Of all that this process makes, one after the other: one who was let in once stays.
    """

    key: ClassVar[FleetKey | None] = None
    handshakes: ClassVar[Handshakes] = Handshakes()

    def __init__(self, host: str, port: int, identity: str) -> None:
        _BARE.__init__(self, zmq.DEALER, self.ipv4_only(host, port))
        self.socket.setsockopt(zmq.IDENTITY, identity.encode())
        if self.key is not None:
            public, secret = zmq.curve_keypair()  # of this connection alone: what is proved is the master's
            self.socket.setsockopt(zmq.CURVE_SERVERKEY, self.key.public)
            self.socket.setsockopt(zmq.CURVE_PUBLICKEY, public)
            self.socket.setsockopt(zmq.CURVE_SECRETKEY, secret)
        self._host, self._port = host, port
        self._watching = _watch(self.socket, self._on_handshake)
        self.socket.connect(f"tcp://{host}:{port}")

    def recv(self) -> Any:
        """The next message that a master can have sent.

        Raises:
            RPCError: The socket is broken.
        """
        while True:
            try:
                data = self.socket.recv()
            except zmq.ZMQError as error:
                raise RPCError("ZMQ network broken") from error
            message = _unpacked(data)
            if message is not None:
                return message

    def close(self, linger: int | None = None) -> None:
        """End it."""
        _end_watch(self.socket, self._watching)
        self.socket.close(linger=linger)

    def _on_handshake(self, event: int) -> None:
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self.handshakes.succeeded()
            return
        if not self.handshakes.failed(is_final=event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL):
            return
        master = one_line(f"{self._host}:{self._port}")
        mechanism = mechanism_of(self._host, self._port)
        if mechanism is None:
            if self.handshakes.met_nobody():
                say(f"wsoak: what answers at {master} is no master, or none yet: this worker goes on knocking.")
        elif sentence := refusal(master, mechanism, has_key=self.key is not None):
            say(f"wsoak: {sentence}")
            leave(EXIT_USAGE)


def leave(status: int) -> None:
    """End the process in order, from any greenlet: its main one waits for Locust's acknowledgement meanwhile."""
    hub = gevent.get_hub()
    main = hub.parent
    assert main is not None
    hub.loop.run_callback_threadsafe(main.throw, SystemExit(status))


def message_of(frames: Sequence[bytes]) -> Any | None:
    """The message in these frames, printable; None where no worker can have sent it.

    Locust goes by the sender's name in the message in one place and by the socket's in another: they must be one.
    """
    if len(frames) != 2:
        return None
    message = _unpacked(frames[1])
    if message is None or message.node_id is None or message.node_id.encode() != frames[0]:
        return None
    fits = _FITS.get(message.type)
    try:
        return message if fits is None or fits(message.data) else None
    except Exception:  # whatever Locust's own code raises for it, its listener would have raised, and ended
        return None


def _unpacked(data: bytes) -> Any | None:
    try:
        message = _MESSAGE.unserialize(data)
    except Exception:  # msgpack has many words for what is none of it
        return None
    if not is_name(message.type) or not (message.node_id is None or is_name(message.node_id)):
        return None
    message.data = printable_throughout(message.data)
    return message


def tolerate(runner: Any) -> None:
    """Wrap the listeners that are registered with this runner from now on: what they cannot read is dropped, and said.

    Locust prints a traceback for each, and a stranger without a key could fill a disk with them.
    """
    register = runner.register_message

    def registered(msg_type: str, listener: Callable[..., None], concurrent: bool = False) -> None:
        def tolerant(environment: Any, msg: Any, **more: Any) -> None:
            try:
                listener(environment=environment, msg=msg, **more)
            except _NOT_OURS as error:
                _logger.warning(f"Dropped a {msg_type} of {msg.node_id} that cannot be read ({type(error).__name__}).")

        register(msg_type, tolerant, concurrent)

    runner.register_message = registered


def _watch(socket: Any, on_event: Callable[[int], None]) -> gevent.Greenlet[..., None]:
    """Call this with each handshake of a socket, as long as it is open."""
    monitor = socket.get_monitor_socket(_WATCHED)

    def watch() -> None:
        with monitor:
            while (event := int(recv_monitor_message(monitor)["event"])) != zmq.EVENT_MONITOR_STOPPED:
                on_event(event)

    return gevent.spawn(watch)


def _end_watch(socket: Any, watching: gevent.Greenlet[..., None] | None) -> None:
    if watching is not None:
        watching.kill()
        socket.disable_monitor()


def _is_heartbeat(data: Any) -> bool:
    numbers = (data["current_cpu_usage"], data.get("current_memory_usage", 0))
    return data["state"] in _STATES and all(type(n) in (int, float) for n in numbers)


def _is_stats(data: Any) -> bool:
    """Whether Locust can add this to its statistics: by doing so, to some that are thrown away."""
    stats = RequestStats()
    for entry in (*data["stats"], data["stats_total"]):
        stats.total.extend(StatsEntry.unserialize(entry, stats))
    for error in data["errors"].values():
        StatsError.unserialize(error).serialize()
    return _are_users(data) and type(data["user_count"]) is int


def _are_users(data: Any) -> bool:
    counts: Mapping[Any, Any] = data["user_classes_count"]
    return all(type(name) is str and type(count) is int for name, count in counts.items())


def _are_texts(data: Any, *names: str) -> bool:
    return all(type(data[name]) is str for name in names)


def _is_empty(data: Any) -> bool:
    return data is None


def _are_logs(data: Any) -> bool:
    return _are_texts(data, "worker_id") and all(type(line) is str for line in data["logs"])


_FITS: Final[dict[str, Callable[[Any], bool]]] = {
    "client_ready": lambda data: type(data) is str or data == -1,
    "client_stopped": _is_empty,
    "exception": lambda data: _are_texts(data, "msg", "traceback"),
    "heartbeat": _is_heartbeat,
    "locustfile": lambda data: _are_texts(data, "version"),
    "logs": _are_logs,
    "quit": _is_empty,
    "spawning": _is_empty,
    "spawning_complete": _are_users,
    "stats": _is_stats,
}
