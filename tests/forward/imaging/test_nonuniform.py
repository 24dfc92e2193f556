import numpy as np
import pytest
import torch

from sciadv.errors import InputError
from sciadv.forward import MaskedFourier, NonuniformFourier


@pytest.mark.parametrize("sizes", [(7,), (6, 5), (4, 5, 3)])
def test_it_is_the_direct_sum_in_parts_of_any_size(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x, frequencies = rng.standard_normal((2, 2, *sizes)), rng.uniform(-0.7, 0.7, (11, len(sizes)))
    index = np.stack(np.meshgrid(*[np.arange(n) - n // 2 for n in sizes], indexing="ij"), -1)
    waves = np.exp(-2j * np.pi * np.tensordot(frequencies, index, (1, -1)))
    axes = tuple(range(-len(sizes), 0))
    expected = np.stack([(x * wave).sum(axes) for wave in waves], -1)
    for chunk_bytes in (1, 10**4, 2**26):
        A = NonuniformFourier(
            (2, *sizes), frequencies, is_normalised=False, chunk_bytes=chunk_bytes, dtype=torch.float64
        )
        np.testing.assert_allclose(A(torch.from_numpy(x)), expected, atol=1e-11)


@pytest.mark.parametrize("sizes", [(6, 5), (4, 3, 5)])
def test_on_the_grid_it_is_the_masked_transform(sizes: tuple[int, ...]) -> None:
    grid = np.meshgrid(*[(np.arange(n) - n // 2) / n for n in sizes], indexing="ij")
    A = NonuniformFourier((1, *sizes), np.stack(grid, -1).reshape(-1, len(sizes)), dtype=torch.float64)
    x = torch.rand(1, 1, *sizes, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(A(x), MaskedFourier((1, *sizes), torch.ones(sizes) > 0).to(torch.float64)(x))


@pytest.mark.parametrize(
    "frequencies", [torch.zeros(3, 3), torch.zeros(0, 2), torch.full((2, 2), torch.inf), torch.zeros(2)]
)
def test_frequencies_that_do_not_fit_are_refused(frequencies: torch.Tensor) -> None:
    with pytest.raises(InputError, match="frequencies"):
        NonuniformFourier((1, 4, 4), frequencies)
