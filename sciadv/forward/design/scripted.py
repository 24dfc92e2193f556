"""Property models from a few lines of one's own: variables, properties and a function."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor

from sciadv.arguments.values import shown
from sciadv.errors import FOREIGN_FAILURES, InputError, UnknownNameError, shown_failure
from sciadv.forward.base import NonlinearForward
from sciadv.forward.design.quantity import Possible, Quantity, Ranges, Variable


@final
class ScriptedModel(NonlinearForward):
    """A property model of an object with `variables`, `properties` and `predict`.

    Parameters
    ----------
    source
        Has ``variables``, `Variable` each; ``properties``, units by name; and ``predict``, which takes the
        variables by name as tensors ``(batch,)`` of float64 and returns the properties by name, ``(batch,)``
        each, by torch's operations. It may have ``n_library``, how many random designs may be evaluated, and
        ``canonical``, ``verify`` and ``possible``, as a `PropertyModel` may.
    properties
        What is predicted; all that the source can if left out.

    Raises
    ------
    InputError
        Something is missing, of another kind, or the prediction of a design has not the promised names and
        shapes or is NaN; or what it says to be possible are no bounds.
    UnknownNameError
        There is no such property.

    Examples
    --------
    >>> class Cantilever:
    ...     variables = (Variable("width", "m", 0.01, 0.1), Variable("height", "m", 0.01, 0.2))
    ...     properties = {"stiffness": "N/m", "mass": "kg"}
    ...
    ...     def predict(self, width, height):
    ...         inertia = width * height**3 / 12
    ...         return {"stiffness": 3 * 70e9 * inertia, "mass": 2700 * width * height}
    >>> model = ScriptedModel(Cantilever())
    >>> model(torch.tensor([[0.05, 0.1]], dtype=torch.float64)).shape
    torch.Size([1, 2])
    """

    LEAP = ""

    def __init__(self, source: Any, properties: Sequence[str] | None = None) -> None:
        name = type(source).__name__
        variables = getattr(source, "variables", ())
        if not isinstance(variables, tuple | list) or not all(isinstance(v, Variable) for v in variables):
            raise InputError(
                f"variables of {name} must be a tuple of sciadv.Variable, but they are {shown(variables)}"
            )
        units = getattr(source, "properties", {})
        if not isinstance(units, Mapping) or not units:
            raise InputError(f'properties of {name} must be units by name, such as {{"mass": "kg"}}')
        if not variables or not callable(getattr(source, "predict", None)):
            raise InputError(f"{name} needs variables, and a method predict that takes them by name")
        names = [one.name for one in variables] + [str(unit) for unit in units]
        if len(set(names)) < len(names):
            raise InputError(
                f"variables and properties of {name} need names of their own, but they are: "
                f"{', '.join(names)}"
            )
        asked = tuple(units) if properties is None else tuple(properties)
        super().__init__((len(variables),), (len(asked),), dtype=torch.float64)
        self.source, self.variables, self.name = source, tuple(variables), name
        self.PROPERTIES = tuple(Quantity(str(key), str(unit)) for key, unit in units.items())
        self.properties = self._known(asked)
        self.n_library = int(getattr(source, "n_library", 1024))
        for name in ("canonical", "verify"):
            if callable(getattr(source, name, None)):
                setattr(self, name, getattr(source, name))
        self._check()

    def _known(self, names: Sequence[str]) -> tuple[str, ...]:
        known = [quantity.name for quantity in self.PROPERTIES]
        for name in names:
            if name not in known:
                raise UnknownNameError(f"property of {self.name}", name, known)
        return tuple(names)

    def _check(self) -> None:
        """Predict two designs, and say what is wrong with the answer, and with bounds."""
        self.possible({})
        low, high = (torch.tensor([getattr(v, end) for v in self.variables]) for end in ("low", "high"))
        x = torch.stack([0.5 * (low + high), 0.75 * low + 0.25 * high]).double().requires_grad_(True)
        with torch.enable_grad():
            found = self._predict(x)
        for name, value in found.items():
            if tuple(value.shape) != (2,):
                raise InputError(
                    f"predict of {self.name} must give one {name} for each design, shape (2,) for two, but "
                    f"it gives {tuple(value.shape)}"
                )
            if not value.requires_grad and bool(value[0] != value[1]):
                raise InputError(
                    f"{name} of {self.name} has lost its derivatives: use torch's operations on the "
                    f"variables, without .detach(), .item() or NumPy"
                )

    def _predict(self, x: Tensor) -> dict[str, Tensor]:
        given = dict(zip((one.name for one in self.variables), x.unbind(1), strict=True))
        try:
            found = self.source.predict(**given)
        except FOREIGN_FAILURES as error:
            raise InputError(f"predict of {self.name} fails: {shown_failure(error)}") from error
        names = [quantity.name for quantity in self.PROPERTIES]
        if not isinstance(found, Mapping) or set(found) != set(names):
            said = sorted(found) if isinstance(found, Mapping) else shown(found)
            raise InputError(f"predict of {self.name} must return {', '.join(names)}, but it returns {said}")
        for name, value in found.items():
            if not isinstance(value, Tensor):
                raise InputError(
                    f"{name} of {self.name} must be made by torch's operations, but it is {shown(value)}"
                )
        return {name: found[name].to(x.dtype) for name in names}

    def forward(self, x: Tensor) -> Tensor:
        """Predict the properties ``(batch, properties)`` of designs ``(batch, variables)``."""
        found = self._predict(x)
        nothing = 0.0 * x.sum(1)  # what is constant has derivatives, too
        return torch.stack([found[name] + nothing for name in self.properties], 1)

    def possible(self, asked: Ranges) -> dict[str, Possible]:
        """Return what the source's theory leaves of its properties; empty where it states none.

        Raises
        ------
        InputError
            It fails, or is not a lowest value, a highest one and the theory in words, by property.
        """
        method = getattr(self.source, "possible", None)
        if method is None:
            return {}
        try:
            ends = {name: tuple(bound) for name, bound in dict(method(dict(asked))).items()}
        except FOREIGN_FAILURES as error:
            raise InputError(f"possible of {self.name} fails: {shown_failure(error)}") from error
        self._known(list(ends))
        for name, bound in ends.items():
            if len(bound) != 3 or not isinstance(bound[2], str) or not bound[0] <= bound[1]:
                raise InputError(
                    f"possible of {self.name} must return the lowest value, the highest one and a text that "
                    f'says why by property, such as {{"{name}": (0, 1, "by definition")}}, but it has '
                    f"{shown(bound)}"
                )
        return {name: (float(low), float(high), why) for name, (low, high, why) in ends.items()}

    def with_properties(self, names: Sequence[str]) -> ScriptedModel:
        """Return the same model with other predictions.

        Raises
        ------
        UnknownNameError
            There is no such property.
        """
        other = copy.deepcopy(self)
        other.properties = self._known(names)
        other.out_shape = (len(other.properties),)
        return other

    def regime(self, x: Tensor) -> Tensor:
        """Return 0 for every design: a script states no regimes."""
        return torch.zeros(len(x), dtype=torch.long)

    def __repr__(self) -> str:
        """Show the source's name and the properties."""
        return f"ScriptedModel({self.name}: {', '.join(self.properties)})"
