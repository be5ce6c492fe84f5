"""How Tuneproof is put up: on one machine (``local``), in containers (``containers``, ``compose.yaml``). Nothing imports this."""
