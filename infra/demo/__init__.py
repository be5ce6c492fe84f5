"""The demo's own data, and the conversion of a public data set into chat records with provenance."""
