"""Membership inference: the area under the curve against scikit-learn, and generators that leak or do not."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.prior import Prior
from sciadv.recipes.membership import attack, membership


def draws(n: int, seed: int) -> Tensor:
    return torch.rand(n, 1, 4, 4, generator=torch.Generator().manual_seed(seed))


def test_the_area_is_scikit_learns_with_ties() -> None:
    draw = torch.Generator().manual_seed(0)
    members = torch.randint(0, 9, (40,), generator=draw).double()
    others = torch.randint(2, 12, (70,), generator=draw).double()
    truth = [0] * 40 + [1] * 70
    wanted = roc_auc_score(truth, torch.cat([members, others]).numpy())
    assert membership(members, others).auc == pytest.approx(wanted, abs=1e-12)


def test_the_standard_error_is_that_of_repeated_draws() -> None:
    draw = torch.Generator().manual_seed(0)
    members, others = (torch.randn(400, 60, generator=draw) + shift for shift in (0.0, 0.7))
    found = [membership(a, b) for a, b in zip(members, others, strict=True)]
    spread = float(torch.tensor([one.auc for one in found]).std())
    stated = sum(one.standard_error for one in found) / len(found)
    assert stated == pytest.approx(spread, rel=0.1)


class Repeats(nn.Module):
    """A generator that gives its training images back."""

    def __init__(self, images: Tensor) -> None:
        super().__init__()
        self.register_buffer("images", images)

    def forward(self, z: Tensor) -> Tensor:
        place = (torch.special.ndtr(z[:, 0]) * len(self.images)).long().clamp_max(len(self.images) - 1)
        return self.images[place]


def test_a_generator_that_repeats_its_images_is_found_and_an_honest_one_is_not() -> None:
    members, others = draws(100, 0), draws(100, 1)
    leaking = attack(Prior(Repeats(members), 1), members, others)
    assert leaking.auc > 0.99
    assert "can be found" in leaking.header()["membership"]
    honest = attack(Prior(nn.Sequential(nn.Linear(16, 16), nn.Unflatten(1, (1, 4, 4))), 16), members, others)
    assert abs(honest.auc - 0.5) < 3 * honest.standard_error
    assert "no better than chance" in honest.header()["membership"]


def test_too_few_images_are_refused() -> None:
    with pytest.raises(InputError, match="two finite distances"):
        membership(torch.ones(1), torch.ones(5))
