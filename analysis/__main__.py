"""`python -m analysis reports/<run_id>...`, and `python -m analysis compare|simulate|calibrate|plan ...`."""

import sys

from analysis.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
