"""Forward operators."""

from sciadv.forward.base import Forward, LinearForward, NonlinearForward
from sciadv.forward.matrix import Matrix


def as_forward(obj: object, in_shape: object = None, *, device: object = "cpu") -> Forward:
    """Stand-in while the adapters are being written."""
    return obj if isinstance(obj, Forward) else Matrix(obj, in_shape, device=device)  # type: ignore[arg-type]
