"""What a page shows of a posterior: whether its chains agree, by numbers, traces and ranks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sciadv.drawing.panels import Array, as_numbers, new_figure
from sciadv.files.html.page_parts import Table
from sciadv.report.palettes import group_colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sciadv.posterior import Posterior


def posterior_table(
    posterior: Posterior,
    rows: Sequence[int],
) -> Table:
    """Return the table of how well the draws of some measurements stand for the posterior."""
    columns: dict[str, object] = {
        "effective sample size, least": posterior.effective_sample_size,
        "standard deviation, mean": posterior.standard_deviation.abs().flatten(1).mean(1),
        "R-hat, largest": posterior.r_hat,
        "acceptance": posterior.acceptance,
        "modes": posterior.n_modes,
        "log evidence": posterior.log_evidence,
    }
    there = {name: np.asarray(values) for name, values in columns.items() if values is not None}
    found = [[row, *(values[row].item() for values in there.values())] for row in rows]
    return Table("Draws of the posterior", ("measurement", *there), found)


def posterior_words(
    posterior: Posterior,
    *,
    converged: float = 1.05,
) -> str:
    """Say how many draws there are, and whether chains agree.

    Parameters
    ----------
    posterior
        The draws.
    converged
        R-hat below which chains agree: a few hundred draws do not show less than 1.01, which Vehtari et al.
        (2021) ask of thousands.
    """
    draws = f"{posterior.n_samples} draws of each measurement"
    if posterior.r_hat is None:
        return f"{draws}, not of Markov chains: there are no traces to compare."
    worst = float(posterior.r_hat.max())
    verdict = "the chains agree" if worst < converged else "the chains do not agree, take more draws"
    return (
        f"{draws} from {posterior.n_chains} chains. The largest R-hat is {worst:.4g} (1 is best): {verdict}."
    )


def worst_mixed(
    posterior: Posterior,
    *,
    most: int = 4,
) -> list[tuple[int, int, float]]:
    """Return measurement, latent and R-hat where chains agree least, one latent a measurement.

    Parameters
    ----------
    posterior
        With more than one chain.
    most
        Measurements at most.
    """
    values = posterior.r_hats
    worst, which = values.max(1)
    order = worst.argsort(descending=True)[:most].tolist()
    return [(row, int(which[row]), float(worst[row])) for row in order]


def plot_chains(
    posterior: Posterior,
    places: Sequence[tuple[int, int, float]],
    *,
    n_bins: int = 20,
    most_points: int = 400,
) -> Figure:
    """Draw traces and rank histograms of some latents, a row each.

    The ranks of all draws together are counted in each chain: chains that agree have as many of every rank
    (Vehtari, Gelman, Simpson, Carpenter, Bürkner, Bayesian Analysis 16 (2021), section 4.3).

    Parameters
    ----------
    posterior
        With more than one chain.
    places
        Measurement, latent and R-hat, as `worst_mixed` gives them.
    n_bins
        Of the ranks.
    most_points
        Of a trace; more are thinned evenly.
    """
    figure = new_figure(9.0, 2.1 * len(places) + 0.4)
    grid = figure.subplots(len(places), 2, squeeze=False)
    colours = group_colours(posterior.n_chains)
    for (trace, ranks), (row, latent, value) in zip(grid, places, strict=True):
        draws = as_numbers(posterior.chains[row, :, :, latent])
        step = max(1, draws.shape[1] // most_points)
        for chain, colour in zip(draws, colours, strict=True):
            trace.plot(np.arange(draws.shape[1])[::step], chain[::step], color=colour, linewidth=0.7)
        trace.set_title(f"measurement {row}, latent {latent}: R-hat {value:.4g}", fontsize=9)
        _draw_ranks(ranks, draws, colours, n_bins=n_bins)
    for axis, words in zip(grid[-1], ("draw of the chain", "rank among all draws"), strict=True):
        axis.set_xlabel(words, fontsize=9)
    return figure


def _draw_ranks(
    axis: Axes,
    draws: Array,
    colours: Array,
    *,
    n_bins: int,
) -> None:
    """Draw how many draws of each chain have which rank, and the number by chance."""
    ranks = draws.ravel().argsort().argsort().reshape(draws.shape)
    edges = np.linspace(0, draws.size, min(n_bins, draws.shape[1]) + 1)
    for chain, colour in zip(ranks, colours, strict=True):
        axis.stairs(np.histogram(chain, edges)[0], edges, color=colour, linewidth=1.2)
    axis.axhline(draws.shape[1] / (len(edges) - 1), color="black", linewidth=0.7, linestyle="--")
    axis.set_ylim(bottom=0)
    axis.set_title("draws of each chain by rank; dashed: if chains agree", fontsize=9)
