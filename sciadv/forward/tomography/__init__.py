"""Operators of tomography: X-rays and crosshole radar."""
