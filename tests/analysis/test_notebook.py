"""The notebook is executed as a reader would, on a small simulated run."""

import warnings
from pathlib import Path

import nbformat
import pytest

from analysis import cli

NOTEBOOK = Path(cli.__file__).with_name("soak.ipynb")


def texts(notebook: nbformat.NotebookNode) -> str:
    return "\n".join(
        str(output.get("text") or output.get("data", {}).get("text/plain", ""))
        for cell in notebook.cells
        for output in cell.get("outputs", ())
    )


def test_notebook_is_kept_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)
    assert all(cell.get("execution_count") is None for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.slow
@pytest.mark.timeout(300)  # a kernel starts, on a machine that may be busy
def test_notebook_walks_from_rows_to_the_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with warnings.catch_warnings():
        # Jupyter's client warns of its own event loop and of its own future.
        warnings.simplefilter("ignore")
        from nbclient import NotebookClient

        run = tmp_path / "sim"
        assert cli.main(["simulate", "--world", "W2", "--rows", "6000", "--seed", "1", "--out", str(run)]) == 0
        monkeypatch.setenv("WSOAK_RUN", str(run))
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        client = NotebookClient(
            notebook, timeout=100, kernel_name="python3", resources={"metadata": {"path": str(NOTEBOOK.parent)}}
        )
        client.execute()
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
    assert "Found: " in texts(notebook)
    figures = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if "application/vnd.plotly.v1+json" in output.get("data", {})
    ]
    assert len(figures) == 9
