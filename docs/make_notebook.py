"""`make notebook`: executes analysis/soak.ipynb on a simulated run, and keeps what it shows.

Kept are text, tables and still pictures, which GitHub shows; a test executes it again and compares the texts.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from analysis import cli  # noqa: E402 - the folder is not installed

NOTEBOOK = ROOT / "analysis" / "soak.ipynb"
# Enough for the hypothesis to be confirmed, which is true in this world.
SIMULATED = ("--world", "W2", "--rows", "80000", "--seed", "1")
INTERACTIVE = "application/vnd.plotly.v1+json"


def simulated(folder: Path) -> Path:
    run = folder / "simulated-W2"
    if cli.main(["simulate", *SIMULATED, "--out", str(run)]) != 0:
        raise SystemExit(f"{run} could not be simulated.")
    return run


def executed(run: Path) -> Any:
    """The notebook with what it shows of a run."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    os.environ["WSOAK_RUN"] = str(run)
    at = {"metadata": {"path": str(NOTEBOOK.parent)}}
    NotebookClient(notebook, timeout=250, kernel_name="python3", resources=at).execute()
    return notebook


def still(notebook: Any) -> Any:
    """The notebook without what is only for a script, and without what is another each time."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(INTERACTIVE, None)
    # Which Python it was says nothing of the run.
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"], "language_info": {"name": "python"}}
    return notebook


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        nbformat.write(still(executed(simulated(Path(folder)))), NOTEBOOK)


if __name__ == "__main__":
    main()
