"""For whom something is done. Every repository takes a ``Scope`` and filters by it; there is no query without one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    organization_id: str
    project_id: str
