"""Organisations, their projects, and the keys that speak for a project."""
