"""Designs found for a target as a `CandidateSet`: their properties, margins, and what is reported of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from sciadv.candidate_set import CandidateSet, Presentation, Row
from sciadv.designs.aim import Aim
from sciadv.designs.evaluated import Evaluated
from sciadv.designs.fabrication import Parts
from sciadv.designs.optimise import unbeaten
from sciadv.designs.shown.certificate import Certificate
from sciadv.designs.shown.picture import draw_designs
from sciadv.designs.shown.random_designs import RandomDesigns, best_values
from sciadv.designs.survey import Reach
from sciadv.designs.wishes import Wish
from sciadv.files.page import versions
from sciadv.forward import Quantity, Variable


@dataclass(frozen=True, eq=False)
class Outcome:
    """How a search for designs ended.

    Parameters
    ----------
    aim
        What was asked for.
    reach
        What can be reached instead, and why; None where the target was met.
    n_distinct
        Hits that differ from each other, of those that are as good as the best by the objectives.
    parts
        What becomes of the designs as they are made.
    certificate
        What an independent solver says of them.
    settings
        Of the search, its seed among them.
    seconds
        Wall time of the search.
    n_evaluated
        Designs that the search evaluated, without those on the way of a refinement.
    random
        What random designs do of what was asked.
    was_interrupted
        Whether it was stopped before its end.
    """

    aim: Aim
    reach: Reach | None
    n_distinct: int
    parts: Parts
    certificate: Certificate
    settings: dict[str, object]
    seconds: float
    n_evaluated: int
    random: RandomDesigns
    was_interrupted: bool = False

    @property
    def asked(self) -> str:
        """The demands and objectives in words."""
        words = [str(wish) for wish in (*self.aim.wishes, *self.aim.objectives)]
        share = self.aim.least_yield
        return ", ".join([*words, f"yield at least {share:.4g}"] if share > 0 else words)

    def keeps(self, designs: Evaluated) -> Tensor:
        """Return which designs keep every demand, and of their parts as many as asked for ``(n,)``."""
        return (designs.excess(self.aim.wishes) == 0).all(1) & self.parts.bear(self.aim.least_yield)

    def hit(self, designs: Evaluated) -> Tensor:
        """Return which of these are as good as the best by the objectives, too ``(n,)``."""
        keeps = self.keeps(designs)
        rivals = designs.take((keeps & designs.feasible).nonzero().squeeze(1))
        return keeps & unbeaten(self.aim, designs, rivals, self.random.usual)


def design_set(designs: Evaluated, outcome: Outcome, *, most_columns: int = 12) -> CandidateSet:
    """Return evaluated designs with everything that is reported of them.

    Parameters
    ----------
    designs
        The designs.
    outcome
        How the search for them ended.
    most_columns
        Variables that a page's table shows at most.
    """
    aim, reach = outcome.aim, outcome.reach
    goals = {wish.name: wish.goal for wish in aim.wishes}
    hidden = tuple(_column(one) for one in aim.model.variables[most_columns:])
    notes = [f"The table leaves out {len(hidden)} variables; designs.csv has all."] if hidden else []
    n_written, files = _files(aim, designs)
    if n_written < len(designs.x):
        notes.append(f"The files are of the first {n_written} designs: those of all would be too large.")
    return CandidateSet(
        name=aim.problem.name,
        x=designs.x,
        values={name: designs.value(name) for name in designs.names},
        hit=outcome.hit(designs),
        feasible=designs.feasible,
        margins=designs.margins,
        messages=tuple(_messages(designs, outcome)),
        table=tuple(_table(designs, outcome)),
        beside=_beside(designs, outcome),
        facts=_facts(designs, outcome),
        presentation=Presentation(
            draw=partial(draw_designs, aim=aim),
            title=f"Designs of {aim.problem.name} for {outcome.asked}",
            picture_words="the designs over their variables, and their values beside what was asked",
            note=" ".join(notes),
            hidden=hidden,
        ),
        target=goals,
        reachable=goals if reach is None else reach.nearest,
        reason="" if reach is None else reach.reason,
        objectives={wish.name: wish.direction for wish in aim.objectives if wish.direction},
        files=files,
        was_interrupted=outcome.was_interrupted,
    )


def _files(
    aim: Aim, designs: Evaluated, *, most_bytes: int = 10_000_000
) -> tuple[int, Mapping[str, str | bytes]]:
    """Return the files that the model writes of the first designs, and how many designs these are."""
    n = len(designs.x)
    write: Callable[[Tensor], Mapping[str, str | bytes]] | None = getattr(aim.model, "files", None)
    if write is None:
        return n, {}
    a_design = sum(len(content) for content in write(designs.x[:1]).values())
    n = min(n, max(1, most_bytes // max(1, a_design)))
    return n, write(designs.x[:n])


def _messages(designs: Evaluated, outcome: Outcome) -> list[str]:
    """Say how many designs hit the target, how many of them differ, and where there are none, why."""
    aim, reach = outcome.aim, outcome.reach
    n, n_good = len(designs.x), int((outcome.hit(designs) & designs.feasible).sum())
    part = f"{100 * aim.tolerance:.2g} %"
    tolerance = f" within {part}" if any(w.value for w in aim.wishes) else ""
    if aim.objectives:
        alone = f" (within {part} of the best found)"
        tolerance += alone if len(aim.objectives) == 1 else " (none worse than another in every one)"
    lines = [f"{n_good} of {n} designs have {outcome.asked}{tolerance} and keep every constraint"]
    if reach is not None:
        nearest = ", ".join(f"{name} = {value:.4g}" for name, value in reach.nearest.items())
        lines = [
            f"no design has {outcome.asked}: {reach.reason}",
            f"the nearest that can be reached is {nearest}; the designs are for that",
        ]
    elif n_good == 0 < aim.least_yield and bool(designs.hits(aim.wishes).any()):
        best = float(outcome.parts.yields.max())
        lines.append(
            f"no design was found of which {aim.least_yield:.0%} of the parts do it: {best:.0%} at most"
        )
    elif n_good > 1 and not aim.objectives:
        lines.append(_distinct_words(n_good, outcome))
    if outcome.was_interrupted:
        lines.append("the search was interrupted; these are the best designs found until then")
    if aim.objectives:
        lines += _objective_words(designs, outcome)
    lines += [_zero_words(wish, aim) for wish in aim.wishes if wish.value == 0]
    lines.append(outcome.random.words(n_good))
    lines += _margin_words(designs, outcome)
    lines += outcome.parts.words(aim.model.LEAP)
    return [*lines, *outcome.certificate.words]


def _beside(designs: Evaluated, outcome: Outcome) -> tuple[Row, ...]:
    """Return a row for the designs and one for random ones: how many were evaluated, how many do it."""
    hit = outcome.hit(designs) & designs.feasible
    best = best_values(outcome.aim, designs.take(hit.nonzero().squeeze(1)))
    mine = {
        "method": "these designs",
        "evaluated": outcome.n_evaluated,
        "do what was asked": f"{int(hit.sum())} of {len(hit)}",
        **best,
    }
    return mine, outcome.random.row()


def _distinct_words(n_good: int, outcome: Outcome) -> str:
    """Say how many hits differ, and where they are fewer than were asked for, what fixes them."""
    aim, n = outcome.aim, outcome.n_distinct
    apart = outcome.settings["apart"]
    meaning = f"some variable differs by more than {apart:.1%} of its range"
    if n >= n_good:
        return f"all {n_good} hits are distinct: {meaning}"
    n_fixed = sum(wish.value is not None for wish in aim.wishes)
    n_free = sum(not one.is_discrete for one in aim.model.variables)
    counted = f"{n_good} hits, {n} distinct"
    if n_fixed >= n_free > 0:
        return f"{counted}: {n_fixed} target(s) fix a design of {n_free} variable(s) ({meaning})"
    return f"{counted} ({meaning}): the search found no others"


def _objective_words(designs: Evaluated, outcome: Outcome) -> list[str]:
    """Say the objectives' values, and by how much designs are worse that are not as good as the best."""
    aim = outcome.aim
    is_good = outcome.hit(designs) & designs.feasible
    is_worse = outcome.keeps(designs) & designs.feasible & ~is_good
    rest = designs.take(is_worse.nonzero().squeeze(1))
    lines = []
    for wish in aim.objectives:
        values = designs.value(wish.name)
        lines.append(f"{wish}: from {float(values.min()):.4g} to {float(values.max()):.4g}")
    if not len(rest.x) or not bool(is_good.any()):
        return lines
    n_rest = len(rest.x)
    good = f"{int(is_good.sum())} as good, {outcome.n_distinct} distinct"
    if len(aim.objectives) > 1:
        return [*lines, f"{good}; the other {n_rest} are worse than one of these in every objective"]
    (wish,) = aim.objectives
    best = best_values(aim, designs.take(is_good.nonzero().squeeze(1)))[wish.name]
    off = (rest.value(wish.name) - best).abs()
    size = abs(best) if abs(best) > aim.tolerance * outcome.random.usual[wish.name] else math.nan
    low, high = (
        f"{100 * end / size:.3g} %" if size == size else f"{end:.3g}"  # noqa: PLR0124  # NaN: no part of 0
        for end in (float(off.min()), float(off.max()))
    )
    worse = f"the other is {low} worse" if n_rest == 1 else f"the other {n_rest} are {low} to {high} worse"
    return [f"{wish}: {best:.4g} at best; {good}; {worse}"]


