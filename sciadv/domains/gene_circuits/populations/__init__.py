"""Populations of circuits: real ones, random ones, and what tells them apart."""
