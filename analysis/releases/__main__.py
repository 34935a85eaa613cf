"""`python -m analysis.releases BASE`: can another run be held against this one? A soak asks before it starts.

Exit status: 0; 2 if it is no run or was not analysed, in one sentence.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from analysis.exit_codes import MET, USAGE
from analysis.releases.compare import CompareError, check
from attempts.printable import printable


def main(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit status."""
    if len(arguments) != 1:
        print("python -m analysis.releases takes one run folder: reports/<run_id>.", file=sys.stderr)
        return USAGE
    try:
        check(Path(arguments[0]))
    except CompareError as error:
        print(printable(str(error)), file=sys.stderr)
        return USAGE
    return MET


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
