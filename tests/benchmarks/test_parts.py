"""Parts of a bench: kept whole, found again under the same name, and named by the part itself."""

from pathlib import Path

from benchmarks.contract import Row, Settings
from benchmarks.parts import Part, keep_part, measure_parts, read_part


def test_what_is_kept_is_read_again_and_nothing_else_is_left(tmp_path: Path) -> None:
    cache = tmp_path / "new"
    assert read_part(cache, "weight-0.1.json") is None
    keep_part(cache, "weight-0.1.json", {"weight": 0.1})
    assert read_part(cache, "weight-0.1.json") == {"weight": 0.1}
    assert [file.name for file in cache.iterdir()] == ["weight-0.1.json"]


def test_without_a_cache_nothing_is_kept() -> None:
    keep_part(None, "weight.json", {"weight": 0.1})
    assert read_part(None, "weight.json") is None


def test_a_row_begins_with_its_name_and_facts_measured_or_kept(tmp_path: Path) -> None:
    measured: list[int] = []

    def measure() -> Row:
        measured.append(1)
        return {"mse": 0.5}

    parts = [Part("auto, case 1", {"method": "auto"}, ("auto", 1), measure)]
    for _ in range(2):
        (row,) = measure_parts(parts, Settings(cache=tmp_path))
        assert list(row.items()) == [("row", "auto, case 1"), ("method", "auto"), ("mse", 0.5)]
    assert measured == [1]
    assert [file.name for file in tmp_path.iterdir()] == [parts[0].file]


def test_the_names_of_finished_parts_stay() -> None:
    assert Part("m: a, b + c", {}, ("x", 1, 0.5, {"k": None}), dict).file == "m-a-b-and-c-b263ab1aab90.json"
