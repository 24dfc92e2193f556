"""Property models of designs."""
