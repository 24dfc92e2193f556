"""Behaviours of circuits."""
