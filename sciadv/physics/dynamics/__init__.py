"""Dynamics of many different systems at once: integration with controlled errors, oscillations, noise."""
