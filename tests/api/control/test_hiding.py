"""What a job keeps back, through real stages: readable in no part of the bundle, and shown by its openings to whom they are given."""

import base64
import json

import pytest
from structlog.testing import capture_logs

from api.db.models import Attestation
from api.evidence import openings as kept_openings
from api.jobs.request import EvidenceChoice
from attestations import bundle as bundles
from attestations.findings import ExitCode, Status
from attestations.verify import verify
from tests.api.control.evidence import bundle, evidence, failures, trust_file
from tests.api.control.played import played
from tests.api.control.world import PROVENANCE, World
from workers.contract import Failed, RunError, ScreenTask, Succeeded

SECRETS = {"learning_rate": "0.000731009731", "epochs": 371003701, "rank": 113030701, "max_length": 791907919}
"""Values that occur nowhere by chance."""
SOURCE = PROVENANCE["sources"][0]
ALL = ["tuning.parameters.*", "data.sources[*].id", "data.sources[*].origin", "tuning.software.*", "tuning.steps"]


def every_text(raw: bytes) -> str:
    """The bundle and everything that is base64 in it, down to the last level."""
    texts = [raw.decode("utf-8", "replace")]

    def visit(value: object) -> None:
        if isinstance(value, dict | list):
            for inner in value.values() if isinstance(value, dict) else value:
                visit(inner)
        elif isinstance(value, str) and len(value) > 40:
            for part in value.split("."):
                try:
                    decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
                    decoded = decoded if value.startswith("eyJ") else base64.b64decode(value, validate=True)
                except ValueError:
                    continue
                texts.append(decoded.decode("utf-8", "replace"))
                try:
                    visit(json.loads(decoded))
                except ValueError:
                    continue

    visit(json.loads(raw))
    return "\n".join(texts)


async def hidden_job(world: World, hide: list[str]) -> str:
    job_id = await world.new_job(evidence=EvidenceChoice(hide=hide), **SECRETS)
    with capture_logs():
        await world.run_through(job_id)
    return job_id


async def stored_openings(world: World, job_id: str):
    job = await world.job(job_id)
    async with world.control.database.read() as session:
        row = await session.get_one(Attestation, job.attestation_id)
    return row, await kept_openings.kept(world.control.storage, row)


def read(world: World, raw: bytes):
    from datetime import UTC, datetime

    return verify(raw, trust_file(world), now=datetime.fromtimestamp(world.now, UTC))


async def test_without_patterns_the_words_looked_for_are_there_to_be_found(world):
    job_id = await hidden_job(world, [])
    text = every_text(await bundle(world, job_id))
    assert all(f'"{value}"' in text for value in SECRETS.values())
    assert SOURCE["origin"] in text
    assert '"desk"' in text
    row, openings = await stored_openings(world, job_id)
    assert (row.openings_key, openings) == (None, {})


async def test_no_hidden_word_is_anywhere_in_the_bundle(world):
    job_id = await hidden_job(world, ALL)
    raw = await bundle(world, job_id)
    text = every_text(raw)
    words = [*map(str, SECRETS.values()), "desk", SOURCE["origin"], "2.13.0"]
    assert [word for word in words if word in text] == []
    code, predicate, report = await evidence(world, job_id)
    assert code is ExitCode.ACCEPT, failures(report)
    assert {"plan.tuning.rank", "tuning.parameters.lora~1r"} <= set(report.hidden)
    assert "tuning.provenance.buildDefinition.externalParameters.rank" in report.hidden
    assert "environment.software.torch" in report.hidden
    assert "steps" in predicate["tuning"], "the commitment stands in its place"
    assert predicate["tuning"]["parameters"]["seed"] == "7", "what everybody learns elsewhere is not among it"


async def test_its_owner_can_open_all_of_it_or_one_value(world):
    job_id = await hidden_job(world, ALL)
    _, openings = await stored_openings(world, job_id)
    whole = read(world, await bundle(world, job_id, openings=list(openings.values())))
    assert whole.exit_code is ExitCode.ACCEPT, failures(whole)
    assert whole.hidden == ()
    assert whole.verified.statement.predicate.tuning.parameters["lora.r"] == "113030701"
    assert whole.planned.tuning["rank"] == "113030701"
    one = read(world, await bundle(world, job_id, openings=[openings["plan.tuning.rank"]]))
    assert one.exit_code is ExitCode.ACCEPT
    assert one.planned.tuning["rank"] == "113030701"
    assert len(one.hidden) == len(openings) - 1


@pytest.mark.parametrize(
    ("pattern", "key", "elsewhere"),
    [
        ("tuning.parameters.rank", "rank", "lora.r"),
        ("tuning.parameters.lora~1r", "rank", "lora.r"),
        ("tuning.parameters.epochs", "epochs", "num_train_epochs"),
        ("tuning.parameters.num_train_epochs", "epochs", "num_train_epochs"),
        ("tuning.parameters.learning_rate", "learning_rate", "learning_rate"),
    ],
)
async def test_a_setting_is_hidden_under_each_of_its_names(world, pattern, key, elsewhere):
    job_id = await hidden_job(world, [pattern])
    text = every_text(await bundle(world, job_id))
    assert f'"{SECRETS[key]}"' not in text
    _, predicate, report = await evidence(world, job_id)
    assert "$commit" in predicate["tuning"]["parameters"][elsewhere]
    assert report.exit_code is ExitCode.ACCEPT, failures(report)
    others = [str(value) for name, value in SECRETS.items() if name != key]
    assert all(f'"{value}"' in text for value in others)


async def test_a_workers_words_do_not_name_a_hidden_source(world):
    job_id = await world.new_job(evidence=EvidenceChoice(hide=["data.sources[*].id"]))
    await world.advance(job_id)
    request = await world.take()
    assert isinstance(request.task, ScreenTask)
    found = played(request)
    from msgspec import structs

    warned = structs.replace(found, warnings=["source 'desk' is declared free of personal data, but records hold some"])
    await world.report(request, Succeeded(result=warned))
    await world.advance(job_id)
    message = "line 3 of source 'desk' does not fit (desk: 2 more)"
    await world.report(await world.take(), Failed(error=RunError(code="broken", message=message)))
    await world.run_through(job_id)
    code, predicate, report = await evidence(world, job_id)
    assert code is ExitCode.POLICY, failures(report)
    assert "desk" not in every_text(await bundle(world, job_id))
    assert predicate["outcome"]["error"]["message"] == "line 3 of source '(hidden)' does not fit ((hidden): 2 more)"
    assert any("'(hidden)' is declared free" in caution for caution in predicate["boundaries"]["cautions"])
    assert {check.code: check.status for check in report.checks}["disclosures"] is Status.PASS


async def test_openings_of_two_attestations_are_not_exchangeable(world):
    first, second = await hidden_job(world, ALL), await hidden_job(world, ALL)
    _, openings = await stored_openings(world, first)
    swapped = read(world, await bundle(world, second, openings=[openings["tuning.parameters.lora~1r"]]))
    assert swapped.exit_code is ExitCode.CRYPTOGRAPHIC


async def test_the_stored_bundle_opens_nothing(world):
    job_id = await hidden_job(world, ALL)
    row, openings = await stored_openings(world, job_id)
    stored = await world.control.storage.get_bytes(row.bundle_key, bundles.MAX_BYTES)
    assert bundles.parse(stored).unverified_disclosures == ()
    salts = [opening["salt"] for opening in openings.values()]
    assert len(set(salts)) == len(salts)
    assert not any(salt in every_text(stored) for salt in salts)
