import numpy as np
import pytest
import torch
from scipy import stats

from sciadv.errors import InputError
from sciadv.forward import GaussianSensing, to_dense


def test_same_seed_is_the_same_matrix():
    a, b, c = (to_dense(GaussianSensing((1, 4, 4), 7, seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_matrix_does_not_depend_on_the_dtype():
    single, double = (
        GaussianSensing((9,), 5, seed=2, dtype=dtype) for dtype in (torch.float32, torch.float64)
    )
    assert torch.equal(to_dense(single).double(), to_dense(double))


def test_entries_are_normal_with_the_scale():
    entries = to_dense(GaussianSensing((50,), 60, seed=0, scale=0.25)).flatten().numpy()
    assert stats.kstest(entries, stats.norm(scale=0.25).cdf).pvalue > 0.01


def test_drawing_does_not_touch_the_global_generator():
    before = torch.random.get_rng_state()
    GaussianSensing((9,), 5, seed=2)
    assert torch.equal(before, torch.random.get_rng_state())


def test_adjoint_is_the_transposed_matrix():
    A = GaussianSensing((1, 2, 3), 4, seed=0)
    np.testing.assert_allclose(A.adjoint(torch.eye(4)).flatten(1), to_dense(A), rtol=1e-6)


def test_the_matrix_is_stored_once():
    A = GaussianSensing((1, 20, 20), 100, seed=0)
    assert sum(buffer.numel() for buffer in A.buffers()) == 100 * 400


@pytest.mark.parametrize("settings", [{"n_measurements": 0}, {"scale": 0.0}, {"scale": float("nan")}])
def test_settings_out_of_range_are_refused(settings: dict):
    with pytest.raises(InputError, match=r"n_measurements must|scale must"):
        GaussianSensing((3,), **{"n_measurements": 2, "seed": 0, **settings})
