"""What a solver that shares no code with the model says of designs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from sciadv.designs.aim import Aim
from sciadv.designs.evaluated import Evaluated
from sciadv.errors import MissingPackageError


@dataclass(frozen=True, eq=False)
class Certificate:
    """Values of designs by an independent solver.

    Parameters
    ----------
    columns
        By the column's name ``(n,)``: values, and how far the model's are from them.
    words
        Sentences for the user.
    facts
        What the report states, as plain values.
    """

    columns: Mapping[str, Tensor] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)


def certify(aim: Aim, designs: Evaluated) -> Certificate:
    """Return the certificate of designs, by the model's own `verify` where it has one.

    Parameters
    ----------
    aim
        What was asked for.
    designs
        The designs.
    """
    model = aim.model.with_properties(aim.names)  # a costly property is verified where it is asked for
    verify: Callable[[Tensor], Mapping[str, Tensor]] | None = getattr(model, "verify", None)
    if verify is None:
        return Certificate()
    try:
        found = {name: value.double() for name, value in verify(designs.x).items()}
    except MissingPackageError as error:
        return Certificate(
            words=(f"not verified by an independent solver: {error}",), facts={"reason": str(error)}
        )
    if not found:
        return Certificate()
    columns = {f"{name} (verified)": value for name, value in found.items()}
    off = {}
    usual = {wish.name: wish.size for wish in aim.wishes if wish.value == 0}
    for name, value in found.items():
        size = value.abs().clamp_min(usual.get(name, 1e-300))
        difference = (designs.value(name) - value).abs() / size
        off[name] = float(difference.nan_to_num(0.0).max())
    still = replaced(aim, designs, found).hits(aim.wishes)
    differences = ", ".join(f"{name} {value:.1g}" for name, value in off.items())
    said = f"an independent solver differs by at most (as a part of its value): {differences}"
    n_unknown = int(torch.stack(list(found.values())).isnan().any(0).sum())
    if n_unknown:
        said += f"; it has found no solution for {n_unknown} of them"
    if bool(designs.hits(aim.wishes).any()):
        said += f"; by it, {int(still.sum())} of {len(still)} designs do what is asked"
    return Certificate(columns, (said,), {"n_verified": int(still.sum()), "largest_relative_deviations": off})


def replaced(aim: Aim, designs: Evaluated, found: Mapping[str, Tensor]) -> Evaluated:
    """Return designs with other values of some properties, and the margins that follow from these."""
    columns = [found.get(name, designs.value(name)).double() for name in designs.names]
    margins = designs.margins.clone()
    for i, limit in enumerate(aim.problem.constraints):
        if limit.on in found:
            margins[:, i] = (limit.at_most - found[limit.on]) / limit.size
    return replace(
        designs,
        properties=torch.stack(columns, 1),
        margins=margins,
        feasible=(margins >= 0).all(1) & designs.properties.isfinite().all(1),
    )
