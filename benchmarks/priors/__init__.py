"""Benches of priors and of the games that train them."""
