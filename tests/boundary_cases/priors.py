"""Values of priors and what their networks do."""

import numpy as np
import torch
from torch import nn

from boundary_cases.small_objects import NAN, NET, Refused, Taken, fails, of, problem
from sciadv import Prior, solve


class Writes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = NET

    def forward(self, z):
        return self.net(z.mul_(2))


TAKEN: Taken = {
    "latent_shape is NumPy numbers": lambda: problem(prior=Prior(NET, (np.int64(4),))),
    "n is a NumPy number": lambda: Prior(NET, 4).sample(np.int64(3), seed=np.int64(1)),
    "seed is a torch number": lambda: Prior(NET, 4).sample(3, seed=torch.tensor(1)),
    "Dropout and BatchNorm": lambda: problem(
        prior=Prior(nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(), *NET).train(), 4)
    ),
}

REFUSED: Refused = {
    "generator gives no numbers": (of(lambda x: x[:, :0]), "candidates without a number"),
    "generator None": (lambda: Prior(None, 4), "the generator of prior 'custom' must be a torch.nn.Module"),
    "encoder text": (
        lambda: Prior(NET, 4, "e"),
        "the encoder of prior 'custom' must be a torch.nn.Module or None",
    ),
    "moments list": (lambda: Prior(NET, 4, moments=[]), "moments of prior 'custom' must be Moments"),
    "latent_shape 0": (lambda: Prior(NET, 0), "latent_shape must be a whole number, at least 1"),
    "latent_shape None": (lambda: Prior(NET, None), "latent_shape must be a shape"),
    "latent_shape half": (lambda: Prior(NET, (4, 0.5)), "each size in latent_shape must be a whole number"),
    "latent_shape huge": (lambda: Prior(NET, 10**17).out_shape, "latents of shape 10+ would take about"),
    "draws huge": (
        lambda: Prior(NET, 4).sample(10**12, seed=0),
        "10+ draws of prior 'custom' would take about",
    ),
    "draws 0": (lambda: Prior(NET, 4).sample(0, seed=0), "n must be a whole number, at least 1"),
    "seed negative": (lambda: Prior(NET, 4).sample(1, seed=-1), "seed must be a whole number from 0"),
    "encode text": (lambda: Prior(NET, 4, nn.Flatten()).encode("x"), "x to encode must be an array"),
    "encode another shape": (
        lambda: Prior(NET, 4, nn.Flatten()).encode(torch.zeros(1, 3)),
        "x to encode has shape",
    ),
    "encode NaN": (
        lambda: Prior(NET, 4, nn.Flatten()).encode(torch.full((1, 1, 4, 6), NAN)),
        "x to encode has NaN",
    ),
    "encoder of another length": (
        lambda: Prior(NET, 4, nn.Flatten()).encode(torch.zeros(1, 1, 4, 6)),
        "the encoder of prior 'custom' gives",
    ),
    "generator gives a tuple": (of(lambda x: (x, x)), "gives a tuple where a tensor of candidates is needed"),
    "generator gives a list": (of(lambda x: [x]), "gives a list where a tensor"),
    "generator gives None": (of(lambda _: None), "gives None where a tensor"),
    "generator gives integers": (
        of(lambda x: x.long()),
        "gives torch.int64, but candidates are floating-point",
    ),
    "generator gives doubles": (of(lambda x: x.double()), "gives torch.float64 for latents of torch.float32"),
    "generator draws noise": (of(lambda x: x + torch.randn_like(x)), "it draws noise of its own"),
    "generator gives NaN": (of(lambda x: x * NAN), "gives NaN or Inf for 3 of 3 latents"),
    "generator gives Inf": (of(lambda x: x / 0), "gives NaN or Inf for 3 of 3 latents"),
    "generator mixes the batch": (of(lambda x: x - x.mean(0)), "mixes the members of a batch"),
    "generator sorts the batch": (of(lambda x: x.sort(0).values), "mixes the members of a batch"),
    "generator normalises the batch": (
        of(lambda x: nn.functional.batch_norm(x, None, None, training=True)),
        "mixes the members of a batch",
    ),
    "generator gives one for all": (of(lambda x: x[:1]), "the first dimension must be the batch"),
    "generator changes shape with the batch": (of(lambda x: x[..., : 1 + len(x)]), "in a batch of 2, but of"),
    "generator writes into the latents": (
        lambda: problem(prior=Prior(Writes(), 4)),
        "writes into the latents",
    ),
    "generator is detached": (
        lambda: solve(of(lambda x: x.detach())(), "adam"),
        "cannot differentiate in the latent",
    ),
    "generator raises": (of(lambda x: x.reshape(7, 7)), "does not take latents of shape"),
    "generator fails": (of(fails), ".*a mistake of the caller's"),
}
REFUSED |= {
    f"dtype of a prior {dtype}": (
        lambda dtype=dtype: Prior.load("digits-32", dtype=dtype),
        ".*dtype must be a floating-point dtype",
    )
    for dtype in (None, "float32", np.float32, torch.int32, torch.bool, torch.complex64, 3)
}
