"""Moving average of a generator's weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sciadv.errors import InputError
from sciadv.trainings.ema import MovingAverage


def net(value: float) -> nn.Sequential:
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).double()
    for p in module.parameters():
        nn.init.constant_(p, value)
    return module


def test_average_follows_its_ramped_recurrence():
    module = net(0.0)
    average, expected = MovingAverage(module, decay=0.5), 0.0
    for t in range(1, 8):
        for p in module.parameters():
            p.data.fill_(float(t))
        average.update(module)
        beta = min(0.5, (1 + t) / (10 + t))
        expected = beta * expected + (1 - beta) * t
        assert average.module[0].weight[0, 0].item() == pytest.approx(expected, abs=1e-14)


def test_average_is_frozen_in_evaluation_and_takes_buffers():
    module = net(1.0)
    average = MovingAverage(module)
    module(torch.randn(8, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    average.update(module)
    assert torch.equal(average.module[1].running_mean, module[1].running_mean)
    assert not average.module.training
    assert module.training
    assert not any(p.requires_grad for p in average.module.parameters())


def test_average_goes_on_from_its_state():
    module = net(2.0)
    average = MovingAverage(net(0.0))
    average.update(module)
    other = MovingAverage(net(5.0))
    other.load_state_dict(average.state_dict())
    for a in (average, other):
        a.update(module)
    assert other.n_updates == 2
    assert torch.equal(average.module[0].weight, other.module[0].weight)


def test_a_decay_of_one_is_refused():
    with pytest.raises(InputError, match="decay"):
        MovingAverage(net(0.0), decay=1.0)
