"""Read a file into its tables, or say in a sentence which key or value is wrong and what is right."""

from __future__ import annotations

from dataclasses import dataclass, is_dataclass
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sciadv.errors import InputError, SciadvError, UnknownNameError, did_you_mean
from sciadv.files.texts import parse_toml
from sciadv.schema.parts import OneOf
from sciadv.schema.tables import Table

SpecType = TypeVar("SpecType", bound=Table)


def parse_spec(text: str, model: type[SpecType], *, file: str) -> SpecType:
    """Check the text of a TOML file; `file` is its name in messages.

    Raises
    ------
    InputError
        It is not TOML, or a key or value is not one that it may have.
    UnknownNameError
        A ``kind`` is none of those there are.

    Examples
    --------
    >>> from sciadv.schema import SolverTable
    >>> parse_spec("restarts = 3", SolverTable, file="mine.toml")
    SolverTable(kind='auto', restarts=3)
    """
    document = parse_toml(text, file=file)
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise _explain(error, file, model, document) from error


@dataclass(frozen=True)
class _Fault:
    """One of pydantic's errors, the key's path as the file has it, and the table that has the key."""

    path: str
    owner: Any
    detail: ErrorDetails

    @property
    def section(self) -> str:
        """The file's section in words: "forward", "source of measurements"."""
        return _SECTION_WORDS.get(name := self.path.split(".")[0].split("[")[0], name)

    @property
    def keys(self) -> list[str]:
        """The keys that the table takes."""
        return sorted(getattr(self.owner, "model_fields", None) or self.owner.__dataclass_fields__)

    @property
    def table(self) -> str:
        """The table in words: "problem.toml", "[solver]", "a block-sum forward"."""
        kind = _kind_of(self.owner)
        if kind is not None and "." in self.path:
            return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind} {self.section}"
        return f"[{self.path.rpartition('.')[0]}]" if "." in self.path else str(self.owner.file_name)


#: How a section's parts are called where "a <kind> <section>" would not read well.
_SECTION_WORDS = {"measurements": "source of measurements"}
_TYPE_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "an array",
    dict: "a table",
}


def _explain(
    error: ValidationError, file: str, root: type[Table], document: dict[str, object]
) -> SciadvError:
    """Turn the most telling error into a sentence: a misspelt key comes before what is then missing."""
    details = error.errors()
    first = min(
        details, key=lambda detail: detail["type"] not in ("extra_forbidden", "unexpected_keyword_argument")
    )
    path, owner = _walk(root, first["loc"], document)
    fault = _Fault(path, owner, first)
    if first["type"] == "union_tag_invalid":
        known = [tag.strip(" '") for tag in first["ctx"]["expected_tags"].split(",")]
        return UnknownNameError(f"{fault.section} ({path}.kind in {file})", first["ctx"]["tag"], known)
    others = [detail for detail in details if detail["type"] != "missing" and detail is not first]
    more = f" ({len(others)} more after this one)" if others else ""
    return InputError(f"{file}: {_sentence(fault)}{more}")


def _is_unknown_key(detail: ErrorDetails) -> bool:
    return detail["type"] in ("extra_forbidden", "unexpected_keyword_argument")


def _unknown_key(fault: _Fault) -> str:
    near = did_you_mean(str(fault.detail["loc"][-1]), fault.keys)
    return f"{fault.path} is not a key of {fault.table}{near}; it takes: {', '.join(fault.keys)}"


def _missing_key(fault: _Fault) -> str:
    return f"{fault.path} is missing; {fault.table} takes: {', '.join(fault.keys)}"


def _missing_kind(fault: _Fault) -> str:
    choices = _choices_of(fault.owner, fault.path.rpartition(".")[2].split("[")[0])
    kinds = [kind for choice in choices for kind in choice.kinds()]
    return f"{fault.path}.kind is missing; there are: {', '.join(kinds)}"


def _failed_check(fault: _Fault) -> str:
    return f"{fault.path or fault.owner.file_name}: {fault.detail['ctx']['error']}"


def _not_a_choice(fault: _Fault) -> str:
    expected = fault.detail["ctx"]["expected"]
    got = fault.detail["input"]
    choices = [choice.strip(" '") for choice in expected.replace(" or ", ", ").split(",")]
    return f"{fault.path}: expected {expected}, got {got!r}{did_you_mean(str(got), choices)}"


def _not_a_table(fault: _Fault) -> str:
    return f"{fault.path}: expected a table, [{fault.path}], got {fault.detail['input']!r}"


def _wrong_value(fault: _Fault) -> str:
    value = fault.detail["input"]
    message = fault.detail["msg"]
    word = _TYPE_WORDS.get(type(value), type(value).__name__)
    return f"{fault.path}: {message.replace('Input should', 'it should', 1)}; it is {value!r} ({word})"


def _sentence(fault: _Fault) -> str:
    """Return the sentence for a fault, by the kind of pydantic's error."""
    match fault.detail["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            write = _unknown_key
        case "missing":
            write = _missing_key
        case "union_tag_not_found":
            write = _missing_kind
        case "value_error":
            write = _failed_check
        case "literal_error":
            write = _not_a_choice
        case "model_type" | "model_attributes_type" | "dataclass_type":
            write = _not_a_table
        case _:
            write = _wrong_value
    return write(fault)


def _walk(root: type[Table], loc: tuple[int | str, ...], document: object) -> tuple[str, Any]:
    """Return the dotted path of a key as the file has it, and the table that has the key."""
    path = ""
    owner: Any = root
    here: Any = document
    choices: list[Any] = [root]
    for step in loc:
        if isinstance(step, int):
            path += f"[{step}]"
            here = here[step]
            continue
        path = f"{path}.{step}" if path else step
        owner = _table_of(choices, here) or owner
        here = here.get(step) if isinstance(here, dict) else None
        choices = _choices_of(owner, step)
    return path, owner


def _table_of(choices: list[Any], value: object) -> Any:
    """Return the one table that describes a value, by its kind where there are several."""
    for choice in choices:
        return choice.table(value) if isinstance(choice, OneOf) else choice
    return None


def _kind_of(table: Any) -> str | None:
    """Return the kind of a part's table; None for a table of which there is one kind only."""
    field = getattr(table, "model_fields", {}).get("kind")
    if field is None or get_origin(field.annotation) is not Literal:
        return None
    return str(get_args(field.annotation)[0])


def _choices_of(table: Any, key: str) -> list[Any]:
    """List what a key of a table may hold: tables, and choices of tables."""
    field = getattr(table, "model_fields", {}).get(key)
    if field is None:
        return []
    choices = [choice for choice in field.metadata if isinstance(choice, OneOf)]
    return choices or _choices_in(field.annotation)


def _choices_in(annotation: Any) -> list[Any]:
    """List the tables that an annotation such as ``tuple[Annotated[Table, OneOf(...)], ...]`` allows."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return [annotation] if issubclass(annotation, Table) or is_dataclass(annotation) else []
    arguments = get_args(annotation)
    choices = [argument for argument in arguments if isinstance(argument, OneOf)]
    return choices or [choice for argument in arguments for choice in _choices_in(argument)]
