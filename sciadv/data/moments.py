"""Means and covariances of a training set and of what a generator cannot represent of it; and their files.

Only the statistics; `sciadv.solvers.beyond_range.residual_statistics` learns those of the residual.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.files.cards import require_stated
from sciadv.files.folders import as_path
from sciadv.files.weights import TensorFile, read_tensor_file, write_tensors

MOMENTS, RESIDUAL = "moments.safetensors", "residual.safetensors"
#: Images of more pixels keep a diagonal and principal directions in their file, in half precision: at most so
#: many, and at most so many numbers.
DENSE_PIXELS, _RANK, _NUMBERS = 1100, 384, 1_800_000


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean ``in_shape`` and covariance ``(pixels, pixels)`` of images, dense or as factor and diagonal.

    Parameters
    ----------
    mean
        The mean.
    dense
        The covariance; None where it is given by the other two.
    factor, diagonal
        ``(pixels, rank)`` and ``(pixels,)`` with ``covariance = factor factor' + diag(diagonal)``, as files
        of large images keep it; see `factored`.

    Raises
    ------
    InputError
        There is neither a dense covariance nor factor and diagonal.
    """

    mean: Tensor
    dense: Tensor | None = None
    factor: Tensor | None = None
    diagonal: Tensor | None = None

    def __post_init__(self) -> None:
        """Check that there is a covariance."""
        if self.dense is None and (self.factor is None or self.diagonal is None):
            raise InputError("moments need a covariance (pixels, pixels), or a factor and a diagonal of it")

    @cached_property
    def covariance(self) -> Tensor:
        """The covariance ``(pixels, pixels)``, made when it is first asked for."""
        if self.dense is not None:
            return self.dense
        factor, diagonal = factored(self)
        return factor @ factor.T + diagonal.diag()

    @property
    def covariance_shape(self) -> tuple[int, ...]:
        """Shape of the covariance, which is not made for it."""
        if self.factor is None or self.diagonal is None:
            return tuple(self.covariance.shape)
        return len(self.factor), len(self.diagonal)

    def to(self, device: torch.device, dtype: torch.dtype) -> Moments:
        """Return a copy on a device and in a precision."""
        parts = (self.dense, self.factor, self.diagonal)
        return Moments(
            self.mean.to(device, dtype), *(None if part is None else part.to(device, dtype) for part in parts)
        )

    def times(self, columns: Tensor) -> Tensor:
        """Return the covariance times ``(..., pixels, n)``, on their device and in their precision."""
        if self.factor is None or self.diagonal is None:
            return self.covariance.to(columns) @ columns
        factor, diagonal = self.factor.to(columns), self.diagonal.to(columns)
        return factor @ (factor.T @ columns) + diagonal[:, None] * columns

    def save(self, folder: Path | str) -> Path:
        """Write ``moments.safetensors``: upper triangle, or factor and diagonal where large or given so."""
        return write_tensors(as_path(folder, "folder") / MOMENTS, _pack(self), {})

    @staticmethod
    def load(folder: Path | str, card: Mapping[str, str] | None = None) -> Moments | None:
        """Read what `save` wrote; None where there is no such file.

        Parameters
        ----------
        folder
            The prior's folder.
        card
            Facts of the prior's card, which may state the file's hash.

        Raises
        ------
        WeightsError
            The file is damaged, not that of the card, or not of moments.
        """
        file = _read(as_path(folder, "folder") / MOMENTS, card, "moments of a prior")
        return None if file is None else _unpack(file)


@dataclass(frozen=True, eq=False)
class Residual:
    """Representation error of a prior: ``x = G(z) + nu``, and the same before the output's activation.

    Parameters
    ----------
    image
        Mean and covariance of ``nu = x - G(z*)``, with ``z*`` the latent nearest to a training image.
    logits
        Mean and covariance of the smallest ``nu`` for which ``activation(l(z*) + nu)`` is the image, with l
        the generator's output before its activation.
    reference
        Images ``(n, *in_shape)`` of the same kind that the statistics were not learned from: they say
        how large a misfit is normal for an operator.
    """

    image: Moments
    logits: Moments
    reference: Tensor

    def save(self, folder: Path | str) -> Path:
        """Write ``residual.safetensors``: upper triangles, or factors and diagonals of large covariances."""
        tensors = {
            f"{name}.{key}": value
            for name, moments in (("image", self.image), ("logits", self.logits))
            for key, value in _pack(moments).items()
        }
        low, high = self.reference.min(), self.reference.max()
        level = 255 * (self.reference - low) / (high - low).clamp_min(1e-12)
        tensors["reference"] = level.round().to(torch.uint8)
        tensors["reference_range"] = torch.stack([low, high]).float()
        return write_tensors(as_path(folder, "folder") / RESIDUAL, tensors, {})

    @staticmethod
    def load(folder: Path | str, card: Mapping[str, str] | None = None) -> Residual | None:
        """Read what `save` wrote; None where there is no such file.

        Parameters
        ----------
        folder
            The prior's folder.
        card
            Facts of the prior's card, which may state the file's hash.

        Raises
        ------
        WeightsError
            The file is damaged, not that of the card, or not of a representation error.
        """
        file = _read(as_path(folder, "folder") / RESIDUAL, card, "the representation error of a prior")
        if file is None:
            return None
        image, logits = (_unpack(file, f"{name}.") for name in ("image", "logits"))
        levels, limits = _get(file, "reference"), _get(file, "reference_range")
        if levels.dtype != torch.uint8 or levels.shape[1:] != image.mean.shape or limits.shape != (2,):
            raise file.wrong(f"reference is {levels.dtype} of shape {tuple(levels.shape)}")
        low, high = limits
        return Residual(image, logits, low + (high - low) * levels.float() / 255)


