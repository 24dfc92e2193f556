"""Generators whose latents are as long as their samples: flows and diffusion models."""
