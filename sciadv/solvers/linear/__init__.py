"""Linear algebra of inverse problems: Jacobians, linearised data, Gaussian estimates, conjugate gradients."""
