"""Tables of registered parts, derived from their constructors, and keys that hold one of several tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, ClassVar, Literal, TypeVar, get_args

from pydantic import ConfigDict, GetCoreSchemaHandler, create_model, model_validator
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from sciadv.registry.registry import Registry
from sciadv.registry.settings import Array, Numbers, Setting, file_settings, takes_anything
from sciadv.schema.tables import Table

Part = Callable[..., Any]
TableType = TypeVar("TableType", bound=Table)


class PartTable(Table):
    """What a file says of a part: its kind and its constructor's arguments."""

    #: The part: a class, or a function that makes one.
    part: ClassVar[Part]
    #: Keys whose values are arrays, or the paths of array files.
    arrays: ClassVar[frozenset[str]] = frozenset()
    #: Whether the part takes keys of any name.
    is_open: ClassVar[bool] = False

    kind: str

    @model_validator(mode="after")
    def _check_together(self) -> PartTable:
        """Check what the part says of its settings together, in its own `check_settings`."""
        check = getattr(type(self).part, "check_settings", None)
        if check is not None:
            check(self.settings())
        return self

    def settings(self) -> dict[str, Any]:
        """Return what the file says, without its kind."""
        return super().settings() | (self.model_extra or {})

    def is_array(self, key: str) -> bool:
        """Say whether the value of a key may be an array."""
        return key in self.arrays or key not in type(self).model_fields


def part_table(kind: str, part: Part, *, given: Collection[str] = ()) -> type[PartTable]:
    """Derive the table of a part from its constructor's signature.

    Parameters
    ----------
    kind
        Its name.
    part
        A class, or a function that makes one.
    given
        Arguments that do not come from the file.

    Examples
    --------
    >>> from sciadv.forward import BlockSum
    >>> table = part_table("block-sum", BlockSum, given=("in_shape", "dtype", "device"))
    >>> sorted(table.model_fields)
    ['block', 'kind', 'reduce']
    """
    settings = file_settings(part, given)

    class Derived(PartTable):
        __doc__ = f"Settings of {kind}."
        model_config = ConfigDict(extra="allow" if takes_anything(part) else "forbid")

    Derived.part = staticmethod(part)
    Derived.arrays = frozenset(
        key for key, value in settings.items() if value.annotation in (Numbers, Array, Any)
    )
    fields: dict[str, Any] = {"kind": (Literal[kind], ...)}
    fields |= {key: _field(value) for key, value in settings.items()}
    return create_model(f"{kind} table", __base__=Derived, **fields)


def _field(setting: Setting) -> tuple[Any, Any]:
    return (setting.annotation, ...) if setting.is_required else (setting.annotation | None, None)


class PartTables(Mapping[str, type[Table]]):
    """The tables of a registry's parts by kind, each derived when it is first asked for.

    Parameters
    ----------
    registry
        The parts.
    given
        Arguments that do not come from the file; of one part, where they differ.
    accepts
        Whether a kind may stand at this place.
    """

    def __init__(
        self,
        registry: Registry[Any],
        *,
        given: Callable[[Part], Collection[str]],
        accepts: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self.registry = registry
        self.given = given
        self.accepts = accepts
        self._made: dict[str, tuple[Part, type[PartTable]]] = {}

    def __getitem__(self, kind: str) -> type[Table]:
        """Return the table of a kind."""
        part = self.registry[kind]
        made = self._made.get(kind)
        if made is None or made[0] is not part:
            made = self._made[kind] = (part, part_table(kind, part, given=self.given(part)))
        return made[1]

    def __contains__(self, kind: object) -> bool:
        """Say whether a kind may stand here."""
        return isinstance(kind, str) and kind in self.registry and self.accepts(kind)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the kinds."""
        return (kind for kind in self.registry if self.accepts(kind))

    def __len__(self) -> int:
        """Count the kinds."""
        return sum(1 for _ in self)


class OneOf:
    """What a key holds, one table of several by its ``kind``: ``Annotated[Table, OneOf(tables)]``.

    Parameters
    ----------
    tables
        The tables by kind.
    """

    def __init__(self, *tables: Mapping[str, type[Table]]) -> None:
        self.tables = tables

    def kinds(self) -> list[str]:
        """List the kinds."""
        return sorted({kind for tables in self.tables for kind in tables})

    def table(self, value: object) -> type[Table] | None:
        """Return the table of a value's kind; None where it has none or one that there is not."""
        kind = value.get("kind") if isinstance(value, dict) else None
        found = (tables[kind] for tables in self.tables if isinstance(kind, str) and kind in tables)
        return next(found, None)

    def validate(self, value: object) -> Table:
        """Check a value by the table of its kind."""
        if isinstance(value, Table):
            return value
        if not isinstance(value, dict) or "kind" not in value:
            raise PydanticKnownError("union_tag_not_found", {"discriminator": "'kind'"})
        table = self.table(value)
        if table is None:
            known = ", ".join(f"'{kind}'" for kind in self.kinds())
            tag = {"discriminator": "'kind'", "tag": str(value["kind"]), "expected_tags": known}
            raise PydanticKnownError("union_tag_invalid", tag)
        return table.model_validate(value)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:  # pydantic's signature
        """Return the check as pydantic asks for it."""
        return core_schema.no_info_plain_validator_function(self.validate)


def by_kind(*tables: type[TableType]) -> dict[str, type[TableType]]:
    """Return tables by the one kind that each says."""
    return {get_args(table.model_fields["kind"].annotation)[0]: table for table in tables}