def _zero_words(wish: Wish, aim: Aim) -> str:
    """Say what the tolerance of a demand for 0 is a part of."""
    return (
        f"{wish.scale:.2g} {wish.unit}".rstrip()
        + f" is {100 * aim.tolerance:.2g} % of the median size of {wish.name} over random designs"
    )


def _margin_words(designs: Evaluated, outcome: Outcome) -> list[str]:
    tightest = _smallest_margins(designs, outcome.aim)
    below = [
        f"{name}: at least {margin:.1%} below the limit" for name, margin in tightest.items() if margin >= 0
    ]
    return below + [
        f"{name}: broken by up to {-margin:.1%}" for name, margin in tightest.items() if margin < 0
    ]


def _smallest_margins(designs: Evaluated, aim: Aim) -> dict[str, float]:
    names = [constraint.name for constraint in aim.problem.constraints]
    return dict(zip(names, designs.margins.amin(0).tolist(), strict=True))


def _facts(designs: Evaluated, outcome: Outcome) -> dict[str, object]:
    """Return what a report states, as plain values."""
    aim, reach = outcome.aim, outcome.reach
    problem = aim.problem
    hit = outcome.hit(designs)
    n_good = int((hit & designs.feasible).sum())
    goals = {wish.name: wish.goal for wish in aim.wishes}
    return {
        "problem": problem.name,
        "asked": outcome.asked,
        "target": goals,
        "status": "unreachable" if reach else ("reached" if n_good else "missed"),
        "reason": reach.reason if reach else "",
        "nearest_reachable": reach.nearest if reach else goals,
        "n_designs": len(designs.x),
        "n_hit": int(hit.sum()),
        "n_feasible": int(designs.feasible.sum()),
        "n_hit_and_feasible": n_good,
        "n_distinct": outcome.n_distinct,
        "smallest_margins": _smallest_margins(designs, aim),
        "as_made": outcome.parts.facts(),
        "certificate": outcome.certificate.facts,
        "was_interrupted": outcome.was_interrupted,
        "tolerance": aim.tolerance,
        "forward": repr(problem.forward),
        "prior": problem.prior.name,
        "weights_sha256": problem.prior.card.get("weights_sha256", ""),
        "n_evaluated": outcome.n_evaluated,
        "seconds": outcome.seconds,
        "settings": outcome.settings,
        "versions": versions(),
    }


def _table(designs: Evaluated, outcome: Outcome) -> list[dict[str, object]]:
    """Return a row per design: variables, properties, hit, feasible, margins, yields; units in the names."""
    aim = outcome.aim
    model, parts = aim.model, outcome.parts
    hit = outcome.hit(designs)
    rows: list[dict[str, object]] = []
    for i in range(len(designs.x)):
        row = {_column(one): one.plain(float(designs.x[i, j])) for j, one in enumerate(model.variables)}
        row |= {_column(quantity): float(designs.value(quantity.name)[i]) for quantity in model.PROPERTIES}
        row |= {"hit": bool(hit[i]), "feasible": bool(designs.feasible[i])}
        row |= {
            f"margin: {constraint.name}": float(designs.margins[i, j])
            for j, constraint in enumerate(aim.problem.constraints)
        }
        row |= {name: float(column[i]) for name, column in parts.columns().items()}
        row |= {name: float(column[i]) for name, column in outcome.certificate.columns.items()}
        rows.append(row)
    return rows


def _column(quantity: Quantity | Variable) -> str:
    return f"{quantity.name} [{quantity.unit}]" if quantity.unit else quantity.name
