import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sciadv.errors import InputError
from sciadv.forward import CrossholeTravelTime, FaciesSlowness, to_dense

DEPTHS = np.arange(1, 25) * 0.5


def distances(source_x: float = 0.01, receiver_x: float = 5.99) -> np.ndarray:
    """Source-major distances of the default geometry [m]."""
    return np.hypot(receiver_x - source_x, DEPTHS[:, None] - DEPTHS[None]).ravel()


def test_published_travel_times_are_reproduced():
    path = Path(os.environ.get("SCIADV_DATA", "")) / "subsurface" / "gpr_case_1.npz"
    if not path.is_file():
        pytest.skip("SCIADV_DATA has no subsurface/gpr_case_1.npz")
    case = np.load(path)
    A = CrossholeTravelTime(cell_order="F", dtype=torch.float64) @ FaciesSlowness(dtype=torch.float64)
    t = A(torch.from_numpy(case["model_true"]).double()[None, None])[0]
    np.testing.assert_allclose(t, case["travel_times_noise_free"], atol=1e-9, rtol=0)


@pytest.mark.parametrize("cell_order", ["C", "F"])
def test_homogeneous_section_is_distance_times_slowness(cell_order: str):
    t = CrossholeTravelTime(dtype=torch.float64, cell_order=cell_order)(
        torch.full((1, 1, 125, 60), 12.5).double()
    )
    np.testing.assert_allclose(t[0], 12.5 * distances(), rtol=1e-13)


def test_layered_section_is_the_sum_over_layers():
    """A straight ray spends in each layer the part of its length that it spends of its depth."""
    slowness = np.random.default_rng(0).uniform(10, 20, 125)
    edges = np.arange(126) * 0.1
    top, bottom = (
        np.minimum(*np.meshgrid(DEPTHS, DEPTHS)).ravel(),
        np.maximum(*np.meshgrid(DEPTHS, DEPTHS)).ravel(),
    )
    is_oblique = bottom > top
    overlap = np.minimum(bottom[:, None], edges[1:]) - np.maximum(top[:, None], edges[:-1])
    part = np.clip(overlap, 0, None)[is_oblique] / (bottom - top)[is_oblique, None]
    expected = distances()[is_oblique] * (part @ slowness)
    x = torch.from_numpy(np.broadcast_to(slowness[:, None], (125, 60)).copy())[None, None]
    t = CrossholeTravelTime(dtype=torch.float64)(x)[0].numpy()
    np.testing.assert_allclose(t[is_oblique], expected, rtol=1e-12)


def test_columns_section_is_the_sum_over_columns():
    slowness = np.random.default_rng(1).uniform(10, 20, 60)
    width = np.full(60, 0.1)
    width[[0, -1]] = 0.09
    x = torch.from_numpy(np.broadcast_to(slowness, (125, 60)).copy())[None, None]
    t = CrossholeTravelTime(dtype=torch.float64)(x)[0].numpy()
    np.testing.assert_allclose(t, distances() / 5.98 * (width @ slowness), rtol=1e-12)


def test_ray_along_a_grid_line_belongs_to_the_upper_cell():
    A = CrossholeTravelTime((1, 4, 3), sources=[[0.0, 0.2]], receivers=[[0.3, 0.2]])
    torch.testing.assert_close(to_dense(A).reshape(4, 3).sum(1), torch.tensor([0.0, 0.3, 0.0, 0.0]))


def test_diagonal_ray_crosses_the_diagonal_cells():
    A = CrossholeTravelTime((1, 3, 3), cell_size=1.0, sources=[[0.0, 0.0]], receivers=[[3.0, 3.0]])
    torch.testing.assert_close(to_dense(A).reshape(3, 3), 2**0.5 * torch.eye(3))


def test_data_run_over_receivers_first():
    A = CrossholeTravelTime((1, 4, 4), cell_size=1.0, sources=[[0, 0], [0, 4]], receivers=[[4, 0], [4, 3]])
    t = A(torch.ones(1, 1, 4, 4))[0]
    torch.testing.assert_close(t, torch.tensor([4.0, 5.0, 32**0.5, 17**0.5]))


def test_columns_order_reads_the_candidate_column_by_column():
    settings = {"sources": [[0.0, 0.05]], "receivers": [[0.3, 0.35], [0.2, 0.0]], "dtype": torch.float64}
    x = torch.rand(1, 1, 4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    shuffled = torch.from_numpy(x[0, 0].numpy().ravel(order="F").reshape(4, 3))[None, None]
    published = CrossholeTravelTime((1, 4, 3), cell_order="F", **settings)
    torch.testing.assert_close(published(x), CrossholeTravelTime((1, 4, 3), **settings)(shuffled))


position = st.tuples(st.floats(0, 0.7), st.floats(0, 0.5))


@given(position, position)
@settings(max_examples=60)
def test_cell_lengths_add_up_to_the_ray(source: tuple, receiver: tuple):
    A = CrossholeTravelTime((1, 5, 7), sources=[source], receivers=[receiver], dtype=torch.float64)
    lengths = to_dense(A)
    assert bool((lengths >= 0).all())
    np.testing.assert_allclose(lengths.sum(), np.hypot(*np.subtract(source, receiver)), atol=1e-9)


@given(position, position)
@settings(max_examples=20)
def test_cell_lengths_agree_with_dense_sampling(source: tuple, receiver: tuple):
    A = CrossholeTravelTime((1, 5, 7), sources=[source], receivers=[receiver], dtype=torch.float64)
    a, b = np.array(source), np.array(receiver)
    points = a + (np.arange(20000)[:, None] + 0.5) / 20000 * (b - a)
    column, row = np.minimum((points / 0.1).astype(int), [6, 4]).T
    sampled = np.bincount(row * 7 + column, minlength=35) * np.linalg.norm(b - a) / 20000
    # a ray along a grid line may fall on either side
    nearest = np.abs(points / 0.1 - np.round(points / 0.1)).max(0)
    if (nearest > 1e-6).all():
        np.testing.assert_allclose(to_dense(A)[0], sampled, atol=2e-3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sources": [[-0.1, 1.0]]}, "sources must lie inside"),
        ({"receivers": [[0.0, 12.6]]}, "receivers must lie inside"),
        ({"sources": [0.0, 1.0]}, "shape"),
        ({"sources": np.zeros((0, 2))}, "shape"),
        ({"in_shape": (2, 125, 60)}, "one channel"),
        ({"cell_size": 0.0}, "cell_size"),
    ],
)
def test_unusable_geometry_is_refused(settings: dict, message: str):
    with pytest.raises(InputError, match=message):
        CrossholeTravelTime(**settings)


def test_slowness_of_the_facies_and_the_background():
    x = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64).reshape(1, 1, 1, 3)
    F = FaciesSlowness((1, 1, 3), velocity_background=0.08, velocity_facies=0.06, dtype=torch.float64)
    np.testing.assert_allclose(F(x).flatten(), [1 / 0.08, 1 / 0.07, 1 / 0.06], rtol=1e-14)


def test_slowness_derivative_is_the_closed_form():
    x = torch.rand(2, 1, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    F = FaciesSlowness((1, 3, 4), dtype=torch.float64)
    expected = 0.02 / (0.08 - 0.02 * x) ** 2
    torch.testing.assert_close(F.jvp(x, torch.ones_like(x)), expected)
    torch.testing.assert_close(F.vjp(x, torch.ones_like(x)), expected)


def test_velocity_that_is_not_positive_is_refused():
    with pytest.raises(InputError, match="> 0"):
        FaciesSlowness(velocity_facies=0.0)
