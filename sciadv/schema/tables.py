"""The base of every table of a file, and the checks that many of their keys share."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict

from sciadv.types import Seed


def _one_line(text: str) -> str:
    if not text.strip() or "\n" in text:
        raise ValueError(f"expected one line of text, got {text!r}")
    return text


OneLine = Annotated[str, AfterValidator(_one_line)]


class Table(BaseModel):
    """A table of a file: unknown keys are refused, nothing is converted."""

    #: What the whole file is called, for the table that is one.
    file_name: ClassVar[str] = ""
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

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
