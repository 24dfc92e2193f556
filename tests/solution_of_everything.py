"""A solution in which no field is empty, made without a search."""

import torch

from sciadv.diagnosis import Diagnosis, DiagnosisSettings, Findings
from sciadv.posterior import Posterior
from sciadv.solution import Solution, Status


def full_solution(n: int = 4, *, dtype: torch.dtype = torch.float32, n_chains: int = 2) -> Solution:
    """Return `n` answers ``(1, 3, 5)`` with every field, by seeded random numbers."""
    random = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float32).to(dtype)

    def chance() -> torch.Tensor:
        return torch.rand(n, generator=random) < 0.5

    findings = Findings(
        is_quiet=chance(),
        is_loud=chance(),
        noise_factor=draw(n),
        has_outliers=chance(),
        n_outliers=torch.arange(n),
        has_other_unit=chance(),
        unit_factor=draw(n),
        is_moved=chance(),
        move=torch.arange(2 * n).reshape(n, 2),
    )
    diagnosis = Diagnosis(
        misfit=draw(n).abs(),
        unit="sigma",
        p_value=torch.tensor([float("nan"), 0.5, 1e-300, 0.1], dtype=torch.float64)[:n],
        is_explained=chance(),
        is_out_of_range=chance(),
        left_range=False,
        agreement=torch.rand(n, generator=random),
        is_multimodal=chance(),
        noise_level=draw(n).abs(),
        distribution_p_value=torch.rand(n, generator=random),
        settings=DiagnosisSettings(mode_gap=2.5),
        findings=findings,
    )
    posterior = Posterior(
        samples=draw(n, 20, 1, 3, 5),
        latents=draw(n, 20, 2),
        n_chains=n_chains,
        mode_weights=torch.rand(n, 3, generator=random),
        log_evidence=draw(n),
        acceptance=torch.rand(n, generator=random),
        ancestors=torch.randint(0, 20, (n, 20), generator=random) if n_chains == 1 else None,
    )
    return Solution(
        x=draw(n, 1, 3, 5),
        z=draw(n, 2),
        prediction=draw(n, 6),
        misfit=draw(n).abs(),
        status=[list(Status)[i % len(Status)] for i in range(n)],
        method="made up",
        objective=draw(n),
        restart_objectives=draw(n, 5),
        restart_latents=draw(n, 5, 2),
        history=[3.0, 0.1 + 0.2, float("inf")],
        seconds=1 / 3,
        settings={"seed": 3, "shape": (1, 2), "inner": {"rate": 1e-17, "names": ["a", None, True]}},
        unit="sigma",
        margins=draw(n, 2),
        posterior=posterior,
        x_range=draw(n, 1, 3, 5),
        noise_level=draw(n).abs(),
        diagnosis=diagnosis,
        measurements=draw(n, 6),
    )
