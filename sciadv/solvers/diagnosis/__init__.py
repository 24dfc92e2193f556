"""How far to trust an answer: verdicts, evidence, conformal comparison with reference images."""
