"""The bench of asked circuits: its tables and bars name what its rows have, its rivals stop."""

import time

from matplotlib.figure import Figure

from benchmarks.contract import judge_bars
from benchmarks.design.asked_circuits import ALL, BENCH, COLUMNS, SIZES, _base_shares, _mutated
from sciadv.domains.gene_circuits.asked.asked_classes import asked_classes


def test_every_bar_table_and_picture_name_numbers_of_the_rows():
    rows = [{"row": ALL, "least_near": 0.7} | dict.fromkeys(COLUMNS, 0.7)]
    assert all(bar.holds for bar in judge_bars(BENCH.thresholds, rows))
    assert f"| {ALL} |" in BENCH.table(rows)
    BENCH.draw(Figure(), rows)


def test_the_rivals_are_of_the_size_and_their_shares_are_shares():
    shares = _base_shares(SIZES[0], 12, 0)
    assert set(shares) == {"unconditional", "random"}
    for share in shares.values():
        assert share.shape == (len(asked_classes()),)
        assert float(share[:3].sum()) <= 1
        assert 0 < float(share[3:].sum()) <= 1


def test_mutation_finds_what_most_circuits_do_at_once():
    began = time.process_time()
    _mutated(3, 3, 0)
    assert time.process_time() - began < 8
