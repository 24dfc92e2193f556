"""Augmentations: shapes and shares, twice differentiable, the overfitting heuristic."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from sciadv.errors import InputError
from sciadv.games.augment import ADA, DiffAugment, _Draws, cut_out, warp
from sciadv.games.penalties import R1


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(n: int = 6, channels: int = 1, height: int = 12, width: int = 10) -> Tensor:
    return torch.rand(n, channels, height, width, generator=seeded(), dtype=torch.float64)


def affine(n: int, rows: list[list[float]]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64).expand(n, 2, 3)


def test_warp_by_the_identity_is_exact_and_by_pixels_a_shift():
    x = images()
    assert torch.equal(warp(x, affine(6, [[1, 0, 0], [0, 1, 0]])), x)
    moved = warp(x, affine(6, [[1, 0, 3], [0, 1, -2]]))
    assert torch.equal(moved[:, :, 2:, :-3], x[:, :, :-2, 3:])
    assert float(moved[:, :, :2].abs().max()) == 0.0
    assert float(moved[:, :, :, -3:].abs().max()) == 0.0


def test_warp_agrees_with_grid_sample():
    x = images(channels=2, height=9, width=9)
    theta = 0.3 * torch.randn(6, 2, 3, generator=seeded(1), dtype=torch.float64)
    theta[:, 0, 0] += 1
    theta[:, 1, 1] += 1
    grid = functional.affine_grid(theta, list(x.shape), align_corners=False)
    expected = functional.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    in_pixels = theta.clone()
    in_pixels[:, :, 2] *= 9 / 2
    assert torch.allclose(warp(x, in_pixels), expected, atol=1e-12)


def test_cut_out_removes_the_stated_share():
    x = torch.ones(1, 1, 16, 16)
    y = cut_out(x, 0.5, torch.tensor([0.5]), torch.tensor([0.5]))
    assert float(y.sum()) == 256 - 64
    assert float(y[0, 0, 4:12, 4:12].sum()) == 0.0


@pytest.mark.parametrize("augment", [DiffAugment(), ADA(p=0.7, symmetric=True), ADA(p=1.0)])
@pytest.mark.parametrize("channels", [1, 3])
def test_augmentation_keeps_shapes_changes_images_and_repeats_with_its_generator(augment, channels):
    x = images(channels=channels)
    first, second = (augment(x, generator=seeded(3)) for _ in range(2))
    assert first.shape == x.shape
    assert first.dtype == x.dtype
    assert bool(first.isfinite().all())
    assert torch.equal(first, second)
    assert not torch.equal(first, x)
    assert not torch.equal(first, augment(x, generator=seeded(4)))


@pytest.mark.parametrize("augment", [DiffAugment(), ADA(p=0.8, symmetric=True)])
def test_r1_passes_twice_through_an_augmentation(augment):
    x = images(2, 1, 5, 5).requires_grad_()
    net = nn.Sequential(nn.Flatten(), nn.Linear(25, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    penalty = R1(1.0)(lambda y: net(augment(y, generator=seeded(1))), x, x)
    gradients = torch.autograd.grad(
        penalty, list(net.parameters()), allow_unused=True, materialize_grads=True
    )
    assert float(gradients[0].abs().max()) > 0
    assert torch.autograd.gradgradcheck(lambda y: augment(y, generator=seeded(1)).pow(2), (x,))


def test_diffaugment_parts_can_be_chosen():
    x = images()
    assert torch.equal(DiffAugment(())(x), x)
    moved = DiffAugment(("translation",))(x, generator=seeded())
    values = set(moved.flatten().tolist()) - {0.0}
    assert values <= set(x.flatten().tolist())
    cut = DiffAugment(("cutout",))(x, generator=seeded())
    assert bool(((cut == x) | (cut == 0)).all())
    coloured = DiffAugment(("colour",))(x, generator=seeded())
    a, b = coloured[0].flatten(), x[0].flatten()  # one channel: an affine map of the values
    assert float(torch.corrcoef(torch.stack([a, b]))[0, 1]) == pytest.approx(1.0, abs=1e-12)


def test_ada_at_p_zero_is_the_identity():
    x = images()
    assert ADA()(x) is x


def test_ada_changes_a_share_of_images_that_follows_p():
    x = images(400)

    def share(p: float) -> float:
        y = ADA(p=p)(x, generator=seeded())
        return float(((y - x).flatten(1).abs().max(1).values > 1e-12).double().mean())

    shares = [share(p) for p in (0.02, 0.1, 0.3)]
    assert shares == sorted(shares)
    assert shares[0] == pytest.approx(1 - 0.98**7, abs=0.06)  # seven independent changes
    assert shares[2] > 0.9


def test_ada_of_asymmetric_data_never_turns_or_mirrors():
    ramp = torch.linspace(0, 1, 16, dtype=torch.float64).expand(200, 1, 16, 16)
    augmented = ADA(p=0.5)._geometry(ramp, _Draws(ramp, seeded()))
    assert float(augmented[:, 0, 0].min()) > 0
    assert float(augmented[:, 0, 1].abs().max()) < 1e-15


def test_ada_raises_p_for_a_discriminator_that_overfits_and_lowers_it_for_one_that_does_not():
    ada = ADA(n_images=1000, interval=2)
    for _ in range(10):
        ada.update(torch.ones(20))
    assert ada.r_t == 1.0
    assert ada.p == pytest.approx(10 * 20 / 1000)
    for _ in range(4):
        ada.update(torch.cat([torch.ones(12), -torch.ones(8)]))
    assert ada.r_t == pytest.approx(0.2)
    assert ada.p == pytest.approx(6 * 20 / 1000)
    for _ in range(100):
        ada.update(-torch.ones(20))
    assert ada.p == 0.0


def test_ada_holds_a_discriminator_at_the_target():
    # A toy discriminator whose r_t falls with p, as augmentation makes it: r_t = 1 - p.
    ada = ADA(n_images=20_000, interval=4)
    generator = seeded()
    for _ in range(3000):
        share = (2 - ada.p) / 2
        ada.update(torch.where(torch.rand(64, generator=generator) < share, 1.0, -1.0))
    assert ada.p == pytest.approx(0.4, abs=0.05)


def test_ada_goes_on_from_its_state():
    a = ADA(n_images=1000)
    for _ in range(6):
        a.update(torch.ones(10))
    b = ADA(n_images=1000)
    b.load_state_dict(a.state_dict())
    for ada in (a, b):
        for _ in range(2):
            ada.update(torch.ones(10))
    assert (a.p, a.r_t) == (b.p, b.r_t)


def test_what_is_no_image_or_no_setting_is_refused():
    with pytest.raises(InputError, match="batch, channels"):
        DiffAugment()(torch.zeros(4, 4))
    with pytest.raises(InputError, match="batch, channels"):
        ADA()(torch.zeros(4, 4))
    with pytest.raises(InputError, match="rotation"):
        DiffAugment(("rotation",))
    with pytest.raises(InputError, match="p in"):
        ADA(p=1.5)
