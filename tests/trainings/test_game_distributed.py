"""Two processes with half of the batch each are one process with the whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = '''
import sys
import torch
from torch import nn
from sciadv.games.augment import ADA
from sciadv.trainings.game.game import Game
from sciadv.trainings.game.game_rules import GameOptions
from sciadv.games.penalties import WassersteinGradientPenalty
from sciadv.games.replay import ReplayBuffer
from sciadv.trainings import process_group, world_size
from sciadv.nets.layers import VirtualBatchNorm


def sgd(parameters, rate):
    return torch.optim.SGD(parameters, lr=rate)


def nets(dtype, seed=0):
    torch.manual_seed(seed)
    G = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 16), nn.Unflatten(1, (1, 4, 4)))
    D = nn.Sequential(nn.Flatten(), nn.Linear(16, 16), nn.Softplus(), nn.Linear(16, 1))
    return G.to(dtype), D.to(dtype)


def played(dtype=torch.float64, steps=6, seed=0, virtual=False, **settings):
    """Every process has weights of its own seed: the first one's count."""
    images = torch.linspace(0, 1, 640).reshape(40, 1, 4, 4)
    G, D = nets(dtype, seed)
    if virtual:
        D = nn.Sequential(D[0], D[1], VirtualBatchNorm(16).to(dtype), *D[2:])
        G = nn.Sequential(G[0], VirtualBatchNorm(16).to(dtype), *G[1:])
    game = Game(G, D, n_latent=3, batch=8, learning_rate=1e-2, **settings)
    game.fit(images, steps=steps)
    return [p.detach() for p in [*G.parameters(), *D.parameters(), *game.averaged.parameters()]]


def main(out):
    with process_group() as device:
        rank = torch.distributed.get_rank() if world_size() > 1 else 0
        parts = GameOptions(accumulate=2 // world_size())
        torch.save({
            "float32, sgd": played(torch.float32, options=GameOptions(optimizer=sgd), seed=rank),
            **{name: played(update=name)
               for name in ("alternating", "extragradient", "optimistic", "lookahead", "consensus",
                            "symplectic", "unrolled", "trust-region", "output-trust-region")},
            "virtual batch norm": played(virtual=True),
            "historical averaging": played(penalties=["historical-averaging"]),
            "top-k": played(penalties=["top-k", "instance-noise"], options=parts),
            "random penalty": played(penalties=[WassersteinGradientPenalty()], options=parts),
            "ada": played(augment=ADA(target=-1.0, n_images=80, interval=1), options=parts),
            "replay": played(options=GameOptions(accumulate=parts.accumulate, replay=ReplayBuffer(16))),
        }, out)


main(sys.argv[1])
'''


@pytest.mark.slow
def test_two_processes_are_one_with_the_same_global_batch(tmp_path: Path) -> None:
    script = tmp_path / "ranks.py"
    script.write_text(SCRIPT)
    plain = {k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE")} | {
        "OMP_NUM_THREADS": "1"
    }
    port = str(20_000 + os.getpid() % 20_000)
    pair = [
        {**plain, "RANK": str(r), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        for r in (0, 1)
    ]
    outputs = [tmp_path / f"{name}.pt" for name in ("one", "first", "second")]
    processes = [
        subprocess.Popen([sys.executable, str(script), str(out)], env=environment)
        for out, environment in zip(outputs, [plain, *pair], strict=True)
    ]
    assert [process.wait(timeout=300) for process in processes] == [0, 0, 0]
    one, first, second = (torch.load(out) for out in outputs)
    for name, expected in one.items():
        for a, b, c in zip(expected, first[name], second[name], strict=True):
            assert torch.equal(b, c), name
            assert torch.allclose(a, b, rtol=0, atol=1e-6), name
            if "float32" not in name:
                assert torch.allclose(a, b, rtol=0, atol=1e-10), name
