"""Values of corrections of batches."""

from boundary_cases.small_objects import Refused, Taken
from sciadv import BatchCorrector
from sciadv.domains.batch_correction import simulate_counts

CELLS = simulate_counts(40, 8, n_batches=2, n_types=2, seed=0)


def fitted() -> BatchCorrector:
    return BatchCorrector(method="linear").fit(CELLS.counts, batch=CELLS.batch)


def corrected(**changed: object) -> object:
    return BatchCorrector(method="linear").correct(CELLS.counts, **{"batch": CELLS.batch, **changed})


TAKEN: Taken = {
    "the largest seed of a corrector": lambda: BatchCorrector(method="linear", seed=2**63 - 1).fit(
        CELLS.counts, batch=CELLS.batch
    ),
}

REFUSED: Refused = {
    "monitor of a correction": (lambda: corrected(monitor=3), "monitor must be a function"),
    "batches without an end": (lambda: corrected(batch=iter(int, 1)), "there are 41 batches for 40 cells"),
    "cells a class": (
        lambda: BatchCorrector(method="linear").correct(int, batch=iter("ab")),
        ".*expression",
    ),
    "labels without an end": (lambda: corrected(labels=iter(int, 1)), "there are 41 labels for 40 cells"),
}
