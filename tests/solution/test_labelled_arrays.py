"""What other packages read of a solution: xarray, ArviZ, pandas, NetCDF, zarr."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from solution_of_everything import full_solution

from sciadv.errors import InputError

xarray = pytest.importorskip("xarray")


def test_every_array_has_named_dimensions_and_units():
    whole = full_solution()
    found = whole.to_xarray()
    assert dict(found.sizes) == {
        "measurement": 4,
        "channel": 1,
        "height": 3,
        "width": 5,
        "datum": 6,
        "iteration": 3,
        "latent": 2,
        "restart": 5,
        "constraint": 2,
        "chain": 2,
        "draw": 10,
        "mode": 3,
    }
    assert np.array_equal(found["x"].sel(measurement=2).values, whole.x[2].numpy())
    assert found["misfit"].attrs["units"] == "sigma"
    assert found["objective"].attrs["units"] == "nat"
    assert found["posterior_x"].dims == ("measurement", "chain", "draw", "channel", "height", "width")
    assert json.loads(found.attrs["settings"])["shape"] == [1, 2]
    assert set(found["is_outliers"].values) <= {True, False}


def test_inference_data_keeps_chains_as_chains():
    whole = full_solution()
    tree = whole.to_inferencedata()
    z = tree["posterior"]["z"]
    assert z.dims == ("chain", "draw", "measurement", "latent")
    assert np.array_equal(z.values, whole.posterior.chains.permute(1, 2, 0, 3).numpy())
    assert np.array_equal(z.sel(chain=1, draw=0).values, whole.posterior.latents[:, 10].numpy())
    assert np.array_equal(tree["observed_data"]["y"].values, whole.measurements.numpy())


def test_r_hat_and_effective_sample_size_are_those_that_arviz_finds():
    arviz_stats = pytest.importorskip("arviz_stats")
    whole = full_solution()
    tree = whole.to_inferencedata()
    theirs = arviz_stats.rhat(tree, var_names="z")["z"].max("latent").values
    assert np.allclose(whole.posterior.r_hat.numpy(), theirs, rtol=0, atol=1e-6)
    theirs = arviz_stats.ess(tree, var_names="z")["z"].min("latent").values
    assert np.allclose(whole.posterior.effective_sample_size.numpy(), theirs, rtol=0, atol=1e-6)


def test_a_table_has_a_row_a_measurement_and_units_in_its_columns():
    whole = full_solution()
    table = whole.to_pandas()
    assert table.index.name == "measurement"
    assert np.array_equal(table["misfit [sigma]"], whole.misfit.numpy())
    assert list(table["status"]) == [status.name.lower() for status in whole.status]
    assert list(table["message"]) == whole.messages
    assert np.array_equal(table["r_hat"], whole.posterior.r_hat.numpy())


@pytest.mark.parametrize("ending", [".nc", ".zarr"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_files_hold_what_the_dataset_does(tmp_path, ending, dtype):
    pytest.importorskip({".nc": "h5netcdf", ".zarr": "zarr"}[ending])
    whole = full_solution()
    whole = dataclasses.replace(whole, x=whole.x.to(dtype))
    path = str(tmp_path / f"answer{ending}")
    whole.export(path)
    reader = {".nc": {"engine": "h5netcdf"}, ".zarr": {"engine": "zarr"}}[ending]
    with xarray.open_dataset(path, **reader) as read:
        held = read["x"].values
        again = held if dtype == torch.float32 else held[..., 0] + 1j * held[..., 1]
        assert np.array_equal(again, whole.x.numpy())
        assert read["misfit"].attrs["units"] == "sigma"
        assert list(read["status"].values) == [status.name.lower() for status in whole.status]


def test_a_zarr_folder_is_not_written_over(tmp_path):
    pytest.importorskip("zarr")
    (tmp_path / "answer.zarr").mkdir()
    with pytest.raises(InputError, match="is there already"):
        full_solution().export(tmp_path / "answer.zarr")


@pytest.mark.parametrize("printing", [False, "1.13"], ids=["numpy", "odl"])  # importing ODL sets the second
def test_a_csv_file_is_the_table(printing, tmp_path):
    pandas = pytest.importorskip("pandas")
    whole = full_solution()
    with np.printoptions(legacy=printing):
        path = whole.export(tmp_path / "answer.csv")
    read = pandas.read_csv(path, index_col="measurement", float_precision="round_trip")
    assert np.array_equal(read["misfit [sigma]"].astype(np.float32), whole.misfit.numpy())


def test_what_cannot_be_written_is_said_in_words(tmp_path):
    with pytest.raises(InputError, match=r"has to end in \.nc"):
        full_solution().export(tmp_path / "answer.xlsx")
    bare = dataclasses.replace(full_solution(), posterior=None)
    with pytest.raises(InputError, match="gives one answer and no draws"):
        bare.to_inferencedata()
    assert "posterior_x" not in bare.to_xarray()


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "xarray", None)
    with pytest.raises(InputError, match=r"needs xarray: pip install 'sciadv\[xarray\]'"):
        full_solution().to_xarray()
