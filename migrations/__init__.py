"""Alembic migrations. ``python -m migrations upgrade|downgrade|check [REVISION]`` reads TUNEPROOF_DATABASE_URL."""
