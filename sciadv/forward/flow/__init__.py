"""Operators of fluid flow."""
