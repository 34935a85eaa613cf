"""Tables for the tests of the verdict: sketched runs, and what can be done to them."""

import functools
from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.sketch import Sketch, sketched_tables, tables_of
from analysis.tables import Tables


@functools.cache
def sketched(seed=1, **given):
    """A run of the sketch; the same object for the same arguments."""
    return sketched_tables(Sketch(**given), np.random.default_rng(seed))


def frames(tables):
    return {name: frame for name, frame in vars(tables).items() if isinstance(frame, pd.DataFrame)}


def on_every_frame(tables, change):
    """The tables with every frame changed by one function."""
    return replace(tables, **{name: change(frame) for name, frame in frames(tables).items()})


def no_attempts():
    """A run without a single attempt."""
    return on_every_frame(sketched(), lambda frame: frame.iloc[:0])


def with_cells(tables, seed=1, **columns):
    """The tables that go with changed cells (columns are functions of the cells)."""
    cells = tables.cells.assign(**columns)
    return tables_of(cells, np.random.default_rng(seed))


def only(tables, keep):
    """The rows of all frames for which `keep(frame)` holds; frames without its columns stay."""

    def chosen(frame):
        try:
            return frame[keep(frame)].reset_index(drop=True)
        except KeyError:
            return frame

    return on_every_frame(tables, chosen)


def renamed(tables, column, names):
    """Other names in one column of every frame."""

    def change(frame):
        return frame.assign(**{column: frame[column].map(names)}) if column in frame else frame

    return on_every_frame(tables, change)


def states(decision):
    return {name: finding.state for name, finding in decision.claims.items()}


def one_minute(tables: Tables, minutes=1) -> Tables:
    first = int(tables.cells["minute"].min())
    cells = tables.cells[tables.cells["minute"] < first + minutes].reset_index(drop=True)
    return tables_of(cells, np.random.default_rng(1))
