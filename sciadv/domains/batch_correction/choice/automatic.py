"""`auto`: nothing where the batches do not differ, else what hides the batch and keeps most neighbours.

Methods are fitted to one half of the cells and compared on the other, without labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sciadv.domains.batch_correction.assessment.evidence import Probed, batch_p_value, kept_within, probe
from sciadv.domains.batch_correction.choice.nothing import NoCorrection
from sciadv.domains.batch_correction.fitted_correction import Correction, FitPlan
from sciadv.domains.batch_correction.groups import Codes, Groups
from sciadv.domains.batch_correction.linear.combat import LinearCorrection
from sciadv.domains.batch_correction.matched.matched_correction import ResidualCorrection
from sciadv.domains.batch_correction.reading.matrices import Matrix, dense


@final
@dataclass(frozen=True)
class Candidate:
    """A method, fitted to half of the cells and measured on the others.

    Parameters
    ----------
    correction
        The method.
    probed
        How well it hides the batch within the clusters that batches share.
    kept
        Share of the neighbours within its batch that a cell keeps.
    change
        Root mean square of what it changes, in log expression.
    """

    correction: type[Correction]
    probed: Probed
    kept: float
    change: float


@final
@dataclass(frozen=True)
class Choice:
    """What `auto` has chosen, and why.

    Parameters
    ----------
    correction
        The method.
    p_value
        Of the batches not differing at all.
    reason
        In a sentence.
    candidates
        What was compared.
    notes
        What to beware of, in sentences.
    """

    correction: type[Correction]
    p_value: float
    reason: str
    candidates: tuple[Candidate, ...] = ()
    notes: tuple[str, ...] = ()

    def rows(self) -> list[list[str]]:
        """Return a row of words and numbers for each method that was compared."""
        return [
            [
                one.correction.method,
                f"{one.probed.relative:.2f}",
                f"{one.kept:.2f}",
                f"{one.change:.3f}",
            ]
            for one in self.candidates
        ]


def choose(
    expression: Matrix,
    groups: Groups,
    plan: FitPlan,
    *,
    few: int,
    level: float = 0.01,
    most_cells: int = 4000,
    least_kept: float = 0.8,
) -> Choice:
    """Choose a method.

    Parameters
    ----------
    expression
        Normalised, ``(cells, genes)``.
    groups
        Batches and labels.
    plan
        How to fit.
    few
        Cells below which only nothing and the linear method are candidates.
    level
        P-value above which there is nothing to correct.
    most_cells
        Cells that are looked at, drawn at random.
    least_kept
        Share of the neighbours within a batch that a correction has to keep.
    """
    rng = np.random.default_rng(plan.seed)
    n = expression.shape[0]
    drawn = np.sort(rng.choice(n, min(n, most_cells), replace=False))
    small = expression[drawn]
    own = groups.only(drawn)
    scores = NoCorrection.fit(small, own, plan).embed(small, own)
    p = batch_p_value(scores, own.batch, seed=plan.seed)
    if p > level:
        return Choice(NoCorrection, p, f"the batches do not differ (p = {p:.3f} by permutation)")
    if n < few:
        reason = f"fewer than {few} cells: too few to match cells of one kind"
        notes = () if groups.n_labels else _other_shares(small, own, plan)
        return Choice(LinearCorrection, p, reason, notes=notes)
    halves = _halves(own.batch, rng)
    candidates = _compared(small, own, halves, plan, has_labels=bool((groups.labels >= 0).all()))
    return _least(candidates, p, least_kept=least_kept)


def _other_shares(
    expression: Matrix,
    groups: Groups,
    plan: FitPlan,
    *,
    level: float = 0.05,
) -> tuple[str, ...]:
    """Say it where batches whose means and scales agree are still distinguishable, as by shares of groups."""
    z = LinearCorrection.fit(expression, groups, plan).embed(expression, groups)
    p = batch_p_value(z, groups.batch, seed=plan.seed)
    if p > level:
        return ()
    return (
        f"batches of equal means and scales are still distinguishable (p = {p:.3f}): they may hold "
        f"other shares of what is studied, and then the linear method removes a part of that. Name it "
        f"by keep=, or take method='residual'",
    )


def _halves(batch: Codes, rng: np.random.Generator) -> tuple[Codes, Codes]:
    """Split the cells of every batch in two."""
    order = rng.permutation(len(batch))
    order = order[np.argsort(batch[order], kind="stable")]
    return np.sort(order[::2]), np.sort(order[1::2])


def _compared(
    expression: Matrix, groups: Groups, halves: tuple[Codes, Codes], plan: FitPlan, *, has_labels: bool
) -> tuple[Candidate, ...]:
    """Fit every method to one half and measure it on the other."""
    train, test = (groups.only(half) for half in halves)
    seen = expression[halves[0]]
    held_out = expression[halves[1]]
    before = NoCorrection.fit(seen, train, plan)
    matched = ResidualCorrection.fit(seen, train, plan)
    clusters = matched.weights(held_out, test.batch).argmax(1)
    fitted: list[Correction] = [before, matched]
    if has_labels or groups.n_labels == 0:
        fitted.insert(1, LinearCorrection.fit(seen, train, plan))
    raw = dense(held_out)
    scores = before.embed(held_out, test)
    found = []
    for one in fitted:
        z = one.embed(held_out, test)
        probed = probe(z, test.batch, clusters, seed=plan.seed)
        if probed is not None:
            change = float(np.sqrt(np.square(one.correct(held_out, test) - raw).mean()))
            found.append(Candidate(type(one), probed, kept_within(z, scores, test.batch), change))
    return tuple(found)


def _least(candidates: tuple[Candidate, ...], p: float, *, least_kept: float) -> Choice:
    """Choose what keeps most neighbours of all that hides the batch; else what hides it best.

    What hides it less than another by no more than two standard deviations of chance hides it as well.
    """
    if not candidates:
        reason = "the batches share no kind of cell, so that nothing says what is theirs"
        return Choice(NoCorrection, p, reason)
    fit = [one for one in candidates if one.kept >= least_kept]
    hidden = [one.probed.relative for one in fit if one.probed.is_invariant()]
    if hidden:
        least = min(hidden)
        enough = [one for one in fit if one.probed.is_invariant(least=least - 2 * one.probed.spread)]
        best = max(enough, key=lambda one: one.kept)
        reason = (
            f"of what hides the batch among cells that match (unpredictability "
            f"{best.probed.relative:.2f}, 1 by chance) it keeps most neighbours, {best.kept:.0%}"
        )
        return Choice(best.correction, p, reason, candidates)
    best = max(fit or list(candidates), key=lambda one: -abs(1 - one.probed.relative))
    reason = (
        f"no change hides the batch altogether; this hides most of it (unpredictability "
        f"{best.probed.relative:.2f}, 1 by chance) and keeps {best.kept:.0%} of the neighbours"
    )
    return Choice(best.correction, p, reason, candidates)
