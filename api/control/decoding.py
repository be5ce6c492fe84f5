"""How every model is asked, base and candidate alike."""

MAX_NEW_TOKENS = 20
"""About twenty tokens decide whether an answer is a refusal."""
BATCH_SIZE = 32
"""Prompts per batch: in bfloat16 another batching changes some tokens, so it belongs to what makes two measurements the same."""
