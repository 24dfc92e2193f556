"""A solution as labelled arrays and tables of other packages: xarray, ArviZ, pandas, and their files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from sciadv.drawing.panels import as_numbers
from sciadv.errors import InputError
from sciadv.files.formats.packed_objects import in_words
from sciadv.files.publishing import publish
from sciadv.files.writing import write_file
from sciadv.posterior import Posterior
from sciadv.solution.solution_rows import SolutionRows

if TYPE_CHECKING:
    import pandas
    import xarray

#: A variable as xarray takes it: dimensions, values, attributes.
Variable = tuple[tuple[str, ...], npt.NDArray[Any], dict[str, str]]
#: Names of the dimensions of candidates, by how many they have.
_IMAGE = {
    1: ("variable",),
    2: ("height", "width"),
    3: ("channel", "height", "width"),
    4: ("channel", "depth", "height", "width"),
}
#: What each field is, its dimensions after the measurements, and its unit where it has a fixed one.
_FIELDS: dict[str, tuple[str, tuple[str, ...], str | None]] = {
    "z": ("latent of the answer", ("latent",), "1"),
    "misfit": ("distance of data and prediction", (), None),
    "objective": ("negative log posterior at the answer", (), "nat"),
    "restart_objectives": ("objective of every restart", ("restart",), "nat"),
    "restart_latents": ("last latent of every restart", ("restart", "latent"), "1"),
    "margins": ("how far each constraint is below its limit, in parts of it", ("constraint",), "1"),
    "noise_level": ("noise level that the evidence estimates", (), "unit of the measurements"),
    "agreement": ("share of restarts that end near the best", (), "1"),
    "feasible": ("whether every constraint is kept", (), "1"),
}
#: The same of a posterior's fields.
_POSTERIOR: dict[str, tuple[str, tuple[str, ...], str]] = {
    "mode_weights": ("posterior probability of each mode", ("mode",), "1"),
    "log_evidence": ("log of the evidence, up to a constant", (), "nat"),
    "acceptance": ("share of accepted proposals", (), "1"),
}


def as_dataset(solution: SolutionRows) -> xarray.Dataset:
    """Return every array of a solution by name, with named dimensions, and units where they are known."""
    package = needed("xarray", "to_xarray")
    shape = solution.x.shape[1:]
    variables: dict[str, Variable] = {
        "x": _variable(solution.x, _candidate(shape), "answer"),
        "prediction": _variable(solution.prediction, _data(solution), "data that the answer predicts"),
        "status": (("measurement",), np.array([s.name.lower() for s in solution.status]), {}),
        "message": (("measurement",), np.array(solution.messages), {}),
        "history": (("iteration",), np.array(solution.history, dtype=np.float64), {"units": "nat"}),
    }
    if solution.x_range is not None:
        words = "part of the answer in the generator's range"
        variables["x_range"] = _variable(solution.x_range, _candidate(shape), words)
    if solution.measurements is not None:
        variables["measurements"] = _variable(solution.measurements, _data(solution), "measured data")
    for name, (words, dims, unit) in _FIELDS.items():
        value = getattr(solution, name)
        if value is not None:
            variables[name] = _variable(value, dims, words, solution.unit if unit is None else unit)
    if solution.diagnosis is not None:
        for name, (mask, words) in solution.diagnosis.flags.items():
            variables[f"is_{name}"] = _variable(mask, (), words, "1")
        variables["p_value"] = _variable(solution.diagnosis.p_value, (), "p-value of chi-square", "1")
    if solution.posterior is not None:
        variables |= _posterior_variables(solution.posterior, shape)
    places = {"measurement": np.arange(len(solution))}
    dataset: xarray.Dataset = package.Dataset(variables, places, _facts(solution))
    return dataset


def as_inference_data(solution: SolutionRows) -> xarray.DataTree:
    """Return the groups ``posterior`` and ``observed_data``, chains kept as chains.

    Raises
    ------
    InputError
        The method gives no draws, or xarray is not installed.
    """
    posterior = solution.posterior
    if posterior is None:
        raise InputError(
            f"method {solution.method!r} gives one answer and no draws; solve with one that draws, such as "
            f"'hmc', 'pcn' or 'laplace'"
        )
    package = needed("xarray", "to_inferencedata")
    draws = _draws(posterior, solution.x.shape[1:])
    by_chain = {
        name: (("chain", "draw", "measurement", *dims[3:]), np.moveaxis(values, 0, 2), attributes)
        for name, (dims, values, attributes) in draws.items()
    }
    n_draws = posterior.n_samples // posterior.n_chains
    places = {
        "chain": np.arange(posterior.n_chains),
        "draw": np.arange(n_draws),
        "measurement": np.arange(len(solution)),
    }
    groups = {"posterior": package.Dataset(by_chain, places, _facts(solution))}
    if solution.measurements is not None:
        y = _variable(solution.measurements, _data(solution), "measured data")
        here = {"measurement": places["measurement"]}
        groups["observed_data"] = package.Dataset({"y": y}, here)
    tree: xarray.DataTree = package.DataTree.from_dict(groups)
    return tree


def as_frame(solution: SolutionRows) -> pandas.DataFrame:
    """Return a row per measurement, with what is one number or word of each; units in the columns' names."""
    package = needed("pandas", "to_pandas")
    columns: dict[str, object] = {
        "status": [s.name.lower() for s in solution.status],
        f"misfit [{solution.unit}]": as_numbers(solution.misfit),
    }
    for name in ("objective", "agreement", "noise_level", "feasible"):
        value = getattr(solution, name)
        if value is not None:
            unit = _FIELDS[name][2]
            columns[name if unit == "1" else f"{name} [{unit}]"] = as_numbers(value)
    if solution.posterior is not None:
        columns["effective_sample_size"] = as_numbers(solution.posterior.effective_sample_size)
        if solution.posterior.r_hat is not None:
            columns["r_hat"] = as_numbers(solution.posterior.r_hat)
    if solution.diagnosis is not None:
        columns["p_value"] = as_numbers(solution.diagnosis.p_value)
        columns |= {f"is_{name}": as_numbers(mask) for name, (mask, _) in solution.diagnosis.flags.items()}
        columns["diagnosis"] = solution.diagnosis.words
    columns["message"] = solution.messages
    frame: pandas.DataFrame = package.DataFrame(columns)
    frame.index.name = "measurement"
    return frame


