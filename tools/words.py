"""Words that left: terms of our own for which the field has better words (see ``docs/glossary.md``)."""

from __future__ import annotations

import re

from tools.modules import House

#: Each word and what is said instead. Parts of identifiers count too.
LEFT: dict[str, str] = {
    "judge": "behaviour test, evaluate, score",
    "judged": "evaluated, scored",
    "judgement": "evaluation",
    "law": "distribution; a law of physics stays one",
    "laws": "distributions",
    "chart": "linearised draw",
    "charts": "linearised draws",
    "looks": "evidence score, latent search",
    "leaving": "beyond the range",
    "told": "reported, given, known",
    "worth": "quality, value",
    "excuse": "covariate",
    "excuses": "covariates",
    "believe": "shrinkage, trust",
    "believed": "shrunk, trusted",
    "kin": "transformed images",
    "hopeless": "negligible",
    "timid": "heavily damped",
}
#: Names that stay: a public value that users pass, and the reverse of a start's old name.
_STAYS = re.compile(r"\"charts\"|'charts'|``charts``")
#: Rooms where a law is one of physics.
_PHYSICS = ("sciadv.physics", "sciadv.forward")
_WORD = re.compile(rf"(?<![A-Za-z])({'|'.join(LEFT)})(?![A-Za-z])", re.IGNORECASE)


def words_that_left(house: House) -> list[str]:
    """Return where such a word still stands in the package, as ``module:line: word``."""
    return [
        f"{module.name}:{number}: {word}"
        for module in house.modules.values()
        for number, line in enumerate(module.text.splitlines(), 1)
        for word in _WORD.findall(_STAYS.sub("", line))
        if not (word.lower().startswith("law") and module.name.startswith(_PHYSICS))
    ]
