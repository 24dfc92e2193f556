"""Replay buffer, elite and top-k."""

from __future__ import annotations

import pytest
import torch

from sciadv.errors import InputError
from sciadv.games.replay import Elite, ReplayBuffer, TopK


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_replay_buffer_fills_then_replaces_at_random():
    buffer = ReplayBuffer(10)
    for step in range(5):
        buffer.push(torch.full((4, 2), float(step)), generator=seeded(step))
        assert len(buffer) == min(10, 4 * (step + 1))
    assert buffer.samples is not None
    assert int((buffer.samples[:, 0] == 4).sum()) == 4  # the newest are all in
    assert len(buffer.samples[:, 0].unique()) > 2  # and some of the old


def test_replay_buffer_smaller_than_a_batch_keeps_its_last_samples():
    buffer = ReplayBuffer(3)
    buffer.push(torch.arange(8.0))
    assert buffer.samples is not None
    assert buffer.samples.tolist() == [5.0, 6.0, 7.0]


def test_mixed_batches_hold_the_share_of_old_samples_and_keep_the_graph_of_new_ones():
    buffer = ReplayBuffer(100)
    fresh = torch.ones(8, 2, requires_grad=True)
    assert buffer.mixed(fresh) is fresh
    buffer.push(torch.zeros(50, 2))
    batch = buffer.mixed(fresh, share=0.25, generator=seeded())
    assert batch.shape == (8, 2)
    assert int((batch.detach() == 0).all(1).sum()) == 2
    (gradient,) = torch.autograd.grad(batch.sum(), fresh)
    assert int(gradient.sum()) == 12


def test_replay_buffer_goes_on_from_its_state():
    buffer, other = ReplayBuffer(5), ReplayBuffer(5)
    other.load_state_dict(buffer.state_dict())
    assert len(other) == 0
    buffer.push(torch.arange(7.0))
    other.load_state_dict(buffer.state_dict())
    for b in (buffer, other):
        b.push(torch.ones(2), generator=seeded())
    assert torch.equal(buffer.samples, other.samples)


def test_elite_keeps_the_best_above_the_floor_of_diversity():
    elite = Elite(3, floor=1.0)
    elite.push(torch.tensor([[0.0], [0.5], [2.0], [4.0]]), torch.tensor([1.0, 2.0, 3.0, 0.5]))
    assert elite.samples is not None
    assert elite.samples.flatten().tolist() == [2.0, 0.5, 4.0]  # 0.0 is too near to the better 0.5
    elite.push(torch.tensor([[10.0]]), torch.tensor([9.0]))
    assert elite.samples.flatten().tolist() == [10.0, 2.0, 0.5]


def test_elite_feedback_raises_the_property_and_keeps_diversity():
    elite, generator = Elite(20, floor=0.2), seeded()
    means, best = [], []
    centre = torch.zeros(2)
    for _ in range(15):  # a generator that copies the elite with noise
        samples = centre + torch.randn(100, 2, generator=generator)
        elite.push(samples, -(samples - 5).norm(dim=1))
        centre = elite.sample(100, generator=generator)
        means.append(float(elite.scores.mean()))
        best.append(float(elite.scores.max()))
    assert best == sorted(best)
    assert means[-1] > means[0] + 3
    assert float(torch.pdist(elite.samples).min()) >= 0.2


def test_elite_goes_on_from_its_state_and_refuses_to_draw_from_nothing():
    empty, elite = Elite(2), Elite(2)
    with pytest.raises(InputError, match="empty"):
        empty.sample(3, generator=seeded())
    elite.push(torch.arange(3.0).view(3, 1), torch.arange(3.0))
    empty.load_state_dict(elite.state_dict())
    assert torch.equal(empty.sample(5, generator=seeded()), elite.sample(5, generator=seeded()))
    with pytest.raises(InputError, match="score"):
        elite.push(torch.zeros(3, 1), torch.zeros(2))


@pytest.mark.parametrize(("step", "k"), [(0, 8), (100, 6), (10_000, 4)])
def test_top_k_narrows_to_its_floor(step, k):
    logits = torch.randn(8, generator=seeded())
    top = TopK(floor=0.5, decay=0.997)
    chosen = top(logits, step)
    assert chosen.tolist() == logits.argsort(descending=True)[:k].tolist()
    assert torch.equal(top(logits.unsqueeze(1), step), chosen)


@pytest.mark.parametrize(
    "build", [lambda: ReplayBuffer(0), lambda: Elite(0), lambda: TopK(floor=0.0), lambda: TopK(decay=1.1)]
)
def test_impossible_settings_are_refused(build):
    with pytest.raises(InputError, match="but"):
        build()
