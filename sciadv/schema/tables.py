"""The base of every table of a file, and the checks that many of their keys share."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _numbers_or_path(value: object) -> object:
    """Pass a number, a nested array of numbers, or the path of an array file; refuse the rest."""
    if isinstance(value, str):
        if not value.endswith((".npy", ".npz")):
            raise ValueError(f"expected numbers or the path of a .npy or .npz file, got {value!r}")
        return value
    flat = _flatten(value)
    if not flat or not all(isinstance(item, int | float) for item in flat):
        raise ValueError(f"expected numbers or the path of a .npy or .npz file, got {value!r}")
    return value


def _flatten(value: object) -> list[object]:
    return [leaf for item in value for leaf in _flatten(item)] if isinstance(value, list) else [value]


def _one_line(text: str) -> str:
    if not text.strip() or "\n" in text:
        raise ValueError(f"expected one line of text, got {text!r}")
    return text


#: Numbers as the file has them (one, an array, a nested array) or the path of a ``.npy`` or ``.npz`` file.
Numbers = Annotated[object, AfterValidator(_numbers_or_path)]
OneLine = Annotated[str, AfterValidator(_one_line)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]


class Table(BaseModel):
    """A table of a file: unknown keys are refused, nothing is converted."""

    #: What the whole file is called, for the table that is one.
    file_name: ClassVar[str] = ""
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def settings(self) -> dict[str, Any]:
        """Return what the file says, without its kind: defaults stay those of the part that is built."""
        return {
            name: getattr(self, name)
            for name in type(self).model_fields
            if name in self.model_fields_set and name != "kind"
        }


class RecipeSpec(Table):
    """What every ``recipe.toml`` says, whatever is trained: its kind, what it is, its seed."""

    file_name: ClassVar[str] = "recipe.toml"

    kind: str
    title: OneLine
    seed: Seed = 0
