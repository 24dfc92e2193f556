import gzip

import pytest
import torch

from sciadv.domains.analog_circuits.open_circuit_benchmark import has_benchmark, load_amplifiers
from sciadv.errors import InputError
from sciadv.forward import AnalogAmplifier

#: The first circuit of the benchmark's generator with seed 1.
FIRST = """7 8 3
0 0 0 0 0 1 8 0 1
1 1 1 3 4 6 5 1 9 0 1
6 2 2 1 0 3 6 2 7 -1 21.0 -1 0 1 0 1 0 1 0 1 0
7 3 3 1 2 3 6 3 7 -1 19.0 -1 0 1 0 1 0 1 0 1 0
11 4 4 1 3 4 6 1 3 7 -1 85.0 12.0 -1 0 1 1 0 1 0 0 1 0 1 0 1 0 1 1 0
3 5 5 1 3 3 6 1 7 -1 29.0 -1 0 1 0 1 0 1 0 1 0
3 6 6 1 3 3 6 1 7 -1 30.0 -1 0 1 0 1 0 1 0 1 0
8 102
2 21.0 0
3 19.0 1
1 85.0 2
3 12.0 2
1 30.0 2
1 29.0 2
9 102 3 4 5 6
"""


def test_a_circuit_is_the_design_that_its_lines_say(tmp_path):
    path = tmp_path / "one.txt.gz"
    path.write_bytes(gzip.compress(FIRST.encode()))
    A = AnalogAmplifier(dtype=torch.float64)
    (x,) = load_amplifiers(path)
    wanted = A.plain(
        {
            "stage_1": "+gm",
            "stage_1_gm": 2.1e-3,
            "stage_2": "-gm",
            "stage_2_gm": 1.9e-3,
            "stage_3": "C|-gm",
            "stage_3_C": 85e-14,
            "stage_3_gm": 1.2e-3,
            "branch_a": "C",
            "branch_a_between": "n2 out",
            "branch_a_C": 29e-14,
            "branch_b": "C",
            "branch_b_between": "n2 out",
            "branch_b_C": 30e-14,
        }
    )
    torch.testing.assert_close(A.canonical(x[None])[0], A.canonical(wanted[None])[0])


def test_another_format_is_refused(tmp_path):
    path = tmp_path / "one.txt.gz"
    path.write_bytes(gzip.compress(b"7 8 3\n0 0\n"))
    with pytest.raises(InputError, match="Open Circuit Benchmark"):
        load_amplifiers(path)


@pytest.mark.skipif(not has_benchmark(), reason="the benchmark's circuits are not under SCIADV_DATA")
def test_the_benchmark_has_500_topologies_of_20_sizes_and_reproduces_its_published_speed():
    x = load_amplifiers()
    A = AnalogAmplifier(properties=("unity_gain_frequency", "figure_of_merit"), dtype=torch.float64)
    assert len(x) == 10_000
    with torch.no_grad():
        f, merit = A(x[::20]).unbind(1)
    assert float(f.nanmedian()) == pytest.approx(3.64e9, rel=0.15)  # the published table's median
    assert float(merit.nanmedian()) == pytest.approx(41.07, rel=0.15)
