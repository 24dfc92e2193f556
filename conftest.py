"""What all tests share: a cache folder of their own."""

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what the tests make out of the user's cache folder."""
    os.environ["SCIADV_CACHE"] = str(tmp_path_factory.mktemp("cache"))
