"""Measuring what a model does: generation, refusal margin, judge. Data in, scores out; no database, no network."""
