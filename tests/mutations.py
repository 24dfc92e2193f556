"""Semantic mutations: each changes a formula or a threshold, and the tests of its own module must fail.

Run as ``python tests/mutations.py [WORDS]``: the mutations whose names have these words, or all. Each
is applied to a copy of the package; a text that is not in its file exactly once ends the run, so that a
reworked module is noticed. At least 95 % must be killed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch  # noqa: F401  # for the forked children, which so start at once

ROOT = Path(__file__).resolve().parent.parent
#: Share that must be killed.
LEAST = 0.95
#: Seconds after which the tests of a mutated module are ended, as killed: it no longer ends by itself.
LIMIT = 300


@dataclass(frozen=True)
class Mutation:
    """A change of meaning: `old` becomes `new` in a file; `tests` are those of its module."""

    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    @property
    def name(self) -> str:
        """The file and the change."""
        return f"{self.file}: {self.old.strip()!r} -> {self.new.strip()!r}"


def mutations() -> Iterator[Mutation]:
    """Give every mutation."""
    for (folder, tests), changes in _TABLE.items():
        for file, old, new in changes:
            yield Mutation(f"sciadv/{folder}/{file}.py", old, new, tuple(f"tests/{test}" for test in tests))


_TABLE: dict[tuple[str, tuple[str, ...]], list[tuple[str, str, str]]] = {
    ("likelihood", ("test_likelihood.py",)): [
        (
            "gaussian",
            "return residual / self._variance(residual)",
            "return residual * self._variance(residual)",
        ),
        ("gaussian", "return (1 / self._variance(residual))", "return (2 / self._variance(residual))"),
        ("gaussian", "return 0.5 * real_view(residual /", "return real_view(residual /"),
        ("gaussian", "return 0.5 * n_measurements *", "return n_measurements *"),
        ("poisson", "return 1 / self._rate(prediction)", "return 1 / self._rate(prediction) ** 2"),
        ("poisson", "return 1 - y / self._rate(prediction)", "return 1 - y * self._rate(prediction)"),
        ("poisson", "rate - y + torch.xlogy(y, y)", "rate + torch.xlogy(y, y)"),
        ("poisson", "(y - rate).square() / rate)", "(y - rate).square())"),
        ("poisson", "(prediction + self.background)", "(prediction)"),
        ("tolerance", "return outside / (width * self.softness) ** 2", "return outside / width**2"),
        ("tolerance", "(self._excess(residual, width) > 0)", "(self._excess(residual, width) > 1)"),
        ("tolerance", ".flatten(1).amax(1)", ".flatten(1).mean(1)"),
        ("tolerance", "return 0.5 * self._excess", "return self._excess"),
        ("student_t", "torch.log1p(square / self.freedom)", "torch.log1p(square)"),
    ],
    ("metrics", ("metrics/test_chains.py",)): [
        ("chains", "_plain_r_hat(_scores((split - median).abs()))", "_plain_r_hat(_scores(split - median))"),
        ("chains", "within * (n_draws - 1) / n_draws + between", "within + between"),
        ("chains", "2 * monotone.sum(1) - 1", "2 * monotone.sum(1)"),
        ("chains", "(rank - 0.375)", "(rank - 0.9)"),
    ],
    ("metrics", ("metrics/test_image.py",)): [
        ("image", "return 10 * torch.log10", "return 20 * torch.log10"),
        (
            "image",
            "(0.01 * data_range) ** 2, (0.03 * data_range) ** 2",
            "(0.02 * data_range) ** 2, (0.03 * data_range) ** 2",
        ),
        ("image", "(offset / 1.5)", "(offset / 2.5)"),
    ],
    ("metrics", ("metrics/test_frechet.py",)): [
        ("frechet", "- 2 * mixed", "- mixed"),
        (
            "frechet",
            "return float(torch.exp(-torch.xlogy(shares, shares).sum()))",
            "return float(-torch.xlogy(shares, shares).sum())",
        ),
    ],
    ("metrics", ("metrics/test_calibration.py",)): [
        ("calibration", "(1 - level) / 2), quantile((1 + level) / 2)", "(1 - level)), quantile(level)"),
        ("calibration", "samples.var(1)", "samples.std(1)"),
        ("calibration", "(samples < expanded).sum(1) + 0.5 *", "(samples < expanded).sum(1) + 0.0 *"),
    ],
    ("metrics", ("metrics/test_kernel.py",)): [
        ("kernel", "+ 1) ** 3 for", "+ 1) ** 2 for"),
        ("kernel", "k_xy.sum() - k_xy.diagonal().sum()", "k_xy.sum()"),
    ],
    ("metrics", ("metrics/test_manifold.py",)): [
        ("manifold", "kthvalue(k + 1)", "kthvalue(k)"),
        ("manifold", "float(n_balls.mean() / k)", "float(n_balls.mean())"),
    ],
    ("metrics", ("metrics/test_classes.py",)): [
        ("classes", "(log_p.exp() * (log_p -", "(log_p.exp() * (-log_p +"),
        ("classes", ">= least / n_classes", ">= least"),
    ],
    ("forward/imaging", ("forward/imaging/test_block.py",)): [
        ("block", "1.0 / block**2", "1.0 / block"),
        ("block", "blocks.sum((3, 5))", "blocks.sum((2, 5))"),
    ],
    ("forward/imaging", ("forward/imaging/test_blur.py",)): [
        ("blur", '"flipped", kernel.flip(tuple(range(kernel.ndim)))', '"flipped", kernel'),
        (
            "blur",
            "return self.convolve(x, self.flipped[None, None])",
            "return self.convolve(x, self.flipped[None, None].flip(2))",
        ),
    ],
    ("forward/imaging", ("forward/imaging/test_pad.py",)): [
        ("pad", "height // 2 - old_height // 2", "height - old_height"),
    ],
    ("forward/imaging", ("forward/imaging/test_sensing.py",)): [
        ("sensing", ".mul_(scale)", ".mul_(scale**2)"),
    ],
    ("forward/imaging", ("forward/imaging/test_fourier.py",)): [
        (
            "fourier",
            'torch.fft.fftn(image, dim=self.axes, norm="ortho")',
            "torch.fft.fftn(image, dim=self.axes)",
        ),
        (
            "fourier",
            "k_space = torch.fft.fftshift(k_space, dim=self.axes) if self.is_centred",
            "k_space = torch.fft.fftshift(k_space, dim=(-1,)) if self.is_centred",
        ),
    ],
    ("forward/imaging", ("forward/imaging/test_magnitude.py",)): [
        ("magnitude", "(self._phase(x).conj() * moved).real", "(self._phase(x) * moved).real"),
    ],
    ("forward/tomography", ("forward/tomography/test_radon.py",)): [
        ("radon", "(math.pi / (n_angles * A.pixel_size**2))", "(math.pi / n_angles)"),
    ],
    ("forward/tomography", ("forward/tomography/test_crosshole.py",)): [
        ("crosshole", "return 1 / (self.velocity_background +", "return (self.velocity_background +"),
    ],
    ("games/objectives", ("games/test_objectives.py", "games/test_two_gaussians.py")): [
        ("hinge", "relu(1 - real_logits)", "relu(1 + real_logits)"),
        ("least_squares", "(fake_logits - self.generator_label)", "(fake_logits + self.generator_label)"),
        ("non_saturating", "return softplus(-fake_logits).mean()", "return -softplus(fake_logits).mean()"),
        ("minimax", "return -softplus(fake_logits).mean()", "return softplus(-fake_logits).mean()"),
        ("wasserstein", "fake_logits.mean() - real_logits.mean()", "real_logits.mean() - fake_logits.mean()"),
        ("relativistic", "softplus(real_logits - fake_logits)", "softplus(fake_logits - real_logits)"),
    ],
    ("games/penalties", ("games/test_penalties.py",)): [
        ("wgan_gp", "return self.every * self.lam * excess", "return self.lam * excess"),
        ("dragan", "self.slope).square()", "0.0).square()"),
        ("zero_centred", "return self.every * self.lam * squares", "return self.lam * squares"),
        ("label_smoothing", "return (1 - self.alpha) *", "return self.alpha *"),
        ("instance_noise", "max(0.0, 1 - step / self.n_steps)", "max(0.0, 1 - step)"),
        ("historical_averaging", "alpha=1 / self.n_seen", "alpha=0.5"),
    ],
    ("games/updates", ("games/test_updates_bilinear.py",)): [
        ("consensus", "f + self.gamma * t", "f - self.gamma * t"),
        ("symplectic", "(t - f) / 2", "(t + f) / 2"),
    ],
    ("solvers/latent", ("solvers/latent/test_scoring.py",)): [
        ("scoring", "n_deviations: float = 2.0", "n_deviations: float = 4.0"),
        ("scoring", "(2 / problem.n_measurements) ** 0.5", "2 / problem.n_measurements"),
        ("scoring", "if misfit <= noise_threshold(problem):", "if misfit <= 2 * noise_threshold(problem):"),
    ],
    ("solvers/latent", ("solvers/latent/test_ends.py",)): [
        (
            "search",
            "(relative_decrease < self.settled_decrease)",
            "(relative_decrease < 100 * self.settled_decrease)",
        ),
        ("search", "at_noise = (misfit <= 1)", "at_noise = (misfit <= 2)"),
        ("search", "met_distance * (2 * z.shape[1]) ** 0.5", "met_distance * z.shape[1] ** 0.5"),
        ("search", "near.tril(-1)", "near.tril(0)"),
        ("search", "rank < -(-n_restarts // 2**times)", "rank < -(-n_restarts // 2 ** (times + 1))"),
        (
            "search",
            "if not halve_at or 3 * state.iteration < halve_at[0]:",
            "if not halve_at or state.iteration < halve_at[0]:",
        ),
        ("levenberg_marquardt", "decrease, promised) <= tolerance * size", "decrease, promised) < 0 * size"),
    ],
    ("solvers/linear", ("solvers/linear/test_noise_level.py",)): [
        ("noise_level", "square / (m - gamma).clamp_min(1.0)", "square / m"),
        ("noise_level", "determined / (determined + shrunk)", "determined / (determined + 1)"),
    ],
    ("solvers/linear", ("solvers/linear/test_conjugate_gradients.py",)): [
        (
            "conjugate_gradients",
            "preconditioned + following / size.clamp_min(_TINY) * direction",
            "preconditioned",
        ),
        ("conjugate_gradients", "enough = tolerance**2 * size", "enough = tolerance * size"),
    ],
    ("solvers/diagnosis", ("solvers/diagnosis/test_verdicts.py",)): [
        (
            "verdicts",
            "explained = solution.misfit <= noise_threshold(problem)",
            "explained = solution.misfit <= noise_threshold(problem, 3)",
        ),
        (
            "verdicts",
            "return misfit > noise_threshold(problem)",
            "return misfit > 9 * noise_threshold(problem)",
        ),
        ("verdicts", "(near_best & _apart(solution, settings))", "(near_best | _apart(solution, settings))"),
        ("verdicts", "0.5 * problem.n_measurements", "1.0 * problem.n_measurements"),
    ],
    ("solvers/diagnosis", ("solvers/diagnosis/test_noise_checks.py",)): [
        ("noise_checks", "residuals.append(score / diagonal.sqrt())", "residuals.append(score / diagonal)"),
        ("noise_checks", "weight.square().sum(0) - known.square().sum(1)", "weight.square().sum(0)"),
        ("noise_checks", "data @ turn, turned, values - 1", "data @ turn, turned, values"),
        ("noise_checks", "< settings.threshold / 2", "< settings.threshold"),
        ("contradiction_features", "tuple(-size for size in shift)", "shift"),
    ],
    ("solvers/diagnosis", ("solvers/diagnosis/test_findings.py",)): [
        ("conformal", "exceeds(-reference.noise.log(), -measured", "exceeds(reference.noise.log(), measured"),
        ("conformal", "known.std() * (1 / len(found) + 1 / len(known)) ** 0.5", "known.std()"),
        ("conformal", "max(gains, key=lambda", "min(gains, key=lambda"),
        ("conformal", "alone.p_value <= settings.threshold", "alone.p_value >= settings.threshold"),
    ],
    ("solvers/diagnosis", ("solvers/diagnosis/test_contradictions.py",)): [
        ("contradictions", "_log_shares(learnt[1 - i]", "_log_shares(learnt[i]"),
        ("contradictions", "(known >= odds[:, None])", "(known <= odds[:, None])"),
        (
            "contradictions",
            "kind is Contradiction.LOUD else 1 / factor",
            "kind is Contradiction.LOUD else factor",
        ),
        ("contradiction_features", "(values + 1).sqrt()", "values.clamp_min(1e-9).sqrt()"),
    ],
    ("solvers/linear", ("solvers/linear/test_stacking.py",)): [
        ("stacking", "values.clamp_min(0).sqrt()[:, None]", "values.clamp_min(0)[:, None]"),
        ("stacking", "while bool((weights[kept] < least).any())", "while bool((weights[kept] < 0).any())"),
        ("stacking", "errors @ errors.T / errors.shape[1]", "errors @ errors.T / len(errors)"),
    ],
    ("solvers/automatic", ("solvers/automatic/test_outliers.py",)): [
        ("outliers", "of_others = -torch.linalg.solve", "of_others = torch.linalg.solve"),
        (
            "outliers",
            "torch.where(mask, settings.far, least)",
            "torch.where(mask, settings.far, 0.5 * least)",
        ),
        ("outliers", "each.append(distances.amax())", "each.append(distances.amin())"),
        ("outliers", "mean(1, keepdim=True) <= settings.largest_share", "mean(1, keepdim=True) <= 1"),
    ],
    (
        "domains/batch_correction",
        ("domains/batch_correction/test_cells.py", "domains/batch_correction/test_linear.py"),
    ): [
        ("reading/cells", "(target_counts / total)", "(2 * target_counts / total)"),
        ("reading/cells", "np.log1p(self.expression * factor)", "np.log(0.5 + self.expression * factor)"),
        ("linear/combat", "delta_hat = squares / (n - 1)", "delta_hat = squares / n"),
        ("linear/combat", "(t2 * n * gamma_hat + delta * g)", "(t2 * gamma_hat + delta * g)"),
        ("linear/combat", "(2 * v + m**2) / v", "(v + m**2) / v"),
    ],
}


def check_anchors(found: list[Mutation]) -> None:
    """End the run where a text is not in its file exactly once, or a test file is not there."""
    wrong = []
    for mutation in found:
        path = ROOT / mutation.file
        count = path.read_text(encoding="utf-8").count(mutation.old) if path.is_file() else -1
        if count != 1:
            wrong.append(f"{'no such file' if count < 0 else f'{count} times'}: {mutation.name}")
        wrong += [f"no tests {test}" for test in mutation.tests if not (ROOT / test).is_file()]
    if wrong:
        raise SystemExit("the mutations do not fit the package any more:\n" + "\n".join(wrong))


class Copy:
    """A copy of the package with the tests and catalogues beside it, to be mutated."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT / "sciadv", folder / "sciadv", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("tests", "benchmarks", "problems", "priors", "pyproject.toml", "README.md"):
            if (ROOT / name).exists():
                (folder / name).symlink_to(ROOT / name)

    def start(self, mutation: Mutation) -> int:
        """Run the mutation's tests in a forked child, which has torch already; return its process id."""
        path = self.folder / mutation.file
        good = path.read_text(encoding="utf-8")
        process = os.fork()
        if process:
            return process
        path.write_text(good.replace(mutation.old, mutation.new), encoding="utf-8")
        with (self.folder / "log").open("wb") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        os.chdir(self.folder)
        sys.path[:] = [
            str(self.folder),
            str(self.folder / "tests"),
            *(p for p in sys.path if "sciadv" not in p),
        ]
        sys.dont_write_bytecode = True
        signal.alarm(LIMIT)
        options = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-m", "not slow", "--no-header"]
        code = 3
        try:
            code = int(pytest.main([*options, *mutation.tests]))
        finally:
            path.write_text(good, encoding="utf-8")
            os._exit(code)

    def ended(self, mutation: Mutation, status: int) -> bool:
        """Return whether all tests passed; put the file back where the child was ended before it could."""
        shutil.copy(ROOT / mutation.file, self.folder / mutation.file)
        code = os.waitstatus_to_exitcode(status)
        if code not in (0, 1, -signal.SIGALRM):
            words = (self.folder / "log").read_text(encoding="utf-8", errors="replace")
            raise SystemExit(f"pytest ended with {code} for {mutation.name}:\n{words[-2000:]}")
        return code == 0


