"""The stages that control does itself: plan, compare, gate, attest. Each takes a run and returns a ``Settlement``."""
