"""A watermark: bits that generated images carry, which nobody sees and who has the key reads."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.arguments.values import as_tensor, as_text
from sciadv.errors import InputError
from sciadv.registry.checked import checked
from sciadv.types import Count, Positive


@checked
@dataclass(frozen=True)
class Watermark:
    """Bits by quantisation index modulation of projections on random orthonormal patterns.

    Each bit has a pattern of the key. The image's projection p on it is moved to the nearest number of a
    lattice of spacing `step`, ``step (k + 1/4)`` for a 0 and ``step (k + 3/4)`` for a 1, which changes it by
    ``step / 12^(1/2)`` in the root mean square. Where pixels would leave [0, 1], changes are spread over the
    others by alternating projections onto the box and the lattice, and pixels are rounded to whole 255ths in
    the end, with dither, until the bits are there: a PNG of 8 bits keeps them.

    Parameters
    ----------
    key
        A secret text: who has it can read the bits, and write others.
    step
        Spacing of the lattice, in units of the range of values. An error of a projection up to a quarter of
        it is corrected.
    n_rounds
        Alternating projections at most.

    References
    ----------
    B. Chen, G. W. Wornell, Quantization index modulation: a class of provably good methods for digital
    watermarking and information embedding, IEEE Trans. Inf. Theory 47, 2001, section IV.

    Examples
    --------
    >>> image = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    >>> mark = Watermark("secret")
    >>> marked = mark.write(image, b"ab")
    >>> mark.read(marked, 2), round(float((marked - image).abs().max()), 2)
    ([b'ab'], 0.01)
    """

    key: str
    step: Positive = 0.02
    n_rounds: Count = 50

    def __post_init__(self) -> None:
        """Check the key."""
        as_text(self.key, "the key of a watermark")

    def patterns(self, shape: tuple[int, ...], n_bits: int) -> Tensor:
        """Return the patterns ``(values, n_bits)`` for images of a shape, orthonormal, with mean zero.

        Raises
        ------
        InputError
            The images are too small for so many bits: there must be four values a bit.
        """
        n = int(torch.Size(shape).numel())
        if 4 * n_bits > n:
            raise InputError(
                f"images of {n} values carry {n // 4} bits at most, not {n_bits}; write fewer bytes"
            )
        digest = hashlib.sha256(f"{self.key}|{n_bits}|{tuple(shape)}".encode()).digest()
        draw = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
        raw = torch.randn(n, n_bits, generator=draw, dtype=torch.float64)
        patterns: Tensor = torch.linalg.qr(raw - raw.mean(0))[0]
        return patterns

    def write(self, images: Tensor, message: bytes) -> Tensor:
        """Return images ``(n, channels, *sides)`` in [0, 1] that carry the message, in whole 255ths.

        Raises
        ------
        InputError
            The images leave [0, 1], or are too small, or one does not hold the bits.
        """
        x = as_tensor(images, "images to mark")
        if not message:
            raise InputError("the message of a watermark has no bytes; give at least one")
        if float(x.min()) < 0 or float(x.max()) > 1:
            raise InputError(
                f"images to mark have values in [0, 1], but these go from {float(x.min()):g} to "
                f"{float(x.max()):g}"
            )
        places = [byte >> place & 1 for byte in message for place in range(7, -1, -1)]  # highest first
        bits = torch.tensor(places, dtype=torch.float64)
        P = self.patterns(tuple(x.shape[1:]), len(bits))
        original = x.flatten(1).double().cpu()
        marked = (original * 255).round() / 255
        draw = torch.Generator().manual_seed(0)
        wrong = (self._bits_of(marked, P) != bits).any(1)
        for _ in range(self.n_rounds):
            if not wrong.any():
                break
            marked[wrong] = self._moved(original[wrong], P, bits, draw)
            wrong = (self._bits_of(marked, P) != bits).any(1)
        if wrong.any():
            raise InputError(
                f"{int(wrong.sum())} of {len(x)} images do not hold {len(bits)} bits; write fewer bytes, or "
                f"take a larger step"
            )
        return marked.to(x.dtype).reshape(x.shape).to(x.device)

    def _moved(self, x: Tensor, P: Tensor, bits: Tensor, draw: torch.Generator) -> Tensor:
        """Move projections to the lattice and pixels into the box, some times, then to whole 255ths.

        Most pixels move by less than a 255th: they are rounded up or down at random, nearer is likelier.
        """
        target = self._nearest(x @ P, bits)
        for _ in range(self.n_rounds):
            x = (x + (target - x @ P) @ P.T).clamp(0, 1)
        dither = torch.rand(x.shape, generator=draw, dtype=x.dtype) - 0.5
        return (x * 255 + dither).round().clamp(0, 255) / 255

    def _nearest(self, p: Tensor, bits: Tensor) -> Tensor:
        """Return the numbers of the bits' lattices that are nearest to projections."""
        shift = 0.25 + 0.5 * bits
        return self.step * ((p / self.step - shift).round() + shift)

    def _bits_of(self, flat: Tensor, P: Tensor) -> Tensor:
        place: Tensor = (flat @ P / self.step).remainder(1.0)
        return (place >= 0.5).double()

    def read(self, images: Tensor, n_bytes: int) -> list[bytes]:
        """Return what each image carries, `n_bytes` bytes; noise where it is not marked with the key."""
        x = as_tensor(images, "images to read")
        bits = self.read_bits(x, 8 * n_bytes).to(torch.int64)
        weights = 2 ** torch.arange(7, -1, -1)
        return [bytes((row.reshape(-1, 8) * weights).sum(1).tolist()) for row in bits]

    def read_bits(self, images: Tensor, n_bits: int) -> Tensor:
        """Return the bits of each image ``(n, n_bits)``, 0 or 1."""
        P = self.patterns(tuple(images.shape[1:]), n_bits)
        return self._bits_of(images.flatten(1).double().cpu(), P)
