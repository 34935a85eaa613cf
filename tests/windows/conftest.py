"""The Windows CPython for tests: built before, built now where that changes nothing but `.wine/`, or a reason."""

from __future__ import annotations

import os

import pytest

from windows.build import ensure
from windows.errors import Unavailable
from windows.places import Places


@pytest.fixture(scope="session")
def windows_python() -> Places:
    """The places of a finished build; a broken package or signature is a failure and not a reason to skip."""
    places = Places()
    try:
        # Installing system packages is for CI's machines; a person is told how to.
        ensure(places, install_wine=bool(os.environ.get("CI")) and os.geteuid() == 0, say=print)
    except Unavailable as reason:
        pytest.skip(str(reason))
    return places
