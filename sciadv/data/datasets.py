"""Image data sets: found under ``SCIADV_DATA``, else fetched once to the user's cache; always checked.

Only reading, splitting and preparing; nothing is fetched at import.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sciadv.errors import InputError, UnknownNameError
from sciadv.files.arrays import read_arrays
from sciadv.files.folders import cache_root
from sciadv.files.release.data_places import found_file, retrieve
from sciadv.files.texts import read_gzip

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class IdxFile:
    """One gzipped idx file: its place under ``SCIADV_DATA``, its address, its unzipped content's hash."""

    path: str
    url: str
    sha256: str


_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_FASHION = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_FILES: dict[str, dict[str, IdxFile]] = {
    name: {
        key: IdxFile(f"images/{folder}/{file}", url + file, digest)
        for key, (file, digest) in {
            "train": ("train-images-idx3-ubyte.gz", hashes[0]),
            "train-labels": ("train-labels-idx1-ubyte.gz", hashes[1]),
            "test": ("t10k-images-idx3-ubyte.gz", hashes[2]),
            "test-labels": ("t10k-labels-idx1-ubyte.gz", hashes[3]),
        }.items()
    }
    for name, folder, url, hashes in (
        (
            "mnist",
            "mnist",
            _MNIST,
            (
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ),
        (
            "fashion-mnist",
            "fashion_mnist",
            _FASHION,
            (
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
        ),
    )
}


@dataclass(frozen=True)
class JpegFile:
    """Slices of one MedNIST class as they came, JPEG after JPEG: an npz of `jpeg` and `offsets` (n + 1)."""

    path: str
    source: str
    label: int
    sha256: str


_MEDNIST = {
    name: JpegFile(f"images/mednist/{source}_jpeg.npz", source, label, digest)
    for name, source, label, digest in (
        ("head-ct", "HeadCT", 0, "49a9b6861e9c9c6c95f9e7ed3130346c3fc88013d90227be4062cd74ae41efd2"),
        ("abdomen-ct", "AbdomenCT", 1, "9e55719c216b8979bd2802fecd1d4991705c3510ef8e0c83d474284a19f29362"),
        ("breast-mr", "BreastMRI", 2, "d190d907ad952a8e22ecd40694c99a81cbb79e601965ef17028e9516264b6a1b"),
    )
}
#: Test slices at the end of a MedNIST file, and slices before them that are in no split: neighbours in the
#: file are of one patient, and exact copies lie up to 560 slices apart.
_N_TEST_SLICES, _N_GAP = 1000, 600


@dataclass(frozen=True)
class CropFile:
    """A training image of geostatistics (array ``image`` of an npz, 0 and 1), cut into crops of one shape."""

    path: str
    source: str
    sha256: str
    crop: tuple[int, int]


_CROPS = {
    "channels": CropFile(
        "subsurface/training_image_channels.npz",
        "github.com/elaloy/gan_for_gradient_based_inv",
        "6eaf8bd5b6e840a3ce3484031bf0272dbefd38f6d6a9b790c6a0369ec96a7e3c",
        (125, 60),
    )
}
#: Columns at the right of a training image that only test crops are cut from; crops of each split.
_N_TEST_COLUMNS, _N_CROPS = 500, {"train": 12000, "test": 1000}
#: Grey value of the facies 1.
_CROP_VALUE = 255

LICENCES = {
    "mnist": "CC BY-SA 3.0 (LeCun, Cortes, Burges)",
    "fashion-mnist": "MIT (Zalando SE)",
    **dict.fromkeys(_MEDNIST, "CC BY-SA 4.0 (Erickson, Mayo Clinic; MedNIST)"),
    "mednist": "CC BY-SA 4.0 (Erickson, Mayo Clinic; MedNIST)",
    "channels": "MIT (Laloy et al. 2019)",
    "digits-8": "CC BY 4.0 (Alpaydin, Kaynak; UCI)",
}


@dataclass(frozen=True)
class Images:
    """A split of a data set: `images` ``(n, height, width)`` uint8, `labels` ``(n,)``, the images' sha256."""

    images: Bytes
    labels: Bytes
    sha256: str

    def grey(self, rows: slice | Sequence[int] = slice(None)) -> Tensor:
        """Return all or some of the images as grey values in [0, 1], ``(n, 1, height, width)`` float32."""
        chosen = self.images[rows if isinstance(rows, slice) else list(rows)]
        return torch.tensor(chosen)[:, None].float() / 255


def load_images(name: str, split: str = "train", *, prepare: str = "none", seed: int = 0) -> Images:
    """Load a split ("train" or "test") of a data set, prepared as asked.

    Parameters
    ----------
    name
        "mnist", "fashion-mnist"; one class of MedNIST, 64 x 64: "head-ct", "abdomen-ct", "breast-mr", or
        all three, "mednist"; "digits-8", the handwritten digits 8 x 8 that scikit-learn brings along;
        or "channels", crops 125 x 60 of a training image of buried channels (0 and 255).
    split
        "train" or "test". Of MedNIST the test split is the file's last 1000 slices, with a gap of 600 before
        them, so that both splits share no patient. The test crops of "channels" are cut from the
        right fifth of the training image, the training crops from the rest.
    prepare
        "none", or "box-32": `box_normalise`.
    seed
        Seed of a preparation that draws.

    Raises
    ------
    UnknownNameError
        There is no such data set, split or preparation.
    InputError
        The data are not there and cannot be fetched, or are not the ones they should be.
    """
    if name not in LICENCES:
        raise UnknownNameError("data set", name, LICENCES)
    if split not in ("train", "test"):
        raise UnknownNameError("split", split, ("train", "test"))
    if prepare not in PREPARATIONS:
        raise UnknownNameError("preparation", prepare, PREPARATIONS)
    if name in _CROPS:
        return _read_crops(_CROPS[name], split, seed)
    if name in _MEDNIST:
        return _read_slices(_MEDNIST[name], split, lambda images: PREPARATIONS[prepare](images, seed))
    if name in _OTHERS:
        return _OTHERS[name](split)
    image_file, label_file = _FILES[name][split], _FILES[name][f"{split}-labels"]
    images, labels = _read_idx(image_file), _read_idx(label_file)
    return Images(PREPARATIONS[prepare](images, seed), labels, image_file.sha256)


def is_available(name: str) -> bool:
    """Whether a data set lies under ``SCIADV_DATA`` or in the cache, so that loading fetches nothing."""
    if name in _OTHERS:
        return name == "digits-8" or all(is_available(part) for part in _MEDNIST)
    single: dict[str, JpegFile | CropFile] = {**_MEDNIST, **_CROPS}
    files = [single[name]] if name in single else list(_FILES[name].values())
    return all(found_file(file.path) is not None for file in files)


def _read_slices(file: JpegFile, split: str, prepare: Callable[[Bytes], Bytes]) -> Images:
    from PIL import Image

    path = found_file(file.path)
    if path is None:
        raise InputError(
            f"{file.path} is not under SCIADV_DATA; it holds the JPEG files of MedNIST's {file.source}, "
            f"joined (arrays jpeg and offsets)"
        )
    arrays = read_arrays(path, ("jpeg", "offsets"))
    joined, offsets = arrays["jpeg"].tobytes(), arrays["offsets"]
    if hashlib.sha256(joined).hexdigest() != file.sha256:
        raise InputError(f"{path} is not the file expected (its images' sha256 differs); copy it again")
    n = len(offsets) - 1
    first, last = (n - _N_TEST_SLICES, n) if split == "test" else (0, n - _N_TEST_SLICES - _N_GAP)
    parts = (joined[start:end] for start, end in pairwise(offsets[first : last + 1]))
    images = np.stack([np.asarray(Image.open(io.BytesIO(part))) for part in parts])
    return Images(prepare(images), np.full(last - first, file.label, np.uint8), file.sha256)


def _read_crops(file: CropFile, split: str, seed: int) -> Images:
    """Cut crops at places drawn by the seed, from the split's part of the training image."""
    path = found_file(file.path)
    if path is None:
        raise InputError(
            f"{file.path} is not under SCIADV_DATA; its array image is the training image of {file.source}"
        )
    whole = np.ascontiguousarray(read_arrays(path, ("image",))["image"])
    if hashlib.sha256(whole.tobytes()).hexdigest() != file.sha256:
        raise InputError(f"{path} is not the file expected (its image's sha256 differs); copy it again")
    is_test = split == "test"
    part = whole[:, -_N_TEST_COLUMNS:] if is_test else whole[:, :-_N_TEST_COLUMNS]
    windows = np.lib.stride_tricks.sliding_window_view(part, file.crop)
    rng = np.random.default_rng([seed, int(is_test)])
    row, column = (rng.integers(0, n, _N_CROPS[split]) for n in windows.shape[:2])
    crops: Bytes = windows[row, column] * np.uint8(_CROP_VALUE)
    return Images(crops, np.zeros(len(crops), np.uint8), file.sha256)


def _read_idx(file: IdxFile) -> Bytes:
    path = found_file(file.path) or retrieve(file.url, cache_root() / file.path, path=file.path)
    raw = read_gzip(path, advice="delete it and run again to fetch it anew")
    if hashlib.sha256(raw).hexdigest() != file.sha256:
        raise InputError(
            f"{path} is not the file expected (its content's sha256 differs); delete it and run again"
        )
    n_dimensions = raw[3]
    shape = np.frombuffer(raw, ">u4", n_dimensions, offset=4).astype(int)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * n_dimensions).reshape(shape)


def _read_mednist(split: str) -> Images:
    """Join the three classes, one after the other."""
    parts = [load_images(name, split) for name in _MEDNIST]
    digest = hashlib.sha256("".join(part.sha256 for part in parts).encode()).hexdigest()
    images, labels = (np.concatenate([getattr(part, key) for part in parts]) for key in ("images", "labels"))
    return Images(images, labels, digest)


def _read_small_digits(split: str) -> Images:
    """Read scikit-learn's digits, 0 to 16 scaled to 0 to 255; the last 497 are the test split."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)
    chosen = slice(None, 1300) if split == "train" else slice(1300, None)
    digest = hashlib.sha256(images.tobytes()).hexdigest()
    return Images(images[chosen], digits.target[chosen].astype(np.uint8), digest)


_OTHERS: dict[str, Callable[[str], Images]] = {"mednist": _read_mednist, "digits-8": _read_small_digits}


def box_normalise(images: Bytes, seed: int = 0) -> Bytes:
    """Prepare digits as the UCI handwritten digits were: 32 x 32, near-binary, one box, one amount of ink.

    NIST's form-reading software, which made the UCI set's bitmaps, scales each digit to a box 20 wide and 32
    high in the middle of 32 x 32, takes out the slant by a shear, and erodes or dilates strokes until the
    amount of ink is normal (Garris et al., NIST Form-Based Handprint Recognition System, NISTIR 5469, 1994,
    section on segment normalisation). This does the same to grey 28 x 28 digits: a shear by second moments,
    the box, and a signed distance cut where the ink is `N(312, 34)` pixels, the mean and spread of the UCI
    measurements themselves.

    Parameters
    ----------
    images
        ``(n, height, width)`` uint8, one bright digit on black each.
    seed
        Seed of the drawn box widths, residual slants and amounts of ink.

    Returns
    -------
    ``(n, 32, 32)`` uint8, 0 and 255 with soft edges one pixel wide.
    """
    rng = np.random.default_rng(seed)
    draws = rng.standard_normal((len(images), 3))
    return np.stack([_box_normalise_one(image, *draw) for image, draw in zip(images, draws, strict=True)])


def _box_normalise_one(image: Bytes, width_draw: float, slant_draw: float, ink_draw: float) -> Bytes:
    from scipy import ndimage

    grey = image.astype(np.float32) / 255
    y, x = np.mgrid[: grey.shape[0], : grey.shape[1]]
    total = max(float(grey.sum()), 1e-6)
    y0, x0 = (grey * y).sum() / total, (grey * x).sum() / total
    slant = (grey * (y - y0) * (x - x0)).sum() / max(
        float((grey * (y - y0) ** 2).sum()), 1e-6
    ) + 0.08 * slant_draw
    sheared = ndimage.affine_transform(grey, [[1, 0], [slant, 1]], [0, -slant * y0], order=1, mode="constant")
    rows, columns = np.where((sheared > 0.4).any(1))[0], np.where((sheared > 0.4).any(0))[0]
    if len(rows) == 0:
        return np.zeros((32, 32), np.uint8)
    height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    box_width = int(np.clip(round(min(20 + 1.5 * width_draw, 3.0 * 32 * width / height)), 8, 24))
    half = ndimage.zoom(
        sheared[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1],
        (32 / height, box_width / width),
        order=1,
        mode="nearest",
        grid_mode=True,
    )
    canvas = np.zeros((32, 32), np.float32)
    left = (32 - box_width) // 2
    canvas[:, left : left + box_width] = half
    inside = canvas > 0.45
    distance = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
    distance = distance + (canvas - 0.45)
    ink = int(np.clip(312 + 34 * ink_draw, 200, 440))
    cut = np.partition(distance, -ink, axis=None)[-ink] if ink < distance.size else distance.min()
    soft: Bytes = np.clip(255 * (distance - cut + 0.5), 0, 255).astype(np.uint8)
    return soft


PREPARATIONS: dict[str, Callable[[Bytes, int], Bytes]] = {
    "none": lambda images, _: images,
    "box-32": box_normalise,
}
