"""What this deployment offers: base models, suites, metrics, scorers, profiles and policies.

Both the control process (which fixes them in plans) and the workers (which run them) read the same files and compare
digests, never names. Nothing here loads a model.
"""

from workers.catalog.bases import BaseModel, BenchmarkFile, Catalog, CatalogError
from workers.catalog.metrics import Metric, metrics_of, rates_of
from workers.catalog.profiles import DEFAULT_PROFILE, PROFILES, Profile
from workers.catalog.scorers import (
    JUDGE_FILE,
    MARGIN_FILE,
    SAFETY_PACK_FILE,
    ScorerInfo,
    evaluator_digest,
    file_digest,
    judge,
    margin,
    safety_pack_digest,
    scorers,
    worker_digest,
)
from workers.catalog.suites import Expects, Family, Item, Suite, SuiteError, parse_suite
from workers.catalog.suites import built_in_suites as suites

__all__ = [
    "DEFAULT_PROFILE",
    "JUDGE_FILE",
    "MARGIN_FILE",
    "PROFILES",
    "SAFETY_PACK_FILE",
    "BaseModel",
    "BenchmarkFile",
    "Catalog",
    "CatalogError",
    "Expects",
    "Family",
    "Item",
    "Metric",
    "Profile",
    "ScorerInfo",
    "Suite",
    "SuiteError",
    "evaluator_digest",
    "file_digest",
    "judge",
    "margin",
    "metrics_of",
    "parse_suite",
    "rates_of",
    "safety_pack_digest",
    "scorers",
    "suites",
    "worker_digest",
]
