"""The analysis beside a run: `python -m analysis.live reports/<run> [options of python -m analysis]`.

Whoever leads the run starts it, and says on standard input, in lines, when the rows are being stored (`storing`) and
when all are there (`finish`, and how wide its terminal is, if it has one). It answers that with the line `begun`, and
how many seconds the last look took, if there was one; then does and prints what `python -m analysis` with the same
arguments does, with its exit status. Where standard input ends without that, it ends without a verdict.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Final

import psutil

from analysis.exit_codes import MET, USAGE
from analysis.live.resident import Resident

STORING: Final = "storing"
FINISH: Final = "finish"
BEGUN: Final = "begun"
_NICENESS: Final = 10  # as the store: the users beside us are measured to the millisecond
_POLL_S: Final = 0.5


def main(arguments: Sequence[str]) -> int:
    """Stay beside the run until its end; returns the exit status."""
    if not arguments or arguments[0].startswith("-"):
        print("python -m analysis.live needs a run folder first: reports/<run_id>.", file=sys.stderr)
        return USAGE
    # Ctrl-C in a terminal is the leader's to hear: it says when the run is over.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(psutil.Error, OSError):
        psutil.Process().nice(getattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS", _NICENESS))
    words: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(words,), daemon=True).start()
    return stay(Resident(arguments=arguments), words)


def stay(resident: Resident, words: queue.Queue[str], *, poll_s: float = _POLL_S) -> int:
    """Do what the words of the leader say, and count and look until they come; "" = it has left."""
    resident.begin()
    is_running = True
    while True:
        try:
            # Once the users have stopped nothing is begun for which the verdict would have to wait.
            word = words.get(timeout=poll_s) if is_running else words.get()
        except queue.Empty:
            resident.step()
            continue
        if word == STORING:
            is_running = False
            resident.storing()
        elif word.split(" ")[0] == FINISH:
            if columns := word.partition(" ")[2]:
                os.environ["COLUMNS"] = columns
            took_s = resident.last_look_s
            print(BEGUN if took_s is None else f"{BEGUN} {took_s:.1f}", flush=True)
            return resident.finish()
        elif not word:
            return MET


def _listen(words: queue.Queue[str]) -> None:
    """Pass on what is said on standard input, line by line, and at last that nothing more comes."""
    rest = b""
    # os.read and not sys.stdin: a thread inside a buffered reader would abort the interpreter's exit.
    with contextlib.suppress(OSError):
        while read := os.read(0, 4096):
            *lines, rest = (rest + read).split(b"\n")
            for line in lines:
                if word := line.decode("utf-8", "replace").strip():
                    words.put(word)
    words.put("")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
