"""Models: the bases on offer and the tuned models that were released."""
