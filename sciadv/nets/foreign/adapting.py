"""What is known of a foreign generator, and how the rest is found out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sciadv.arguments.values import as_count, as_shape, shown
from sciadv.errors import InputError
from sciadv.registry.checked import checked
from sciadv.types import NotNegative, Seed, Shape


@checked
@dataclass(frozen=True)
class Adapting:
    """What is known of a generator of somebody else, for `Prior.from_module`.

    The generator is a module, a method of one such as ``vae.decode``, or a function. Its modes, flags and
    device stay as they are; batch normalisation works as in evaluation. Noise that it draws for itself is
    held fixed, and the prior's card says so.

    ``sample(n)``, or ``sample(n, generator=...)``, draws what it takes: a tensor, a tuple of its arguments (a
    dict at its end is keywords), or a dict of keywords, with lists and tuples inside as the generator wants
    them. Or it is such draws themselves. Tensors of n rows are random inputs. Standard normal ones stay so;
    uniform, truncated and correlated ones (W space) are learned from the draws; what never changes is fixed;
    integers and one-hot codes of few values are classes, held by two latents each. Without `sample` the
    inputs are recognised by attributes (``z_dim``), arguments (``labels``) and the first layer.

    Parameters
    ----------
    latent_shape
        Shape of one standard normal latent, where there is no `sample` and it cannot be found.
    space
        "z"; or "w", what the generator's network ``mapping`` gives to its ``synthesis``; or "w+", with
        latents of its own for each layer.
    condition
        The class or condition to hold fixed; left out, searches choose among the classes by their starts.
    output
        Index, key or attribute of the candidates among several outputs.
    to_unit
        Whether candidates in [-1, 1] are mapped to [0, 1].
    truncation
        Factor of the distance from the mean of correlated latents.
    is_tied
        Whether inputs that are equal in every draw stay equal; by default they do, but for "w+".
    n_draws
        Draws to learn the inputs from.
    seed
        Seed of the draws and of the fixed noise.

    Examples
    --------
    >>> import torch
    >>> from sciadv.prior import Prior
    >>> class Labelled(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.table, self.body = torch.nn.Embedding(10, 4), torch.nn.Linear(8, 12)
    ...     def forward(self, z, label):
    ...         return self.body(torch.cat([z, self.table(label)], 1)).tanh(), label
    >>> prior = Prior.from_module(Labelled(), latent_shape=4, condition=3)
    >>> prior.n_latent, prior.out_shape
    (4, (12,))
    """

    latent_shape: int | Shape | None = None
    space: Literal["z", "w", "w+"] = "z"
    condition: Any = None
    output: int | str | None = None
    to_unit: bool = False
    truncation: NotNegative = 1.0
    is_tied: bool | None = None
    n_draws: int = 4000
    seed: Seed = 0

    def __post_init__(self) -> None:
        """Check what the annotations cannot say."""
        as_count(self.n_draws, "n_draws", least=2)
        if self.space not in ("z", "w", "w+"):
            raise InputError(f"space must be 'z', 'w' or 'w+', but it is {shown(self.space)}")

    @property
    def keeps_ties(self) -> bool:
        """Whether equal inputs stay equal."""
        return self.space != "w+" if self.is_tied is None else self.is_tied

    @property
    def shape(self) -> Shape | None:
        """The latent's shape as a tuple; None where it is to be found."""
        if self.latent_shape is None:
            return None
        return as_shape(
            (self.latent_shape,) if isinstance(self.latent_shape, int) else self.latent_shape, "latent_shape"
        )
