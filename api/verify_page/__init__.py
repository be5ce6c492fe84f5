"""``/verify``: the page that verifies evidence in the reader's own browser. Open to everybody."""
