"""Make measurements.npz: closure quantities of a handwritten zero, as a ring seen by the EHT array of 2017.

The digit is of MNIST's test split (Y. LeCun, C. Cortes), CC BY-SA 3.0; so is the file.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from sciadv.data.datasets import load_images
from sciadv.forward import ClosureQuantities, closure_sets

#: Geocentric positions [m], as the eht-imaging library's array file EHT2017.txt has them.
STATIONS = {
    "ALMA": (2225037.1851, -5441199.1620, -2479303.4629),
    "APEX": (2225039.5297, -5441197.6292, -2479303.3597),
    "JCMT": (-5464584.6760, -2493001.1700, 2150653.9820),
    "LMT": (-768713.9637, -5988541.7982, 2063275.9472),
    "PV": (5088967.9000, -301681.6000, 3825015.8000),
    "SMA": (-5464523.4000, -2493147.0800, 2150611.7500),
    "SMT": (-1828796.2000, -5054406.8000, 3427865.2000),
}
DECLINATION = np.deg2rad(12.39)  # of M87
WAVELENGTH = 1.3e-3  # m
ELEVATION = np.deg2rad(15)  # lowest that a telescope looks at
N_TIMES, FIELD_OF_VIEW, SEED = 12, 120.0, 1
#: Noise of real and imaginary part of a visibility, as a part of the total flux.
NOISE = 2e-3

FloatArray = npt.NDArray[np.float64]


def tracks() -> tuple[FloatArray, npt.NDArray[np.int64], FloatArray]:
    """Return u and v [wavelengths], stations and times [h] of all baselines that see the source.

    Thompson, Moran and Swenson, Interferometry and Synthesis in Radio Astronomy, equation 4.1.
    """
    place = np.array(list(STATIONS.values()))
    rows = []
    for time in np.linspace(0, 24, N_TIMES, endpoint=False):
        hour = 2 * np.pi * time / 24
        to_source = np.array(
            [np.cos(DECLINATION) * np.cos(hour), -np.cos(DECLINATION) * np.sin(hour), np.sin(DECLINATION)]
        )
        east = np.array([np.sin(hour), np.cos(hour), 0.0])
        north = np.cross(to_source, east)
        height = np.arcsin(place @ to_source / np.linalg.norm(place, axis=1))
        up = [i for i in range(len(place)) if height[i] > ELEVATION]
        for one, other in combinations(up, 2):
            baseline = (place[other] - place[one]) / WAVELENGTH
            rows.append((baseline @ east, baseline @ north, one, other, time))
    table = np.array(rows)
    return table[:, :2], table[:, 2:4].astype(np.int64), table[:, 4]


def main() -> None:
    """Measure and write the file beside this one."""
    images = load_images("mnist", "test")
    x = images.grey([int(np.flatnonzero(images.labels == 0)[0])])
    uv, stations, times = tracks()
    forward = ClosureQuantities((1, 28, 28), uv, stations, times, field_of_view=FIELD_OF_VIEW)
    flux = x.flatten(1).sum(1)
    noise = NOISE * float(flux)
    draw = torch.Generator().manual_seed(SEED)
    seen = forward.visibilities(x)
    measured = seen + noise * torch.complex(*torch.randn(2, *seen.shape, generator=draw))
    y = forward.close(measured, flux)
    sets = closure_sets(stations, times)
    relative = (noise / measured.abs()[0]).numpy()
    sigma = [
        np.sqrt((relative[sets.triangles] ** 2).sum(1)),
        np.sqrt((relative[sets.quadrangles] ** 2).sum(1)),
        [0.01 * float(flux)],
    ]
    np.savez_compressed(
        Path(__file__).with_name("measurements.npz"),
        y=y.numpy(),
        sigma=np.concatenate(sigma).astype(np.float32),
        uv=uv,
        stations=stations,
        times=times,
        measured_phases=y[0, : len(sets.triangles)].numpy(),
        truth=x.numpy(),
        licence=np.array("CC BY-SA 3.0: MNIST, Y. LeCun and C. Cortes"),
    )


if __name__ == "__main__":
    main()
