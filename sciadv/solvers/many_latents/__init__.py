"""Searches among hundreds of latents: products with the Jacobian only, and the choice of a search."""
