"""The commands of `tuneproof`, one module each: `add` declares the arguments, and `run` does it:
reads files, calls pure code, prints, returns the exit code.
"""