def moments_of(samples: Tensor, *, shrink: bool = False) -> Moments:
    """Return mean and covariance of ``(n, *in_shape)``, on the CPU.

    Parameters
    ----------
    samples
        The samples.
    shrink
        Whether the covariance is drawn towards a multiple of the identity as `shrinkage` says: that of few
        samples leaves directions empty.
    """
    flat = samples.flatten(1).double()
    mean = flat.mean(0)
    flat = flat - mean
    covariance = flat.T @ flat / len(flat)
    if shrink:
        covariance = shrunk_covariance(covariance, shrinkage(flat, covariance))
    return Moments(mean.reshape(samples.shape[1:]).float().cpu(), covariance.float().cpu())


def shrinkage(centred: Tensor, covariance: Tensor) -> float:
    """Return the part of the identity in the best linear combination with a sample covariance, in [0, 1].

    O. Ledoit, M. Wolf, A well-conditioned estimator for large-dimensional covariance matrices, Journal of
    Multivariate Analysis 88 (2004) 365-411, section 3.3.

    Parameters
    ----------
    centred
        Samples less their mean ``(n, pixels)``, float64.
    covariance
        Their covariance ``(pixels, pixels)``.
    """
    n = len(centred)
    square = covariance.square().sum()
    spread = centred.square().sum(1).square().sum() / n - square  # mean of |x x' - S|^2
    distance = square - covariance.trace().square() / len(covariance)
    return float((spread / n / distance.clamp_min(1e-300)).clamp(0, 1))


def shrunk_covariance(covariance: Tensor, part: float) -> Tensor:
    """Return ``(1 - part) S + part tr(S) / pixels I``."""
    level = part * float(covariance.trace()) / len(covariance)
    return (1 - part) * covariance + level * torch.eye(len(covariance)).to(covariance)


def factored(moments: Moments) -> tuple[Tensor, Tensor]:
    """Return a factor ``(pixels, rank)`` and a diagonal ``(pixels,)``: the covariance is about their sum.

    Those the moments were read with, or the leading principal directions and the variance they leave.
    """
    if moments.factor is not None and moments.diagonal is not None:
        return moments.factor, moments.diagonal
    covariance = moments.covariance.double()
    factor = _leading_factor(covariance, min(_RANK, _NUMBERS // len(covariance), len(covariance)))
    diagonal = (covariance.diagonal() - factor.square().sum(1)).clamp_min(0)
    return factor.float(), diagonal.float()


def _leading_factor(covariance: Tensor, rank: int) -> Tensor:
    """Return F ``(pixels, rank)`` with F F' about the leading part of a covariance, by subspace iteration.

    Halko, Martinsson and Tropp, Finding structure with randomness, SIAM Review 53 (2011) 217-288, algorithms
    4.4 and 5.3.
    """
    draw = torch.Generator().manual_seed(0)
    n_columns = min(rank + 32, len(covariance))
    basis = torch.randn(len(covariance), n_columns, generator=draw, dtype=covariance.dtype)
    for _ in range(4):
        basis = torch.linalg.qr(covariance @ basis.to(covariance.device))[0]
    values, vectors = torch.linalg.eigh(basis.T @ covariance @ basis)
    leading: Tensor = (basis @ vectors[:, -rank:]) * values[-rank:].clamp_min(0).sqrt()
    return leading


def _pack(moments: Moments) -> dict[str, Tensor]:
    pixels = prod(moments.mean.shape)
    packed = {"mean": moments.mean.float()}
    if moments.dense is not None and pixels <= DENSE_PIXELS:
        row, column = torch.triu_indices(pixels, pixels)
        return packed | {"upper": moments.covariance.cpu()[row, column].float()}
    factor, diagonal = factored(moments)
    return packed | {"factor": factor.half().cpu(), "diagonal": diagonal.float().cpu()}


def _read(path: Path, card: Mapping[str, str] | None, what: str) -> TensorFile | None:
    """Read a file beside a prior's weights; None where there is none."""
    if not path.exists() and not path.is_symlink():
        return None
    file = read_tensor_file(path, what=what, advice="Fetch it again")
    require_stated(file, card or {})
    return file


def _get(file: TensorFile, name: str) -> Tensor:
    if name not in file.tensors:
        raise file.wrong(f"it has no {name}")
    return file.tensors[name]


def _unpack(file: TensorFile, prefix: str = "") -> Moments:
    mean = _get(file, f"{prefix}mean")
    pixels = mean.numel()
    if pixels == 0 or not mean.is_floating_point():
        raise file.wrong(f"{prefix}mean is {mean.dtype} of shape {tuple(mean.shape)}")
    if f"{prefix}factor" in file.tensors:
        factor, diagonal = _get(file, f"{prefix}factor"), _get(file, f"{prefix}diagonal")
        if factor.ndim != 2 or len(factor) != pixels or diagonal.shape != (pixels,):
            raise file.wrong(f"{prefix}factor and diagonal are not of {pixels} pixels")
        return Moments(mean, factor=factor.float(), diagonal=diagonal)
    upper = _get(file, f"{prefix}upper")
    if upper.shape != (pixels * (pixels + 1) // 2,):
        raise file.wrong(f"{prefix}upper has shape {tuple(upper.shape)}, not that of {pixels} pixels")
    row, column = torch.triu_indices(pixels, pixels)
    covariance = torch.zeros(pixels, pixels)
    covariance[row, column] = upper
    covariance[column, row] = upper
    return Moments(mean, covariance)
