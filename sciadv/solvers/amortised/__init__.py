"""Latents estimated from measurements by regression on the own samples of a generator, learned once."""
