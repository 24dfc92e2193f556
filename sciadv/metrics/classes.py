"""What a classifier says about samples: score, modes, class histogram; calibration of probabilities."""

from __future__ import annotations

import torch
from torch import Tensor

from sciadv.errors import InputError


def classifier_score(logits: Tensor) -> float:
    """``exp(E KL(p(c | x) | p(c)))``: the number of classes for sure and even predictions, 1 for one class.

    With Inception-v3's logits it is the Inception score.

    Parameters
    ----------
    logits
        ``(n, classes)``.

    References
    ----------
    T. Salimans et al. Improved techniques for training GANs. NeurIPS 2016, section 4.
    """
    log_p = logits.double().log_softmax(1)
    marginal = log_p.exp().mean(0)
    divergence = (log_p.exp() * (log_p - marginal.clamp_min(1e-300).log())).sum(1)
    return float(divergence.mean().exp())


def class_shares(classes: Tensor, n_classes: int) -> Tensor:
    """Share of each class ``(n_classes,)``."""
    return torch.bincount(classes, minlength=n_classes).double() / len(classes)


def n_modes(classes: Tensor, n_classes: int, *, least: float = 0.1) -> int:
    """Count the classes with at least `least` of an even share.

    Parameters
    ----------
    classes
        Predicted class of each sample ``(n,)``.
    n_classes
        Number of classes.
    least
        Part of ``1 / n_classes`` that counts as present, in (0, 1].
    """
    return int((class_shares(classes, n_classes) >= least / n_classes).sum())


def class_divergence(classes: Tensor, reference: Tensor, n_classes: int) -> float:
    """KL divergence [nats] of the samples' class histogram from that of real data, 0 when alike.

    Parameters
    ----------
    classes, reference
        Classes of the samples and of real data, ``(n,)`` each.
    n_classes
        Number of classes.

    Raises
    ------
    InputError
        A class occurs among the samples but never in the reference, which makes the divergence infinite.
    """
    p, q = class_shares(classes, n_classes), class_shares(reference, n_classes)
    missing = ((p > 0) & (q == 0)).nonzero().flatten().tolist()
    if missing:
        raise InputError(f"classes {missing} occur among the samples but not in the reference")
    return float((torch.xlogy(p, p) - torch.xlogy(p, q.clamp_min(1e-300))).sum())


def calibration_error(probability: Tensor, is_positive: Tensor, *, n_bins: int = 15) -> float:
    """Mean ``|share of positives - mean probability|`` over even bins: the expected calibration error.

    Parameters
    ----------
    probability
        Predicted probability of the positive class ``(n,)``.
    is_positive
        Whether it was one ``(n,)``.
    n_bins
        Bins of equal width over [0, 1]; each counts by its samples.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger. On calibration of modern neural networks. ICML 2017,
    equation 3.

    Examples
    --------
    >>> import torch
    >>> calibration_error(torch.tensor([0.5, 0.5]), torch.tensor([True, False]))
    0.0
    """
    if probability.shape != is_positive.shape or probability.ndim != 1 or len(probability) == 0:
        raise InputError(
            f"expected vectors of one length, got {tuple(probability.shape)} and {tuple(is_positive.shape)}"
        )
    p, hit = probability.double(), is_positive.double()
    place = (p * n_bins).long().clamp(0, n_bins - 1)
    zeros = torch.zeros(n_bins, dtype=torch.float64, device=p.device)
    gap = zeros.index_add(0, place, hit) - zeros.index_add(0, place, p)  # n_b (share - confidence)
    return float(gap.abs().sum() / len(p))


def discriminator_calibration(real_logits: Tensor, fake_logits: Tensor, *, n_bins: int = 15) -> float:
    """Calibration error of a discriminator's ``sigmoid(logit)`` as the probability that an image is real.

    Give as many real as fake images: the probability is for even odds. A discriminator at its optimum is
    calibrated; one that is far from 0 is over- or underconfident, and its gradient misleads the generator.
    """
    logits = torch.cat([real_logits.flatten(), fake_logits.flatten()])
    is_real = torch.arange(len(logits), device=logits.device) < real_logits.numel()
    return calibration_error(logits.sigmoid(), is_real, n_bins=n_bins)
