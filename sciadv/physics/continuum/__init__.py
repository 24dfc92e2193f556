"""Matter on a regular grid of square elements: plane elasticity and effective properties."""
