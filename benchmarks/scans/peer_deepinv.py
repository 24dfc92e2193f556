"""deepinv's CSGMGenerator as a peer: the same generator, operator and data through its own code path."""

from __future__ import annotations

import enum
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from sciadv.forward import LinearForward, scale, to_deepinv
from sciadv.prior import Prior


def solve(prior: Prior, forward: LinearForward, y: Tensor, *, factor: float) -> Tensor:
    """Reconstruct by `deepinv.models.CSGMGenerator` with its defaults; ``(batch, *in_shape)``.

    One measurement at a time, since the peer keeps one latent for a whole batch. The operator is scaled by
    `factor`: by ``measurements ** -0.5`` a random matrix is as the peer's own compressed sensing is.
    """
    deepinv = load()
    physics = to_deepinv(scale(forward, factor))
    model = deepinv.models.CSGMGenerator(_Backbone(prior)).eval()
    with torch.random.fork_rng(devices=[]):  # the peer draws its starts from torch's global generator
        torch.default_generator.manual_seed(0)
        return torch.cat([model(factor * row[None], physics).detach() for row in y])


def load() -> Any:
    """Import the peer."""
    with torchvision_stand_in():
        return importlib.import_module("deepinv")


class _Backbone(nn.Module):
    """What the peer expects of a generator: `nz`, and latents ``(1, nz, 1, 1)``."""

    def __init__(self, prior: Prior) -> None:
        super().__init__()
        self.generator, self.nz = prior.generator, prior.n_latent

    def forward(self, z: Tensor) -> Tensor:
        """Generate."""
        x: Tensor = self.generator(z.flatten(1))
        return x


@contextmanager
def torchvision_stand_in() -> Iterator[None]:
    """Let `import deepinv` pass where torchvision is not installed; the peer's solver never calls it."""
    if find_spec("torchvision") is not None:
        yield
        return
    finder = _StandIn()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.split(".", 1)[0] == "torchvision"]:
            del sys.modules[name]


class _StandIn(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds any module under ``torchvision`` and makes one whose every attribute is an empty class."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002  # the interface's
        target: types.ModuleType | None = None,  # noqa: ARG002  # the interface's
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.split(".", 1)[0] != "torchvision":
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        module = types.ModuleType(spec.name)
        module.__path__ = []
        module.__dict__["__version__"] = "0.0"
        module.__dict__["__getattr__"] = _attribute
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        """Leave the module as it is."""


def _attribute(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if name == "InterpolationMode":
        return enum.Enum("InterpolationMode", "NEAREST NEAREST_EXACT BILINEAR BICUBIC BOX HAMMING LANCZOS")
    if name == "IMG_EXTENSIONS":
        return (".png", ".jpg")
    return type(name, (), {})
