r"""
A linear critic is the generalised method of moments
====================================================

With features φ fixed, the best linear critic of unit norm sees the distance of the moments, :math:`\max_{|w|
\le 1} w^T g = |g|,\ g = E_p \varphi - E_q \varphi`. If its norm is measured by the covariance S of the
moments, :math:`w^T S w \le 1`, it sees :math:`(g^T S^{-1} g)^{1/2}`: the criterion of Hansen's efficient
estimator. In the second of two steps S is taken at the first step's answer; where the generator can fit the
data, the least value

.. math:: J = n\, g^T S^{-1} g \sim \chi^2(\mathrm{moments} - \mathrm{parameters}),

so its p-values over repetitions are uniform: the value of the game *tests* the generator.

**What to see:** 400 Gaussian samples fitted again and again by N(m, s²) with four bounded moments: p-values
on the diagonal. Of Laplace data, which the generator cannot make, all are near 0.

L. P. Hansen, *Large sample properties of generalized method of moments estimators*, Econometrica 50, 1982,
Theorem 3.1 and Lemma 4.2; Y. Mroueh, T. Sercu, *Fisher GAN*, NeurIPS 2017.
"""

import matplotlib.pyplot as plt
import torch
from scipy.stats import chi2, kstest
from torch import Tensor

from sciadv.drawing.example_pages import run_page


# %%
# Four bounded moments, cos and sin at two frequencies, and what they are under N(m, s²).
def features(x: Tensor) -> Tensor:
    return torch.stack([x.cos(), x.sin(), (2 * x).cos(), (2 * x).sin()], -1)


def of_generator(parameters: Tensor) -> Tensor:
    m, s = parameters.unbind(-1)
    one, two = (-(s**2) / 2).exp(), (-2 * s**2).exp()
    return torch.stack([one * m.cos(), one * m.sin(), two * (2 * m).cos(), two * (2 * m).sin()], -1)


# %%
# Gauss-Newton on g^T W g for all repetitions at once; W is the identity, then the inverse covariance.
def fitted(moments: Tensor, W: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    parameters = start
    jacobian = torch.func.vmap(torch.func.jacrev(of_generator))
    for _ in range(15):
        g, A = moments - of_generator(parameters), jacobian(parameters)
        step = torch.linalg.solve(A.mT @ W @ A, (A.mT @ W @ g.unsqueeze(-1)).squeeze(-1))
        parameters = parameters + step.clamp(-0.2, 0.2)
    g = moments - of_generator(parameters)
    return parameters, (g.unsqueeze(1) @ W @ g.unsqueeze(2)).flatten()


def p_values(x: Tensor) -> Tensor:
    f, n = features(x), x.shape[1]
    start = torch.stack([x.mean(1), x.std(1)], 1)
    first, _ = fitted(f.mean(1), torch.eye(4, dtype=x.dtype).expand(len(x), 4, 4), start)
    deviation = f - of_generator(first).unsqueeze(1)
    S = deviation.mT @ deviation / n
    _, least = fitted(f.mean(1), torch.linalg.inv(S), first)
    return torch.from_numpy(chi2.sf(n * least, df=2))


def main(*, quick: bool = False) -> dict[str, tuple[float, float]]:
    numbers, n, repetitions = torch.Generator().manual_seed(0), 400, 1000 if quick else 5000
    normal = 0.3 + 0.8 * torch.randn(repetitions, n, generator=numbers, dtype=torch.float64)
    uniform = torch.rand(repetitions, n, generator=numbers, dtype=torch.float64) - 0.5
    laplace = -0.8 * uniform.sign() * (1 - 2 * uniform.abs()).log()
    right, wrong = p_values(normal), p_values(laplace)
    g = features(normal[0]).mean(0) - features(laplace[0]).mean(0)
    w = torch.randn(4, generator=numbers, dtype=torch.float64)
    for _ in range(60):  # projected ascent of w . g on the unit sphere: the linear critic's own training
        w = (w + 10 * g) / (w + 10 * g).norm()
    _, axes = plt.subplots(figsize=(5.5, 4.5), layout="constrained")
    levels = torch.linspace(0, 1, repetitions)
    axes.plot(right.sort().values, levels, "C0", label="Gaussian data: the generator fits")
    axes.plot(wrong.sort().values, levels, "C3", label="Laplace data: it cannot")
    axes.plot([0, 1], [0, 1], "k--", label="uniform")
    axes.set(xlabel="p-value of the J-test", ylabel="share of repetitions below")
    axes.legend()
    return {
        "objective of the trained critic less |g|": (float(w @ g - g.norm()), 0.0),
        "p-values uniform, KS test (1: yes)": (float(kstest(right.numpy(), "uniform").pvalue >= 0.01), 1.0),
        "share rejected at 5 %": (float((right < 0.05).double().mean()), 0.05),
        "share rejected at 5 %, Laplace data": (float((wrong < 0.05).double().mean()), 1.0),
    }


if __name__ == "__main__":
    print("\n".join(run_page(main)))
