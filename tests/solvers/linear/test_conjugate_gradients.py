"""Conjugate gradients against a direct solver: any start, any preconditioner, each row by itself."""

import hypothesis
import torch
from hypothesis import strategies as st

from sciadv.solvers.linear.conjugate_gradients import conjugate_gradients


def systems(n_rows: int, n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return matrices ``(rows, n, n)``, symmetric and positive, and right-hand sides ``(rows, n)``."""
    draw = torch.Generator().manual_seed(seed)
    root = torch.randn(n_rows, n, n, generator=draw, dtype=torch.float64)
    matrix = root @ root.transpose(1, 2) / n + torch.eye(n)
    return matrix, torch.randn(n_rows, n, generator=draw, dtype=torch.float64)


def times(matrix: torch.Tensor):
    """Return the product with matrices as a function of ``(rows, n)``."""
    return lambda v: (matrix @ v[:, :, None]).squeeze(2)


@hypothesis.settings(max_examples=30)
@hypothesis.given(
    n_rows=st.integers(1, 4),
    n=st.integers(1, 8),
    seed=st.integers(0, 2**16),
    has_start=st.booleans(),
    has_diagonal=st.booleans(),
)
def test_it_finds_the_solution_of_a_direct_solver(n_rows, n, seed, has_start, has_diagonal):
    matrix, right = systems(n_rows, n, seed)
    found = conjugate_gradients(
        times(matrix),
        right,
        n_steps=3 * n,
        start=right.flip(1) if has_start else None,
        diagonal=matrix.diagonal(dim1=1, dim2=2) if has_diagonal else None,
    )
    torch.testing.assert_close(found, torch.linalg.solve(matrix, right), rtol=1e-6, atol=1e-8)


def test_each_row_ends_by_itself_at_the_tolerance():
    matrix, right = systems(3, 8, 0)

    def solve(rows):
        return conjugate_gradients(times(matrix[rows]), right[rows], n_steps=40, tolerance=0.02)

    together = solve([0, 1, 2])
    left = (right - times(matrix)(together)).norm(dim=1) / right.norm(dim=1)
    assert bool((left <= 0.02).all())
    assert bool((left > 1e-6).all())  # not a step more than asked for
    torch.testing.assert_close(together[1:2], solve([1]), atol=1e-12, rtol=1e-12)


def test_a_row_with_nan_is_nan_and_leaves_the_others_alone():
    matrix, right = systems(2, 5, 1)
    whole = conjugate_gradients(times(matrix), right, n_steps=20, tolerance=1e-3)
    right[1, 2] = torch.nan
    broken = conjugate_gradients(times(matrix), right, n_steps=20, tolerance=1e-3)
    torch.testing.assert_close(broken[0], whole[0])
    assert bool(broken[1].isnan().all())


def test_without_a_start_no_product_is_spent_on_it():
    matrix, right = systems(2, 6, 2)
    counted: list[int] = []

    def apply(v):
        counted.append(len(v))
        return times(matrix)(v)

    conjugate_gradients(apply, right, n_steps=4)
    assert len(counted) == 4
    conjugate_gradients(apply, torch.zeros_like(right), n_steps=4)  # solved from the start
    assert len(counted) == 4


def test_images_are_rows_too():
    matrix, right = systems(2, 6, 3)
    shaped = conjugate_gradients(
        lambda v: times(matrix)(v.flatten(1)).reshape(v.shape), right.reshape(2, 1, 2, 3), n_steps=18
    )
    torch.testing.assert_close(shaped.flatten(1), conjugate_gradients(times(matrix), right, n_steps=18))
