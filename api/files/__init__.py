"""Files: uploads, checked as they arrive, and the declaration of where their records come from."""
