"""Classical methods, without a generator: the rivals that a prior has to beat."""
