"""All distribution metrics of samples in one report, with floors, and sentences where they contradict."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.metrics.classes import class_divergence, classifier_score, n_modes
from sciadv.metrics.classifier import ClassifierOutput
from sciadv.metrics.frechet import effective_rank, frechet_distance
from sciadv.metrics.kernel import KernelDistance, kernel_distance
from sciadv.metrics.manifold import Manifold, Memorisation, manifold_metrics, memorisation


@dataclass(frozen=True)
class SampleReport:
    """How samples compare with real data in one feature space, and how a second real set does (the floor).

    Parameters
    ----------
    frechet, frechet_floor
        Squared Frechet distance of the samples, and of the second real set, from the real data.
    kid
        Kernel distance with its interval.
    manifold, manifold_floor
        Precision, recall, density, coverage, of the samples and of the second real set.
    n_modes, n_modes_floor, class_divergence, score
        Classes present among samples and among real data, KL of the class histograms [nats], classifier
        score.
    feature_rank
        Effective rank of the real data's features.
    n_features
        Number of features.
    memorisation
        Whether samples copy the training set; None if it was not given.
    flags
        Sentences where the numbers contradict each other or fail. Empty is good.
    """

    frechet: float
    frechet_floor: float
    kid: KernelDistance
    manifold: Manifold
    manifold_floor: Manifold
    n_modes: int
    n_modes_floor: int
    class_divergence: float
    score: float
    feature_rank: float
    n_features: int
    memorisation: Memorisation | None = None
    flags: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict[str, float | int]:
        """Return the numbers, flat."""
        parts: dict[str, float | int] = {
            "frechet": self.frechet,
            "frechet_floor": self.frechet_floor,
            "kid": self.kid.value,
            "kid_low": self.kid.low,
            "kid_high": self.kid.high,
        }
        for name in ("precision", "recall", "density", "coverage"):
            parts[name] = getattr(self.manifold, name)
            parts[f"{name}_floor"] = getattr(self.manifold_floor, name)
        parts |= {"modes": self.n_modes, "modes_floor": self.n_modes_floor}
        parts |= {
            "class_divergence": self.class_divergence,
            "score": self.score,
            "feature_rank": self.feature_rank,
        }
        if self.memorisation is not None:
            parts["memorisation_z"] = self.memorisation.z_score
            parts["memorisation_share_nearer"] = self.memorisation.share_nearer
            parts["memorisation_distance_ratio"] = self.memorisation.distance_ratio
        return parts


def compare_samples(  # noqa: PLR0913  # what is compared, and how
    samples: ClassifierOutput,
    real: ClassifierOutput,
    second: ClassifierOutput,
    *,
    train: Tensor | None = None,
    k: int = 3,
    n_manifold: int = 3000,
    near_floor: float = 3.0,
    low_share: float = 0.5,
    seed: int = 0,
) -> SampleReport:
    """Compute every distribution metric of samples against real data, and of a second real set as the floor.

    Parameters
    ----------
    samples
        Features and logits of the samples.
    real
        Those of real data.
    second
        Those of other real data of the same distribution; as many as `samples`, since all distances depend
        on the number.
    train
        Features of the training set, for the memorisation test; `second` must then not be part of it.
    k
        Neighbour for precision, recall, density and coverage.
    n_manifold
        Rows used for these, the first of each set.
    near_floor
        A Frechet distance up to this many times its floor counts as perfect, for the flags.
    low_share
        Recall and coverage below this part of their floors are flagged.
    seed
        Seed of the random blocks of the kernel distance.

    Raises
    ------
    InputError
        `samples` and `second` differ in number.
    """
    if len(samples.features) != len(second.features):
        raise InputError(
            f"{len(samples.features)} samples against {len(second.features)} of the second real set: "
            f"distances depend on the number, give equally many"
        )
    n_classes = real.logits.shape[1]
    few = [part.features[:n_manifold] for part in (real, samples, second)]
    report = SampleReport(
        frechet=frechet_distance(real.features, samples.features),
        frechet_floor=frechet_distance(real.features, second.features),
        kid=kernel_distance(real.features, samples.features, seed=seed),
        manifold=manifold_metrics(few[0], few[1], k=k),
        manifold_floor=manifold_metrics(few[0], few[2], k=k),
        n_modes=n_modes(samples.classes, n_classes),
        n_modes_floor=n_modes(real.classes, n_classes),
        class_divergence=_divergence(samples.classes, real.classes, n_classes),
        score=classifier_score(samples.logits),
        feature_rank=effective_rank(real.features),
        n_features=real.features.shape[1],
        memorisation=None if train is None else memorisation(few[1], train, few[2]),
    )
    return replace(report, flags=tuple(_flags(report, near_floor, low_share)))


def _divergence(classes: Tensor, reference: Tensor, n_classes: int) -> float:
    """KL of the histograms with one pseudo-count for classes that the real data lack."""
    every = torch.arange(n_classes, device=reference.device)
    return class_divergence(classes, torch.cat([reference, every]), n_classes)


def _flags(report: SampleReport, near_floor: float, low_share: float) -> list[str]:
    """Say what the Frechet distance does not show: lost diversity, features without meaning, copies."""
    is_near_floor = report.frechet <= near_floor * report.frechet_floor + 1e-9
    opening = f"Frechet distance {report.frechet:.3g} is near its floor {report.frechet_floor:.3g}, but "
    flags = []
    if report.feature_rank < 2:
        flags.append(
            f"the features have effective rank {report.feature_rank:.2g} of {report.n_features}: "
            f"distances between them say nothing about the images; use another feature network"
        )
    for name in ("recall", "coverage"):
        value, floor = getattr(report.manifold, name), getattr(report.manifold_floor, name)
        if value < low_share * max(floor, 0.5):
            found = f"{name} is {value:.2f} (real data: {floor:.2f})"
            flags.append(opening + found if is_near_floor else f"{found}: the samples miss part of the data")
    if report.n_modes < report.n_modes_floor:
        found = f"{report.n_modes} of {report.n_modes_floor} classes occur"
        flags.append(opening + f"only {found}" if is_near_floor else f"only {found}: modes are missing")
    if report.memorisation is not None and report.memorisation.is_suspicious:
        flags.append(
            f"samples lie nearer to the training set than new data do (z = "
            f"{report.memorisation.z_score:.1f}, {report.memorisation.share_nearer:.0%} nearer than 99 % of "
            f"new data): they may be copies"
        )
    return flags
