"""Networks: generators, encoders, discriminators, classifiers; built from settings that a file can hold.

Every network here keeps the keyword arguments it was made with in `settings`, so that a weights file can say
how to build it again without running code from the file.
"""

from __future__ import annotations

import inspect

from torch import nn

from sciadv.errors import InputError
from sciadv.nets.bounded.box import Box
from sciadv.nets.bounded.design_decoder import DesignDecoder
from sciadv.nets.bounded.smooth_field import SmoothField
from sciadv.nets.convolutional import (
    ConvClassifier,
    ConvDecoder,
    ConvDiscriminator,
    ConvEncoder,
    ConvPairDiscriminator,
)
from sciadv.nets.dcgan import DCGANDiscriminator, DCGANGenerator
from sciadv.nets.graph import CircuitDiscriminator, CircuitGenerator
from sciadv.nets.perceptron import MLPDecoder, MLPEncoder
from sciadv.nets.residual import ResidualDiscriminator, ResidualGenerator
from sciadv.nets.seeded import SeededDraws
from sciadv.nets.style.style_generator import StyleGenerator
from sciadv.nets.wrapping.ranged import RangedEncoder, RangedGenerator
from sciadv.registry.registry import Registry
from sciadv.types import as_generator

#: The networks that a file can name by `kind`.
NETS: Registry[type[nn.Module]] = Registry("network", "sciadv.nets")

__all__ = [
    "NETS",
    "Box",
    "CircuitDiscriminator",
    "CircuitGenerator",
    "ConvClassifier",
    "ConvDecoder",
    "ConvDiscriminator",
    "ConvEncoder",
    "ConvPairDiscriminator",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "DesignDecoder",
    "MLPDecoder",
    "MLPEncoder",
    "RangedEncoder",
    "RangedGenerator",
    "ResidualDiscriminator",
    "ResidualGenerator",
    "SmoothField",
    "StyleGenerator",
    "build_net",
    "build_seeded",
    "net_spec",
]


def build_net(spec: dict[str, object]) -> nn.Module:
    """Build a network from ``{"kind": ..., **settings}``, as a recipe or a weights file holds it.

    Raises
    ------
    UnknownNameError
        There is no network of that kind.
    InputError
        A setting is missing or not one of the network's.

    Examples
    --------
    >>> net = build_net({"kind": "mlp-decoder", "n_latent": 3, "image_shape": [1, 4, 4], "hidden": [8]})
    >>> net_spec(net)["hidden"]
    [8]
    """
    kind = str(spec.get("kind"))
    net_class = NETS.find(kind)
    settings = {
        key: build_net(value) if isinstance(value, dict) and "kind" in value else value
        for key, value in spec.items()
        if key != "kind"
    }
    try:
        inspect.signature(net_class).bind(**settings)
    except TypeError as error:
        takes = ", ".join(inspect.signature(net_class).parameters)
        raise InputError(f"network {kind!r}: {error}; it takes: {takes}") from error
    return net_class(**settings)


def build_seeded(spec: dict[str, object], seed: int) -> nn.Module:
    """Build a network whose weights depend on the seed only; torch's global random state is not touched."""
    with SeededDraws(as_generator(seed)):
        return build_net(spec)


def net_spec(net: nn.Module) -> dict[str, object]:
    """Return the settings from which `build_net` makes the same network.

    Raises
    ------
    InputError
        The network is not one of `NETS`.
    """
    kind = getattr(net, "kind", None)
    if not isinstance(kind, str) or kind not in NETS or type(net) is not NETS[kind]:
        raise InputError(
            f"a {type(net).__name__} cannot be written to a prior's folder, only networks of sciadv.nets: "
            f"{', '.join(NETS)}. Keep your generator in your code and wrap it: Prior(generator, latent_shape)"
        )
    settings: dict[str, object] = net.settings  # type: ignore[assignment]  # typed Tensor | Module
    inner = {
        key: net_spec(value) if isinstance(value, nn.Module) else value for key, value in settings.items()
    }
    return {"kind": kind, **inner}
