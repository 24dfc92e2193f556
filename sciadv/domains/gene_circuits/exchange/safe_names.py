"""Names that Antimony and SBML take: words that they reserve get an underscore, and what changed is said.

Reserved are the words that the parser of libantimony 3.3 refuses or reads as something else for a model, a
species, a parameter, a compartment or a reaction: keywords, functions and constants of its formulas (those of
libSBML's L3 parser and of its distributions), and the names of units. A test loads each through libantimony.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_RESERVED = """
DNA
after
area
at
compartment
const
constraint
default_compartment
delete
end
equals
event
ext
extent
formula
function
gene
geneProduct
has
import
in
is
length
maximize
minimize
model
module
operator
reaction
sbo
species
substance
substanceOnly
time_unit
unit
var
volume
FALSE
False
INF
NAN
NaN
TRUE
True
avogadro
exponentiale
false
inf
infinity
nan
notanumber
pi
time
true
abs
acos
acosh
acot
acoth
acsc
acsch
and
arccos
arccosh
arccot
arccoth
arccsc
arccsch
arcsec
arcsech
arcsin
arcsinh
arctan
arctanh
asec
asech
asin
atan
atanh
ceil
ceiling
cos
cosh
cot
coth
csc
csch
delay
divide
eq
exp
factorial
floor
geq
gt
implies
leq
ln
log
log10
lt
max
min
minus
neq
not
or
piecewise
plus
pow
power
quotient
rateOf
rem
root
sec
sech
sin
sinh
sqr
sqrt
tan
tanh
times
xor
bernoulli
binomial
cauchy
chisquare
exponential
gamma
laplace
lognormal
normal
poisson
rayleigh
truncatedExponential
truncatedGamma
truncatedNormal
truncatedPoisson
uniform
__main
"""
ANTIMONY_WORDS = frozenset(_RESERVED.split())
#: libantimony 3.3 cuts these beginnings out of names wherever they stand in a formula.
_REWRITTEN = re.compile(r"truncated(?=Exponential|Gamma|Normal|Poisson)")


def safe_name(name: str, *, taken: Iterable[str] = ()) -> str:
    """Return an identifier of Antimony and SBML for a name, none that is taken.

    What is no ASCII letter, digit or underscore becomes an underscore, a leading digit gets one before it, a
    reserved word one behind it, and a name that is taken a number.

    Examples
    --------
    >>> [safe_name(name) for name in ("lacI", "time", "NF-kB", "14-3-3")]
    ['lacI', 'time_', 'NF_kB', '_14_3_3']
    >>> safe_name("model", taken=["model_"])
    'model_2'
    """
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name) or "_"
    plain = f"_{plain}" if plain[0].isdigit() else plain
    plain = _REWRITTEN.sub("truncated_", plain)
    used = {*taken, *ANTIMONY_WORDS}
    if plain not in used:
        return plain
    tries = (f"{plain}_{'' if k == 1 else k}" for k in range(1, len(used) + 2))
    return next(one for one in tries if one not in used)


def safe_names(names: Sequence[str], *, taken: Iterable[str] = ()) -> dict[str, str]:
    """Return an identifier for each of several different names, no two the same.

    Names that may stay as they are stay so, whatever the others become.

    Examples
    --------
    >>> safe_names(["in", "in_", "out"])
    {'in': 'in_2', 'in_': 'in_', 'out': 'out'}
    """
    used = set(taken)
    stays = {name for name in names if safe_name(name, taken=used) == name}
    found: dict[str, str] = {name: name for name in stays}
    for name in names:
        if name not in stays:
            found[name] = safe_name(name, taken={*used, *found.values()})
    return {name: found[name] for name in names}


def renamed_words(names: dict[str, str]) -> list[str]:
    """Return a sentence for each name that had to change.

    Examples
    --------
    >>> renamed_words({"in": "in_", "out": "out"})
    ["'in' is called in_ here: it is reserved in Antimony"]
    """
    return [f"{name!r} is called {new} here: {_reason(name)}" for name, new in names.items() if name != new]


def _reason(name: str) -> str:
    """Return why a name could not stay."""
    if name in ANTIMONY_WORDS or _REWRITTEN.search(name):
        return "it is reserved in Antimony"
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        return "the name is taken"
    return "names have ASCII letters, digits and _ only, and do not begin with a digit"
