"""Conformance suites, public: what every operator, prior and solver must do, here and elsewhere."""

from sciadv.testing.forward import check_forward

__all__ = ["check_forward"]
