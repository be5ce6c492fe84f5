"""Every reader of untrusted bytes against damaged and invented input, for as long as one likes: `python -m tests.fuzz`."""
