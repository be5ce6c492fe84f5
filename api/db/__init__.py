"""What we store: ``models`` says it, ``session`` opens transactions. SQLite and PostgreSQL alike."""
