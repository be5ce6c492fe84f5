"""What the world sees: published attestations, trust roots and status lists. Read only, without a key."""
