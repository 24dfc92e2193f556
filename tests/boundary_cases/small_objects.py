"""Small right objects of which each case changes one value."""

from collections.abc import Callable

import torch
from torch import nn

from sciadv import Gaussian, Prior, Problem

#: Cases that are taken, by name.
Taken = dict[str, Callable[[], object]]
#: Cases that are refused, by name, and words of the sentence.
Refused = dict[str, tuple[Callable[[], object], str]]

NET = nn.Sequential(nn.Linear(4, 24), nn.Unflatten(1, (1, 4, 6)))
MATRIX = torch.ones(12, 24).tril() / 24
Y = torch.zeros(2, 12)
NAN, INF = float("nan"), float("inf")


class Of(nn.Module):
    """A generator of what a function makes of the images of a linear one."""

    def __init__(self, change: Callable[..., object]) -> None:
        super().__init__()
        self.net, self.change = NET, change

    def forward(self, z):
        return self.change(self.net(z))


def problem(**changed: object) -> Problem:
    given = {"prior": Prior(NET, 4), "forward": MATRIX, "likelihood": Gaussian(0.1), "measurements": Y}
    return Problem(**{**given, **changed})


def of(change: Callable[..., object]) -> Callable[[], Problem]:
    return lambda: problem(prior=Prior(Of(change), 4))


def fails(*_: object) -> None:
    raise ZeroDivisionError("a mistake of the caller's")
