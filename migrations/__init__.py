"""Alembic migrations. ``python -m migrations upgrade|downgrade|check|current [REVISION]`` reads TUNEPROOF_DATABASE_URL."""
