r"""
A generator of words is an actor, its discriminator a critic
============================================================

Words are discrete: no gradient passes from D(x) to the generator's parameters. The policy gradient needs
none,

.. math:: \nabla E_q r(x) = E_q (r(x) - b)\, \nabla \log q(x), \qquad r = \log D(x),

the generator is the actor, log D its reward. A baseline b changes no mean and takes noise away. Here a table
of letters and transitions makes words of three letters, against a table of logits.

**What to see:** left, the distance to the words of the data falls. Right, pairs of letters agree at the end.

R. J. Williams, *Simple statistical gradient-following algorithms*, Machine Learning 8, 1992.
"""

import matplotlib.pyplot as plt
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from sciadv.drawing.example_pages import run_page
from sciadv.games.objectives import NonSaturating
from sciadv.games.two_player import derivative
from sciadv.games.updates.update import move

LETTERS = torch.cartesian_prod(*[torch.arange(3)] * 3)  # all 27 words
PAIRS = 3 * LETTERS[:, 0] + LETTERS[:, 1]


# %%
# Log probabilities of all words under a first letter and transitions, given by logits (4, 3).
def log_probability(table: Tensor) -> Tensor:
    logs = table.log_softmax(1)
    return (
        logs[0, LETTERS[:, 0]]
        + logs[1 + LETTERS[:, 0], LETTERS[:, 1]]
        + logs[1 + LETTERS[:, 1], LETTERS[:, 2]]
    )


# %%
# The game: both tables move in turn, on 256 words each.
def play(data: Tensor, steps: int, *, has_baseline: bool) -> tuple[Tensor, list[float]]:
    numbers, loss, distances = torch.Generator().manual_seed(0), NonSaturating(), []
    table = torch.zeros(4, 3, dtype=torch.float64, requires_grad=True)
    logits = torch.zeros(27, dtype=torch.float64, requires_grad=True)
    actor, critic = torch.optim.Adam([table], lr=0.02), torch.optim.Adam([logits], lr=0.1, betas=(0.5, 0.9))
    for step in range(steps):
        actor.param_groups[0]["lr"] = 0.02 * (1 - step / steps)
        q = log_probability(table).exp().detach()
        real, words = (torch.multinomial(p, 256, replacement=True, generator=numbers) for p in (data, q))
        move(critic, [logits], derivative(loss.discriminator_loss(logits[real], logits[words]), [logits]))
        reward = logsigmoid(logits).detach()[words]
        advantage = reward - reward.mean() if has_baseline else reward
        move(actor, [table], derivative(-(advantage * log_probability(table)[words]).mean(), [table]))
        distances.append(float((q - data).abs().sum() / 2))
    return q, distances


def main(*, quick: bool = False) -> dict[str, tuple[float, float]]:
    numbers = torch.Generator().manual_seed(1)
    data, other = (log_probability(torch.randn(4, 3, generator=numbers).double()).exp() for _ in range(2))
    steps = 500 if quick else 4000
    (_, plain), (q, distances) = (play(data, steps, has_baseline=has) for has in (False, True))
    table = torch.zeros(4, 3, dtype=torch.float64, requires_grad=True)
    at, reward = log_probability(table).exp(), (data / (data + other)).log()
    exact = derivative(at @ reward, [table])[0].flatten()
    at, scores = at.detach(), torch.func.jacrev(log_probability)(table.detach()).flatten(1)
    variance = [at @ ((reward - b) ** 2 * scores.square().sum(1)) - exact @ exact for b in (at @ reward, 0)]
    _, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
    left.semilogy(distances, linewidth=0.8)
    left.semilogy(plain, linewidth=0.8)
    left.set(xlabel="step", ylabel="total variation of words", title="Blue: with baseline, orange: without")
    of_data, found = (torch.zeros(9, dtype=p.dtype).index_add(0, PAIRS, p) for p in (data, q))
    for shift, heights in ((-0.2, of_data), (0.2, found)):
        right.bar([k + shift for k in range(9)], heights.tolist(), 0.4)
    right.set(xlabel="first two letters", ylabel="frequency", title="Blue: data, orange: generator")
    right.set_xticks(range(9), [a + b for a in "abc" for b in "abc"])
    return {
        "policy gradient less the exact one": (float(((at * reward) @ scores - exact).abs().max()), 0.0),
        "the baseline lowers the variance (1: yes)": (float(variance[0] < variance[1]), 1.0),
        "largest error of a pair": (float((found - of_data).abs().max()), 0.0),
        "total variation of words": (distances[-1], 0.0),
    }


if __name__ == "__main__":
    print("\n".join(run_page(main)))
