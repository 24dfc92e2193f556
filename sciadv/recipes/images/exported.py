"""Samples of a prior as PNG files that say where they come from: in a text and, with a key, in the pixels."""

from __future__ import annotations

import io
import json
from pathlib import Path

import torch
from torch import Tensor

from sciadv.arguments.values import as_count, as_seed
from sciadv.data.watermark import Watermark
from sciadv.errors import InputError
from sciadv.files.folders import as_path
from sciadv.files.publishing import publish
from sciadv.files.reading import parsing, read_bytes
from sciadv.files.texts import parse_json
from sciadv.files.writing import write_file
from sciadv.prior import Prior

#: Name of the text in a PNG file, and lines of a prior's card that it holds.
_TEXT, _LINES = "sciadv", ("data", "data_licence", "licence", "data_sha256", "weights_sha256")


def export_samples(
    prior: Prior, folder: Path | str, *, n: int = 16, seed: int = 0, key: str | None = None, n_bytes: int = 4
) -> Path:
    """Write samples ``sample-000.png`` … of a prior; each file states prior, hashes, licences and seed.

    Parameters
    ----------
    prior
        A prior of images with one or three channels and values in [0, 1].
    folder
        Made; what was there is replaced.
    n
        Samples.
    seed
        Seed of the samples.
    key
        Key of a `Watermark` that carries the first bytes of the weights' hash; None for no watermark.
    n_bytes
        How many bytes it carries.

    Raises
    ------
    InputError
        The prior's images are no PNG images, or do not hold the watermark; or it has no hash of its weights.
    """
    n, seed = as_count(n, "n"), as_seed(seed)
    if len(prior.out_shape) != 3 or prior.out_shape[0] not in (1, 3):
        raise InputError(
            f"prior {prior.name!r} generates {prior.out_shape}; PNG files hold images of one or three "
            f"channels. Write other samples by numpy.save(prior.sample(n, seed=seed))"
        )
    x = prior.sample(n, seed=seed).cpu()
    if float(x.min()) < 0 or float(x.max()) > 1:
        raise InputError(
            f"samples of prior {prior.name!r} go from {float(x.min()):.3g} to {float(x.max()):.3g}, and PNG "
            f"files hold values in [0, 1]; write them by numpy.save(prior.sample(n, seed=seed))"
        )
    if key is not None:
        x = Watermark(key).write(x, weights_mark(prior, n_bytes))
    facts = {line: prior.card[line] for line in _LINES if line in prior.card}
    origin = {
        "generated_by": "sciadv",
        "prior": prior.name,
        "seed": seed,
        "is_marked": key is not None,
        **facts,
    }

    def build(new: Path) -> None:
        for number, image in enumerate(x):
            write_file(new / f"sample-{number:03d}.png", _png(image, origin | {"number": number}))

    return publish(as_path(folder, "folder"), build)


def weights_mark(prior: Prior, n_bytes: int = 4) -> bytes:
    """Return what the watermark of a prior's samples says: the first bytes of the hash of its weights.

    Raises
    ------
    InputError
        The prior's card has no hash: it was not loaded from a folder.
    """
    stated = prior.card.get("weights_sha256", "")
    if not stated:
        raise InputError(
            f"prior {prior.name!r} has no hash of its weights; save it to a folder and load it again"
        )
    return bytes.fromhex(stated)[:n_bytes]


def read_origin(path: Path | str) -> dict[str, object]:
    """Return what an exported sample says of where it comes from.

    Raises
    ------
    InputError
        The file is no image, or does not say it.
    """
    from PIL import Image

    file = as_path(path)
    advice = "Give a PNG file."
    raw = io.BytesIO(read_bytes(file, advice=advice))
    with parsing(file, "an image", advice), Image.open(raw) as image:
        text = getattr(image, "text", {}).get(_TEXT)
    if text is None:
        raise InputError(
            f"{file} does not say where it comes from; its text may have been removed: read its watermark"
        )
    origin: dict[str, object] = parse_json(text, file=str(file), advice=advice)
    return origin


def _png(image: Tensor, origin: dict[str, object]) -> bytes:
    """Return an image ``(channels, height, width)`` in [0, 1] as the bytes of a PNG file with a text."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    values = (image * 255).round().to(torch.uint8).permute(1, 2, 0).squeeze(-1).numpy()
    text = PngInfo()
    text.add_text(_TEXT, json.dumps(origin))
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, format="png", pnginfo=text)
    return buffer.getvalue()
