"""Dials on one `Stream` as a `Dialler` says, with gevent's resolver and waits."""

from __future__ import annotations

import socket as sockets
from collections.abc import Callable
from time import perf_counter
from typing import Any

import gevent
import gevent.socket

from scenarios.addresses import Address, AddressBook
from scenarios.clients.dialler import Connect, Dialler, Read, Resolve, Secure, Send, Step
from scenarios.clients.on_gevent.stream import Stream
from scenarios.clients.on_gevent.waiter import Patience
from scenarios.clients.own_end import OwnEnd
from scenarios.plan import Target


class Mover:
    """Moves what one dialler decides about; made in the greenlet that waits.

    Each method goes on until the dialler has another kind of step, which is returned.

    Args:
        dialler: It decides.
        target: Where to.
        book: The addresses that the process knows, and who looks up which of them.
        stream: It is connected.
        patience: Of the greenlet that waits.
        end: Is told of each socket.
        before_end: Called when a wait has ended without a result, before the dialler hears of it; it may wait.
    """

    def __init__(
        self,
        dialler: Dialler,
        target: Target,
        book: AddressBook,
        stream: Stream,
        patience: Patience,
        end: OwnEnd,
        before_end: Callable[[float], object] = lambda _: None,
    ) -> None:
        self._dialler = dialler
        self._target = target
        self._book = book
        self._stream = stream
        self._patience = patience
        self._end = end
        self._before_end = before_end
        self._shown: Any = None

    def connect(self) -> Step:
        """Names and TCP; the dialler has begun."""
        return self._follow()

    def secure(self) -> Step:
        """The TLS handshake."""
        return self._follow(and_secure=True)

    def ask(self, request: bytes, *, is_upgrade: bool) -> Step:
        """An HTTP request and the head of its answer: `Answered`, or the dialler's end."""
        self._dialler.ask(request, is_upgrade=is_upgrade)
        return self._follow()

    def _follow(self, *, and_secure: bool = False) -> Step:
        dialler = self._dialler
        while True:
            step = dialler.step
            try:
                if isinstance(step, Read):
                    self._read(step)
                elif isinstance(step, Connect):
                    self._connect(step)
                elif isinstance(step, Send):
                    self._stream.send(step.data)
                    dialler.sent(perf_counter())
                elif isinstance(step, Resolve):
                    self._resolve(step)
                elif isinstance(step, Secure) and and_secure:
                    self._secure(step)
                else:
                    return step
            except (OSError, EOFError) as error:
                dialler.failed(error, perf_counter())

    def _resolve(self, step: Resolve) -> None:
        running, name = self._book.running, (step.host, step.port)
        lookup = running.get(name)
        if lookup is None:
            lookup = running[name] = gevent.spawn(_look_up, *name)
            lookup.rawlink(lambda _: running.pop(name, None))
        while not self._patience.wait_for(lookup, step.until):
            if not self._waits_on(step, lambda: lookup.dead):
                return
        found = lookup.get()
        if isinstance(found, OSError):
            raise found
        self._dialler.resolved(found, perf_counter())

    def _connect(self, step: Connect) -> None:
        racers = self._stream.racers
        for address in racers.addresses:
            if address not in step.addresses:
                racers.drop(address)
        for address in step.addresses:
            if address not in racers.addresses and not self._start(address):
                return
        self._show(racers.socket_to(step.addresses[-1]), step.addresses[-1])
        first = racers.first(step.until)
        if first is None:
            self._waits_on(step, racers.has_outcome)
            return
        try:
            sock = racers.winner(first)
        except OSError as error:
            self._dialler.failed(error, perf_counter(), first)
            return
        self._stream.adopt(sock)
        self._show(sock, first)
        self._dialler.connected(first, perf_counter())

    def _start(self, address: Address) -> bool:
        """Begin to connect there; False = it has failed, and the dialler has heard of it."""
        try:
            self._stream.racers.start(address)
        except OSError as error:
            self._show(None, address)
            self._dialler.failed(error, perf_counter(), address)
            return False
        return True

    def _show(self, sock: Any, address: Address) -> None:
        """Tell the end which socket is its own for now, unless it knows."""
        if sock is None or sock is not self._shown:
            self._shown = sock
            self._end.dials(sock, address if self._target.relay is None else self._dialler.towards)

    def _read(self, step: Read) -> None:
        data = self._bytes(step)
        if data is not None:
            self._dialler.received(self._stream.plain(data), perf_counter())

    def _secure(self, step: Secure) -> None:
        stream = self._stream
        stream.start_tls(self._target.tls_files, self._target.host)
        received = b""
        while not stream.handshake(received):
            more = self._bytes(step)
            if more is None:
                return
            received = more
        self._dialler.secured(perf_counter(), is_asked_for_certificate=stream.is_asked_for_certificate)

    def _bytes(self, step: Read | Secure) -> bytes | None:
        """What came from the network; None = the dialler waits for it no more."""
        # A loop may wake a reader although nothing is there (libuv on Windows does).
        while (data := self._stream.read(step.until)) is None:
            if not self._waits_on(step, self._stream.has_answer):
                return None
        self._end.took(len(data))
        return data

    def _waits_on(self, step: Step, is_answered: Callable[[], bool]) -> bool:
        now, answered = perf_counter(), is_answered()
        self._before_end(now)
        return self._dialler.woken(now, answered=answered) is step


def _look_up(host: str, port: int) -> list[Address] | OSError:
    """Every address of a name. In a greenlet of its own: a failure is a value, not a traceback."""
    try:
        found = gevent.socket.getaddrinfo(host, port, type=sockets.SOCK_STREAM)
    except OSError as error:
        return error
    except UnicodeError:  # of a name that no resolver would be asked for
        return sockets.gaierror(sockets.EAI_NONAME, "no name of a host")
    return [(int(family), address) for family, _, _, _, address in found]
