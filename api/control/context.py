"""What the control process's parts are handed."""

from collections.abc import Callable
from dataclasses import dataclass, field

from api.control.holding import Holding
from api.control.suites import Suites
from api.db.session import Database
from api.issuance.issuer import Issuer
from api.issuance.signing_key import SigningKey
from api.issuance.timestamping import TimestampClient
from api.queue import Queue
from api.storage import Storage
from workers.catalog import Catalog


@dataclass(frozen=True, slots=True)
class StatusIssuing:
    """The key of the role ``status``, and the address at which everybody reaches the service: statements name lists by it."""

    signer: SigningKey = field(repr=False)
    base_url: str


@dataclass(frozen=True, slots=True)
class Control:
    """``suites`` are those on offer, by id; ``clock`` gives Unix seconds; ``timestamps`` where an authority is set."""

    database: Database
    storage: Storage
    queue: Queue
    catalog: Catalog
    suites: Suites
    issuer: Issuer
    clock: Callable[[], int]
    status: StatusIssuing
    timestamps: TimestampClient | None = None
    holding: Holding = field(default_factory=Holding)
