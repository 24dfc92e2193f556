"""Samplers of the posterior: Laplace, Markov chains, sequential Monte Carlo."""