def export(solution: SolutionRows, path: Path) -> Path:
    """Write ``.nc``, ``.zarr`` or ``.csv``; of complex arrays real and imaginary part are a dimension.

    Raises
    ------
    InputError
        The ending is another one, or a package that writes it is not installed.
    """
    if path.suffix == ".csv":
        with np.printoptions(legacy=False):  # ODL sets NumPy's old printing, which drops digits
            table = as_frame(solution).to_csv()
        return write_file(path, table)
    if path.suffix not in {".nc", ".zarr"}:
        raise InputError(f"{path} has to end in .nc (NetCDF), .zarr or .csv; for all bits take `save`")
    dataset = _without_complex(as_dataset(solution))
    if path.suffix == ".nc":
        needed("h5netcdf", "a .nc file")
        publish(path.parent, lambda new: dataset.to_netcdf(new / path.name, engine="h5netcdf"))
    else:
        needed("zarr", "a .zarr folder")
        if path.exists():
            raise InputError(f"{path} is there already; remove it, or give another path")
        publish(path, lambda new: dataset.to_zarr(new, mode="w", zarr_format=2))  # texts are standard there
    return path


def needed(package: str, what: str) -> Any:
    """Import an optional package, or say how to install it.

    Raises
    ------
    InputError
        It is not installed.
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise InputError(f"{what} needs {package}: pip install 'sciadv[xarray]'") from error


def _posterior_variables(posterior: Posterior, shape: Sequence[int]) -> dict[str, Variable]:
    found = {f"posterior_{name}": value for name, value in _draws(posterior, shape).items()}
    for name, (words, dims, unit) in _POSTERIOR.items():
        value = getattr(posterior, name)
        if value is not None:
            found[f"posterior_{name}"] = _variable(value, dims, words, unit)
    return found


def _draws(posterior: Posterior, shape: Sequence[int]) -> dict[str, Variable]:
    """Return the draws of x and z with the chains as a dimension of their own."""
    n_draws = posterior.n_samples // posterior.n_chains
    samples = posterior.samples.reshape(-1, posterior.n_chains, n_draws, *shape)
    dims = ("chain", "draw")
    return {
        "x": _variable(samples, (*dims, *_candidate(shape)), "draws of the candidate"),
        "z": _variable(posterior.chains, (*dims, "latent"), "draws of the latent", "1"),
    }


def _variable(values: Tensor, dims: tuple[str, ...], words: str, unit: str = "") -> Variable:
    attributes = {"long_name": words} | ({"units": unit} if unit else {})
    return ("measurement", *dims), as_numbers(values), attributes


def _candidate(shape: Sequence[int]) -> tuple[str, ...]:
    return _IMAGE.get(len(shape), tuple(f"axis_{i}" for i in range(len(shape))))


def _data(solution: SolutionRows) -> tuple[str, ...]:
    """Name the dimensions of the data, which have sizes of their own."""
    shape = solution.prediction.shape[1:]
    return ("datum",) if len(shape) == 1 else tuple(f"data_{name}" for name in _candidate(shape))


def _facts(solution: SolutionRows) -> dict[str, Any]:
    return {
        "method": solution.method,
        "misfit_unit": solution.unit,
        "seconds": solution.seconds,
        "settings": json.dumps(in_words(solution.settings)),
        "inference_library": "sciadv",
    }


def _without_complex(dataset: xarray.Dataset) -> xarray.Dataset:
    """Return a dataset in which complex arrays have their parts as a dimension: NetCDF has no complex."""
    for name, array in dataset.data_vars.items():
        if np.iscomplexobj(array.values):
            parts = np.stack([array.values.real, array.values.imag], -1)
            dataset = dataset.assign({name: ((*array.dims, "real_and_imaginary"), parts, array.attrs)})
    return dataset
