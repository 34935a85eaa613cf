from __future__ import annotations

import pytest

from windows.lock import WHEELS
from windows.pins import pinned_hashes, requirements, windows_pins, with_hashes
from windows.places import ROOT

TOOLS = "hypothesis==6\nsortedcontainers==2\npytest-timeout==2\nstarlette==1\nuvicorn==0.5\nhttptools==0.9\nanyio==4\n"


def test_windows_gets_what_only_windows_needs_and_not_what_only_others_need() -> None:
    worker = "pywin32==312 ; sys_platform == 'win32'\n    # via locust\nuvloop==0.23.0 ; sys_platform != 'win32'\n"
    pins = windows_pins(worker, TOOLS)
    assert "pywin32==312" in pins
    assert not [pin for pin in pins if pin.startswith("uvloop")]


def test_a_marker_for_another_interpreter_leaves_its_package_out() -> None:
    assert "cffi==2.1.1" not in windows_pins("cffi==2.1.1 ; implementation_name == 'pypy'\n", TOOLS)


def test_a_test_tool_that_is_not_locked_is_named() -> None:
    with pytest.raises(LookupError, match="httptools is named in windows/pins.py but requirements-dev.txt"):
        windows_pins("", TOOLS.replace("httptools==0.9\n", ""))


def test_a_lock_with_hashes_reads_back_as_it_was_written() -> None:
    pins = ["bidict==0.24.1", "zope-event==6.2"]
    hashes = {"bidict": "ab" * 32, "zope-event": "cd" * 32}
    assert pinned_hashes(with_hashes(pins, hashes)) == {"bidict==0.24.1": "ab" * 32, "zope-event==6.2": "cd" * 32}


def test_comments_of_a_lock_are_not_requirements() -> None:
    lock = "# Written by\nh11==0.16.0 # why\n    # via wsproto\n\n"
    assert [str(requirement) for requirement in requirements(lock)] == ["h11==0.16.0"]


def test_wheels_txt_holds_exactly_the_versions_that_the_workers_on_linux_run() -> None:
    worker, dev = (ROOT / "requirements-worker.txt").read_text(), (ROOT / "requirements-dev.txt").read_text()
    assert sorted(pinned_hashes(WHEELS.read_text())) == windows_pins(worker, dev), "run `python -m windows.lock`"
