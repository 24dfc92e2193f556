"""What all tests share: a cache folder of their own, and the number of threads."""

import os
from collections.abc import Iterator

import pytest
import torch
from jaxtyping import config


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Check shapes at run time in the quick tests only: in long simulations that takes most of the time."""
    config.update("jaxtyping_disable", item.get_closest_marker("slow") is not None)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what the tests make out of the user's cache folder."""
    os.environ["SCIADV_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def same_threads() -> Iterator[None]:
    """Fail a test that leaves another number of threads: sums of all tests after it would differ."""
    before = torch.get_num_threads()
    yield
    after = torch.get_num_threads()
    torch.set_num_threads(before)
    assert after == before
