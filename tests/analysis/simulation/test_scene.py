"""What all chunks of a run share: moments of trouble, and random numbers of a mechanism's own."""

import numpy as np
import pytest

from analysis.simulation.design import Design
from analysis.simulation.scene import is_within, own_rng, random_windows


def test_a_window_begins_with_its_start_and_ends_before_its_end() -> None:
    windows = np.array([[10.0, 20.0], [30.0, 31.0]])
    at_s = np.array([9.9, 10.0, 19.9, 20.0, 30.5, 31.0])
    assert is_within(at_s, windows).tolist() == [False, True, True, False, True, False]
    assert not is_within(at_s, np.zeros((0, 2))).any()


@pytest.mark.parametrize("seed", range(5))
def test_windows_cover_their_share_of_the_run_and_never_overlap(seed: int) -> None:
    windows = random_windows(np.random.default_rng(seed), duration_s=1_000.0, share=0.3, length_s=10.0)
    assert len(windows) == 30
    assert np.diff(windows, axis=1).ravel() == pytest.approx(10.0)
    assert (windows[1:, 0] >= windows[:-1, 1] - 1e-9).all()
    assert windows[0, 0] >= 0.0 and windows[-1, 1] <= 1_000.0


def test_a_mechanism_draws_the_same_in_every_chunk_and_another_one_something_else() -> None:
    design = Design(seed=4)
    assert own_rng(design, 1).random() == own_rng(design, 1).random()
    assert own_rng(design, 1).random() != own_rng(design, 2).random()
    assert own_rng(design, 1).random() != own_rng(Design(seed=5), 1).random()
