"""`python -m scenarios.protocols try URL`: a first look at a server (`scenarios.first_look`)."""

from __future__ import annotations

import sys

from scenarios.first_look.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
