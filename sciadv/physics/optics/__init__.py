"""Light in layered matter: refractive indices from published formulas, and coherent stacks of thin films."""
