"""The methods of the bench: each gives, for each of its settings, the probability of approval of any row."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.fairness.loan_table import Rows
from sciadv.domains.fairness import FairClassifier, FairSettings
from sciadv.domains.fairness.fair_curve import fit_curve
from sciadv.domains.fairness.fair_game import FairRows

#: Probability of a positive decision ``(rows,)``: 0 or 1, or between where decisions are drawn.
Decisions = NDArray[np.float64]
Decide = Callable[[Rows], Decisions]

GAPS = (0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3)
MIXTURES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
SLACKS = (0.002, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15)
ALPHAS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


@dataclass(frozen=True)
class FairMethod:
    """A method with its settings.

    Parameters
    ----------
    fit
        Takes rows, a criterion and a seed; gives what decides, by setting.
    peer
        The library that it needs; "" for none.
    """

    fit: Callable[[Rows, str, int], dict[str, Decide]]
    peer: str = ""


def _logistic_model() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=1000)


def unconstrained(rows: Rows, criterion: str, seed: int) -> dict[str, Decide]:  # noqa: ARG001
    """Fit a logistic regression."""
    model = _logistic_model().fit(rows.x, rows.y)
    return {"-": lambda new: model.predict(new.x).astype(float)}


def constant(rows: Rows, criterion: str, seed: int) -> dict[str, Decide]:  # noqa: ARG001
    """Decide always as most rows were."""
    decision = float(rows.y.mean() >= 0.5)
    return {"-": lambda new: np.full(len(new.y), decision)}


def mixed(rows: Rows, criterion: str, seed: int) -> dict[str, Decide]:
    """Toss a coin between the logistic regression and the constant decision."""
    free, fixed = (fit(rows, criterion, seed)["-"] for fit in (unconstrained, constant))

    def decide(share: float) -> Decide:
        return lambda new: share * free(new) + (1 - share) * fixed(new)

    return {f"share {share:g}": decide(share) for share in MIXTURES}


def reductions(rows: Rows, criterion: str, seed: int) -> dict[str, Decide]:  # noqa: ARG001
    """Fit fairlearn's exponentiated gradient over logistic regressions, at each slack of the constraint."""
    from fairlearn.reductions import DemographicParity, EqualizedOdds, ExponentiatedGradient

    kinds = {"demographic_parity": DemographicParity, "equalised_odds": EqualizedOdds}

    def decide(slack: float) -> Decide:
        constraint = kinds[criterion](difference_bound=slack)
        model = ExponentiatedGradient(_logistic_model(), constraint, eps=slack)
        with quiet():
            model.fit(rows.x, rows.y, sensitive_features=rows.group)
        return lambda new: np.asarray(model._pmf_predict(new.x))[:, 1]

    return {f"eps {slack:g}": decide(slack) for slack in SLACKS}


def thresholds(rows: Rows, criterion: str, seed: int) -> dict[str, Decide]:  # noqa: ARG001
    """Fit fairlearn's thresholds of each group on the regression; they read the group of new rows."""
    from fairlearn.postprocessing import ThresholdOptimizer

    words = {"demographic_parity": "demographic_parity", "equalised_odds": "equalized_odds"}
    model = ThresholdOptimizer(
        estimator=_logistic_model(), constraints=words[criterion], predict_method="predict_proba"
    )
    with quiet():
        model.fit(rows.x, rows.y, sensitive_features=rows.group)
    return {"-": lambda new: np.asarray(model._pmf_predict(new.x, sensitive_features=new.group))[:, 1]}


def plain_adversary(rows: Rows, criterion: str, seed: int) -> dict[str, Decide]:
    """Fit fairlearn's adversary of Zhang, Lemoine, Mitchell, at each strength.

    Its projection of each tensor's gradient would leave a linear score no intercept (accuracy below that of
    the constant decision); eight hidden units take that over.
    """
    from fairlearn.adversarial import AdversarialFairnessClassifier

    words = {"demographic_parity": "demographic_parity", "equalised_odds": "equalized_odds"}

    def decide(alpha: float) -> Decide:
        model = AdversarialFairnessClassifier(
            backend="torch",
            predictor_model=[8, "leaky_relu"],
            adversary_model=[8, "leaky_relu"],
            constraints=words[criterion],
            learning_rate=0.01,
            alpha=alpha,
            epochs=60,
            batch_size=128,
            shuffle=True,
            random_state=seed,
        )
        with quiet():
            model.fit(rows.x, rows.y, sensitive_features=rows.group)
        return lambda new: np.asarray(model.predict(new.x), float).ravel()

    return {f"alpha {alpha:g}": decide(alpha) for alpha in ALPHAS}


def plain_reversal(rows: Rows, criterion: str, seed: int) -> dict[str, Decide]:
    """Fit the same score as ours with what is plain: one step of an adversary that weighs all rows alike.

    There is no threshold and no mean over seeds, and the strength is a setting.
    """
    settings = FairSettings(n_adversary=1, is_balanced=False, n_thresholds=1, n_folds=2, n_seeds=1)
    numbers = FairRows(*_tensors(rows), is_conditional=criterion == "equalised_odds")
    curve = fit_curve(numbers, settings, names=["others", "minority"], seed=seed)

    def decide(place: int) -> Decide:
        return lambda new: (curve.scores(_tensors(new)[0], place) > 0).astype(float)

    return {f"strength {point.strength:g}": decide(i) for i, point in enumerate(curve.points[:-1])}


def _tensors(rows: Rows) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return columns of about unit variance (ranks from -1 to 1 have a third), labels and groups."""
    x = torch.as_tensor(rows.x * 3**0.5, dtype=torch.float32)
    return x, torch.as_tensor(rows.y), torch.as_tensor(rows.group)


def ours(rows: Rows, criterion: str, seed: int) -> dict[str, Decide]:
    """Fit `FairClassifier` once and take each gap."""
    fitted = FairClassifier(criterion=criterion, seed=seed).fit(rows.x, rows.y, protected=rows.group)

    def decide(gap: float) -> Decide:
        model = fitted.with_gap(gap)
        return lambda new: model.predict(new.x).astype(float)

    return {f"gap {gap:g}": decide(gap) for gap in GAPS}


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the warnings of other libraries to themselves, and torch's random state as it was."""
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        yield


OURS = "ours"
METHODS: dict[str, FairMethod] = {
    "logistic regression": FairMethod(unconstrained),
    "constant": FairMethod(constant),
    "mixed with the constant": FairMethod(mixed),
    "plain reversal": FairMethod(plain_reversal),
    "plain adversary": FairMethod(plain_adversary, "fairlearn"),
    "reductions": FairMethod(reductions, "fairlearn"),
    "thresholds of groups": FairMethod(thresholds, "fairlearn"),
    OURS: FairMethod(ours),
}
