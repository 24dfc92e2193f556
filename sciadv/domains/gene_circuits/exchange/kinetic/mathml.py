"""Formulas as libSBML's trees, both ways."""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sciadv.errors import InputError, MissingPackageError
from sciadv.physics.reactions.expressions import Expression

if TYPE_CHECKING:
    from libsbml import ASTNode

_PLAIN = ("PLUS", "MINUS", "TIMES", "DIVIDE", "POWER")
_FUNCTIONS = """
ABS ARCCOS ARCCOSH ARCCOT ARCCOTH ARCCSC ARCCSCH ARCSEC ARCSECH ARCSIN ARCSINH ARCTAN ARCTANH CEILING
COS COSH COT COTH CSC CSCH DELAY EXP FACTORIAL FLOOR LN LOG MAX MIN PIECEWISE POWER QUOTIENT REM ROOT
SEC SECH SIN SINH TAN TANH
"""
_RELATIONS = ("EQ", "NEQ", "GT", "LT", "GEQ", "LEQ")
_LOGIC = ("AND", "OR", "XOR", "NOT", "IMPLIES")
_FLAT = ("plus", "times", "and", "or")
_SYMBOLS = {
    "AST_NAME_TIME": "time",
    "AST_NAME_AVOGADRO": "avogadro",
    "AST_CONSTANT_PI": "pi",
    "AST_CONSTANT_E": "exponentiale",
    "AST_CONSTANT_TRUE": "true",
    "AST_CONSTANT_FALSE": "false",
    "AST_FUNCTION_RATE_OF": "rateOf",
}


def libsbml() -> ModuleType:
    """Return the library that reads and writes SBML.

    Raises
    ------
    MissingPackageError
        It is not installed.
    """
    try:
        import libsbml as found
    except ImportError as error:
        raise MissingPackageError(
            "SBML needs python-libsbml, which is not installed; pip install 'sciadv[circuits]'"
        ) from error
    return found  # type: ignore[no-any-return]


@cache
def _types() -> dict[int, str]:
    """Return the heads of formulas by libSBML's types of nodes."""
    names = {f"AST_{one}": one.lower() for one in _PLAIN}
    names |= {f"AST_FUNCTION_{one}": one.lower() for one in _FUNCTIONS.split()}
    names |= {f"AST_RELATIONAL_{one}": one.lower() for one in _RELATIONS}
    names |= {f"AST_LOGICAL_{one}": one.lower() for one in _LOGIC}
    library = libsbml()
    return {getattr(library, key): head for key, head in (names | _SYMBOLS).items()}


def from_node(node: ASTNode) -> Expression:
    """Return the formula of a node; what no formula has is an expression of the head ``unexpressed``."""
    kind: int = node.getType()
    if node.isNumber():
        return Expression("number", value=float(node.getValue()))
    if kind == libsbml().AST_NAME:
        return Expression("name", name=str(node.getName()))
    children = tuple(from_node(node.getChild(k)) for k in range(node.getNumChildren()))
    if kind == libsbml().AST_FUNCTION:
        return Expression("call", children, name=str(node.getName()))
    head = _types().get(kind)
    if head is None:
        name = node.getName() or libsbml().formulaToL3String(node) or "an unknown element"
        return Expression("unexpressed", children, name=str(name).split("(")[0])
    return Expression(head, _complete(head, children))


def _complete(head: str, children: tuple[Expression, ...]) -> tuple[Expression, ...]:
    """Return a function's arguments: ``(a b) c`` as three, and a base or degree that may be left out."""
    if head in _FLAT and children and children[0].head == head:
        return (*children[0].args, *children[1:])
    if head in ("log", "root") and len(children) == 1:
        return Expression("number", value=10.0 if head == "log" else 2.0), *children
    return children


def to_node(expression: Expression) -> ASTNode:
    """Return a formula as a node.

    Raises
    ------
    InputError
        It has a part that SBML's formulas have not.
    """
    library = libsbml()
    node = library.ASTNode(_type_of(expression))
    if expression.head == "number":
        _set_number(node, expression.value)
    elif expression.head in ("name", "call"):
        node.setName(expression.name)
    elif expression.head in ("time", "avogadro", "delay", "rateOf"):
        node.setName(expression.head)
    for arg in expression.args:
        node.addChild(to_node(arg))
    return node


def _type_of(expression: Expression) -> int:
    library = libsbml()
    special = {
        "number": library.AST_REAL,
        "infinity": library.AST_REAL,
        "notanumber": library.AST_REAL,
        "name": library.AST_NAME,
        "call": library.AST_FUNCTION,
    }
    known = special | {head: kind for kind, head in sorted(_types().items(), reverse=True)}
    if expression.head not in known:
        raise InputError(f"{expression.name or expression.head} is no function of SBML's formulas")
    return int(known[expression.head])


def _set_number(node: Any, value: float) -> None:
    """Set a number, whole ones as such."""
    if value.is_integer() and abs(value) < 2**31:
        node.setType(libsbml().AST_INTEGER)
        node.setValue(int(value))
    else:
        node.setValue(value)