def run_all(
    found: list[Mutation], n_processes: int, words: tuple[str, str] = ("killed", "SURVIVED")
) -> list[Mutation]:
    """Run every mutation, a few at once; return those whose tests pass."""
    waiting, survived = list(reversed(found)), []
    running: dict[int, tuple[Copy, Mutation, float]] = {}
    with tempfile.TemporaryDirectory() as home:
        idle = []
        for number in range(n_processes):
            (Path(home) / str(number)).mkdir()
            idle.append(Copy(Path(home) / str(number)))
        while waiting or running:
            while waiting and idle:
                copy, mutation = idle.pop(), waiting.pop()
                running[copy.start(mutation)] = (copy, mutation, time.monotonic())
            process, status = os.wait()
            copy, mutation, began = running.pop(process)
            passed = copy.ended(mutation, status)
            idle.append(copy)
            word = words[passed]
            sys.stdout.write(f"{word:<8} {time.monotonic() - began:4.0f} s  {mutation.name}\n")
            sys.stdout.flush()
            survived += [mutation] if passed else []
    return survived


def main() -> None:
    """Check the anchors, run the mutations, and exit with 1 where too few are killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="?", default="", help="only mutations whose names have these words")
    parser.add_argument("-j", type=int, default=2, help="how many at once")
    parser.add_argument("--anchors", action="store_true", help="only check the texts")
    given = parser.parse_args()
    found = [mutation for mutation in mutations() if given.words in mutation.name]
    check_anchors(found)
    sys.stdout.write(f"{len(found)} mutations, each text in its file once\n")
    if given.anchors or not found:
        return
    unchanged = {mutation.tests: replace(mutation, new=mutation.old) for mutation in found}
    passed = run_all(list(unchanged.values()), given.j, words=("fails", "passes"))
    if len(passed) < len(unchanged):
        raise SystemExit("tests fail without a mutation: they would kill every one")
    survived = run_all(found, given.j)
    share = 1 - len(survived) / len(found)
    sys.stdout.write(f"{len(found) - len(survived)} of {len(found)} killed, {share:.1%}\n")
    if share < LEAST:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
