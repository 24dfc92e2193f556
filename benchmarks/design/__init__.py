"""Benches of designs, circuits and corrections."""
