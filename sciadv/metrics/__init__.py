"""Metrics: of images, of distributions, of classifiers, of uncertainties. Tensors in, numbers out."""

from sciadv.metrics.ambiguity import relative_error
from sciadv.metrics.calibration import Calibration, calibration, interval, probability_transform
from sciadv.metrics.chains import effective_sample_size, family_sample_size, r_hat
from sciadv.metrics.classes import (
    calibration_error,
    class_divergence,
    class_shares,
    classifier_score,
    discriminator_calibration,
    n_modes,
)
from sciadv.metrics.classifier import (
    Classifier,
    ClassifierOutput,
    accuracy,
    classify,
    load_classifier,
    save_classifier,
)
from sciadv.metrics.collapse.collapse_test import CollapseReport, CollapseRule, CollapseTest
from sciadv.metrics.collapse.feature_maps import feature_map
from sciadv.metrics.frechet import effective_rank, frechet_distance, frechet_from_moments
from sciadv.metrics.image import mse, psnr, ssim
from sciadv.metrics.kernel import KernelDistance, kernel_distance
from sciadv.metrics.manifold import Manifold, Memorisation, manifold_metrics, memorisation
from sciadv.metrics.path_length import path_length, slerp
from sciadv.metrics.samples import SampleReport, compare_samples
from sciadv.metrics.transport.sliced_distance import SlicedDistance, sliced_wasserstein, wasserstein_1

__all__ = [
    "Calibration",
    "Classifier",
    "ClassifierOutput",
    "CollapseReport",
    "CollapseRule",
    "CollapseTest",
    "KernelDistance",
    "Manifold",
    "Memorisation",
    "SampleReport",
    "SlicedDistance",
    "accuracy",
    "calibration",
    "calibration_error",
    "class_divergence",
    "class_shares",
    "classifier_score",
    "classify",
    "compare_samples",
    "discriminator_calibration",
    "effective_rank",
    "effective_sample_size",
    "family_sample_size",
    "feature_map",
    "frechet_distance",
    "frechet_from_moments",
    "interval",
    "kernel_distance",
    "load_classifier",
    "manifold_metrics",
    "memorisation",
    "mse",
    "n_modes",
    "path_length",
    "probability_transform",
    "psnr",
    "r_hat",
    "relative_error",
    "save_classifier",
    "slerp",
    "sliced_wasserstein",
    "ssim",
    "wasserstein_1",
]
