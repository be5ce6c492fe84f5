"""When two baselines are the same measurement: by the digests of what is asked and who asks, never by a model's name.

Hardware and software are not known before a worker has it; ``stages.comparing`` refuses to compare across them."""

from api.control.decoding import BATCH_SIZE
from api.db.models import Job
from api.jobs.request import stored_request
from attestations import canonical, documents
from attestations import plan as plans
from workers.catalog import evaluator_digest


def cache_key(job: Job) -> str:
    """SHA-256 over the base's manifest, the sampled items, scorers, decoding, quantisation and the evaluator's own code."""
    plan = plans.parse((job.plan or "").encode())
    return canonical.digest(
        {
            "base": plan.base.manifest.sha256,
            "suites": [documents.encode(suite) for suite in plan.suites],
            "judge": plan.judge.digest.sha256,
            "margin": plan.margin.digest.sha256 if plan.margin else "none",
            "decoding": documents.encode(plan.decoding),
            "batch_size": BATCH_SIZE,
            "quantization": stored_request(job.request).quantization or "none",
            "evaluator": evaluator_digest(),
        }
    )
