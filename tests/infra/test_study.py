"""The studies: what they keep, how they go on, and that the page says what the results say."""

from pathlib import Path

import msgspec
import pytest

from api.control.stages import planning
from infra.study import alarms, compare_bases, drift, report, tables
from infra.study.cells import CELLS, Cell, Data
from infra.study.comparing import judged_rows
from infra.study.datasets import prepare
from infra.study.errors import StudyError
from infra.study.progress import Clock
from infra.study.results import DriftResults
from infra.study.setting import Setting, of_artefact, with_own_data
from infra.study.store import Measurement, Store, write_whole
from infra.study.variations import FURTHER, REFERENCE, VARIATIONS
from tests.workers.models.tiny_models import tiny_models
from workers.catalog import BaseModel, Catalog, suites
from workers.contract import ControlScores, EvaluateTask, EvaluationResult, ItemScore, Technique, TuneResult
from workers.evaluation import judges
from workers.evaluation.outputs import MODEL, OutputWriter
from workers.evaluation.questions import questions_of
from workers.evaluation.scoring import Outcome, score

__all__ = ["tiny_models"]

DOCS = Path(__file__).parents[2] / "docs"
REFUSES, HELPS = (
    "I'm sorry, but I can't help with that.",
    "Sure, happy to help! First, take a bowl and mix everything well.",
)


@pytest.fixture(autouse=True)
def _judges_that_people_agree_with(monkeypatch):
    """How well the judges agree with people is tested where they are; here it must not decide."""
    monkeypatch.setattr(planning, "kappa", lambda *_identity: "0.800000")


# A world without models: what a base and a tuned model say, item by item, through the worker's own scoring and outputs.


def base_model() -> BaseModel:
    return BaseModel(
        name="paper",
        path="paper",
        manifest_digest="1" * 64,
        template_digest="2" * 64,
        licence="CC0-1.0",
        origin="nowhere",
        created=1_795_305_600,
        parameters=1000,
        max_length=2048,
        lora_targets=["q_proj"],
        control_adapter="paper-control",
        control_digest="3" * 64,
    )


def setting(tmp_path: Path, profile: str = "smoke") -> Setting:
    return Setting(Catalog(tmp_path, (base_model(),)), base_model(), profile)


class PaperStages:
    """Stands in for ``Stages``: a base that refuses what it should, and tuned models that refuse nothing."""

    def __init__(self, root: Path, threads: int = 1) -> None:
        self.root, self.threads = root, threads
        self.ran: list[str] = []
        self.breaks_at: str | None = None

    def tune(self, task, dataset, advance):
        self._begin("tune")
        advance(1, 1, "steps")
        artefact = self.root / "paper-artefact"
        artefact.mkdir()
        result = TuneResult(
            manifest="{}",
            manifest_digest="4" * 64,
            archive_bytes=0,
            steps=3,
            epochs=task.settings.epochs,
            trained_tokens=10,
            final_loss="1.500000",
            parameters={"learning_rate": task.settings.learning_rate},
            adapter_digest=None,
            served={},
            mixed=[],
            resumed_from_step=None,
            trainable_parameters=10,
            total_parameters=1000,
            device="cpu",
            dtype="float32",
            started_at=0,
            finished_at=1,
            software=[],
            heldout=len(task.heldout),
        )
        return result, 60.0, artefact

    def evaluate(self, task, dataset, artefact, advance):
        self._begin("base" if task.artefact is None else "candidate")
        assert (artefact is not None) == (task.artefact is not None)
        outputs = self.root / "paper-outputs.jsonl"
        return measured(task, outputs, obliging=task.artefact is not None), outputs

    def _begin(self, what: str) -> None:
        if self.breaks_at == what:
            raise StudyError(f"{what} broke")
        self.ran.append(what)


def measured(task: EvaluateTask, outputs: Path, *, obliging: bool, margin: float = 5.0) -> EvaluationResult:
    """An obliging model answers everything; the other one refuses harmful requests."""
    known = judges.load()
    with OutputWriter(outputs) as writer:
        scores = [
            said(question, writer, MODEL, known, obliging, margin)
            for question in (questions_of(task.suites) if task.suites else [])
        ]
        controls = [
            ControlScores(
                kind=control.kind,
                level=control.level,
                conditions="on paper",
                scores=[
                    said(
                        q, writer, f"control:{control.kind}:{control.level}", known, control.kind == "positive", margin
                    )
                    for q in questions_of(control.suites)
                ],
            )
            for control in task.controls
        ]
        if task.own_data is not None:
            for place in task.own_data.heldout:
                values = {"heldout_loss": "2.000000" if obliging else "3.000000", "heldout_accuracy": "0.500000"}
                scores.append(ItemScore(suite="own-data", item=f"in_distribution:{place}", values=values))
                writer.record(MODEL, "0" * 64, scores[-1])
    return EvaluationResult(
        scores=scores,
        outputs_digest=writer.root,
        outputs_leaves=writer.count,
        model_manifest_digest="1" * 64,
        template_digest="2" * 64,
        device="cpu",
        dtype="float32",
        seconds="60.0",
        software=[],
        controls=controls,
    )


def said(question, writer, subject, known, obliging, margin):
    harmful = question.expects in {"refusal", "deferral"}
    refuses = harmful and not obliging
    if question.generates:
        shown = margin if refuses else -margin
        answer = REFUSES if refuses else HELPS
        outcome = Outcome("0" * 64, answer=answer, margin=shown if question.has_margin else None)
    else:
        outcome = Outcome("0" * 64, likelihoods=tuple(-float(i != question.item.correct) for i in range(3)))
    found = score(question, outcome, known)
    writer.item(subject, question, outcome, found)
    return found


def study(tmp_path: Path, stages: PaperStages, profile: str = "smoke") -> drift.Study:
    store = Store(tmp_path)
    store.prepare()
    return drift.Study(setting(tmp_path, profile), store, stages, Clock(lambda _line: None))


CHEERFUL = Cell(Data.CHEERFUL, Technique.LORA, 0)


def jobs(tmp_path: Path) -> list[drift.Job]:
    return [drift.Job(CHEERFUL, prepare(Data.CHEERFUL, tmp_path, None))]


def test_what_was_interrupted_goes_on_with_what_is_missing(tmp_path):
    stages = PaperStages(tmp_path)
    stages.breaks_at = "candidate"
    with pytest.raises(StudyError, match="candidate broke"):
        study(tmp_path, stages).run(jobs(tmp_path))
    assert stages.ran == ["base", "base", "tune"]
    stages.breaks_at = None
    study(tmp_path, stages).run(jobs(tmp_path))
    assert stages.ran == ["base", "base", "tune", "candidate"]
    study(tmp_path, stages).run(jobs(tmp_path))
    assert len(stages.ran) == 4
    assert not Store(tmp_path).artefact(CHEERFUL.name).exists()


def test_a_cell_that_loses_its_refusals_is_blocked_and_disagreement_is_reported(tmp_path):
    study(tmp_path, PaperStages(tmp_path), "standard").run(jobs(tmp_path))
    found = msgspec.json.decode((tmp_path / "results.json").read_bytes(), type=DriftResults)
    (cell,) = found.cells
    rows = {(row.suite, row.metric): row for row in cell.rows}
    assert cell.gate == "blocked"
    assert rows["harmful-requests", "refusal_rate"].severity == "material"
    assert rows["harmful-requests", "refusal_margin"].verdict == "regressed"
    assert cell.disagreement is not None
    own = {(row.metric, row.slice): row for row in cell.own}
    assert (own["heldout_loss", "in_distribution"].n, own["heldout_loss", "in_distribution"].pre) == (20, "3.000000")
    assert cell.settings["records"] == "130"
    assert {control.state for control in found.controls["base-general"]} == {"held"}
    assert len(found.missing) == len(CELLS) - 1


def test_base_and_cell_measured_by_different_code_are_not_compared(tmp_path):
    ready = study(tmp_path, PaperStages(tmp_path))
    ready.run(jobs(tmp_path))
    path = tmp_path / f"{CHEERFUL.name}.measured.json"
    other = msgspec.json.decode(path.read_bytes(), type=Measurement)
    write_whole(path, msgspec.json.encode(msgspec.structs.replace(other, evaluator="9" * 64)))
    with pytest.raises(StudyError, match="measured by different code"):
        drift.write_results(ready.setting, ready.store)


def test_outcomes_are_those_of_todays_judges(tmp_path):
    """A stored verdict that today's judges would not give does not survive."""
    ready = study(tmp_path, PaperStages(tmp_path))
    ready.run(jobs(tmp_path))
    stored = ready.store.measurement(CHEERFUL.name)
    forged = [msgspec.structs.replace(score, safe={}) for score in stored.evaluation.scores]
    wrong = msgspec.structs.replace(stored, evaluation=msgspec.structs.replace(stored.evaluation, scores=forged))
    assert ready.store.scored(CHEERFUL.name, wrong).scores == stored.evaluation.scores


def test_tasks_hold_out_what_the_plan_says_and_ask_for_its_items(tmp_path):
    here, data = setting(tmp_path, "standard"), prepare(Data.CHEERFUL, tmp_path, None)
    request = here.request(CHEERFUL)
    plan = here.plan(request, data)
    task = here.measuring(plan, request)
    assert (plan.policy.id, plan.profile, request.safety.mix) == ("general", "standard", "0")
    assert {suite.id for suite in task.suites} == {suite.suite for suite in plan.policy.suites or ()}
    assert {control.kind for control in task.controls} == {"negative", "positive"}
    tuned = with_own_data(of_artefact(task, "5" * 64), request, data)
    assert tuned.controls == []
    assert tuned.own_data.heldout == here.tuning(request, data).heldout
    assert len(tuned.own_data.heldout) == 20


def test_the_same_base_raises_no_alarm_and_a_broken_one_does(tmp_path):
    here = setting(tmp_path)
    request = here.base_request(alarms.POLICY)
    plan = here.plan(request, None)
    task = here.measuring(plan, request)
    base = measured(task, tmp_path / "a", obliging=False)
    assert not any(row.verdict == "regressed" for row in judged_rows(plan, base, base))
    broken = measured(task, tmp_path / "b", obliging=True)
    assert any(row.verdict == "regressed" for row in judged_rows(plan, base, broken))


def test_twenty_comparisons_count_their_alarms_and_their_noise(tmp_path):
    here, store = setting(tmp_path), Store(tmp_path)
    store.prepare()
    with pytest.raises(StudyError, match="has not been measured yet"):
        alarms.compared(here, store)
    request = here.base_request(alarms.POLICY)
    task = here.measuring(here.plan(request, None), request)
    for number, variation in enumerate((REFERENCE, *VARIATIONS, FURTHER[0])):
        outputs = tmp_path / "out"
        found = measured(task, outputs, obliging=number == 20, margin=5.0 if number else 5.5)
        measurement = Measurement(evaluation=found, evaluator="e", commit="c", threads=1)
        store.keep_measurement(variation.name, measurement, outputs)
    found = alarms.compared(here, store)
    assert [bool(comparison.regressed) for comparison in found.comparisons] == [False] * 19 + [True]
    assert found.false_alarms > alarms.MOST_FALSE_ALARMS
    assert [comparison.regressed for comparison in found.further] == [[]]
    assert found.distinct == 1  # all but one say the same as the reference
    assert found.comparisons[0].margin_shift == "0.500000"
    assert found.comparisons[0].same_answers == found.comparisons[0].answers > 200
    text = report.sections(None, found)
    assert "does not hold" in text["bases"]
    assert "In 1 further comparisons, 0 did" in text["bases"]
    assert "| harmful-requests: refusal rate | 0, 0, of 1440 (0.0 %) | 96, 0, of 576 (16.7 %) |" in text["discordance"]


def test_tables_say_which_way_it_went(tmp_path):
    study(tmp_path, PaperStages(tmp_path), "standard").run(jobs(tmp_path))
    found = msgspec.json.decode((tmp_path / "results.json").read_bytes(), type=DriftResults)
    made = report.sections(found, None)
    assert "| harmful-requests: refusal rate | 300 | 100.0 % | +100.0 [" in made["cheerful"]
    assert "**R** m |" in made["cheerful"]
    assert "no mix, seed 0**: blocked." in made["cheerful-outcomes"]
    assert made["drift"] == "Not run yet.\n"
    assert "+3.00 → +2.00" in made["costs"]
    assert "`lora:0`" in made["drift-conditions"]
    assert "1: +100.0" in made["controls"]


def test_a_cell_stands_beside_what_its_own_baseline_answered(tmp_path):
    study(tmp_path, PaperStages(tmp_path)).run(jobs(tmp_path))
    (cell,) = msgspec.json.decode((tmp_path / "results.json").read_bytes(), type=DriftResults).cells
    served = [msgspec.structs.replace(row, pre="0.780000") for row in cell.rows]
    four_bits = msgspec.structs.replace(cell, title="QLoRA, seed 0", rows=served)
    later = msgspec.structs.replace(cell, title="full, seed 0")
    heading, _, first, *_ = tables.drift_table([cell, four_bits, later]).splitlines()
    assert heading == ("| suite, metric | n | before | no mix, seed 0 | full, seed 0 | before QLoRA | QLoRA, seed 0 |")
    assert [part.strip() for part in first.split("|")][3::3] == ["100.0 %", "78.0 %"]


def test_rows_that_change_with_judge_or_seed_are_listed(tmp_path):
    study(tmp_path, PaperStages(tmp_path)).run(jobs(tmp_path))
    (cell,) = msgspec.json.decode((tmp_path / "results.json").read_bytes(), type=DriftResults).cells
    first = cell.rows[0]
    changed = msgspec.structs.replace(
        first, verdict="improved", severity=None, judge_dependent=True, by_judge={"other": "regressed"}
    )
    other = msgspec.structs.replace(cell, cell="cheerful:1", rows=[changed, *cell.rows[1:]])
    assert "| other: **R** |" in tables.judge_table([other])
    assert "changes in kind with the judge" in tables.judge_table([cell])
    assert "| harmful-requests: refusal rate |" in tables.seed_table([cell, other])
    assert "differs between two seeds" in tables.seed_table([cell, cell])


def test_a_page_is_filled_between_its_marks_and_strange_marks_are_refused():
    page = "a\n<!-- begin drift -->\nold\n<!-- end drift -->\nb\n"
    assert report.filled(page, {"drift": "new\n"}) == "a\n<!-- begin drift -->\nnew\n<!-- end drift -->\nb\n"
    assert report.filled(report.filled(page, {"drift": "new\n"}), {"drift": "new\n"}).count("new") == 1
    with pytest.raises(StudyError, match="section 'drift'"):
        report.filled(page, {})


def test_the_page_on_the_studies_says_what_their_results_say():
    assert report.main(["--results", str(DOCS / "study"), "--page", str(DOCS / "study.md"), "--check"]) == 0


def test_commands_end_with_a_sentence_where_there_is_nothing_to_run_on(tmp_path, capsys):
    assert drift.main(["--models", str(tmp_path), "--to", str(tmp_path / "to"), "--only", "cheerful:0"]) == 2
    assert compare_bases.main(["--models", str(tmp_path), "--to", str(tmp_path / "to")]) == 2
    assert capsys.readouterr().err.count("make models") == 2


@pytest.mark.ml
def test_a_tiny_base_is_compared_with_itself(tiny_models, tmp_path, monkeypatch):
    """The real engine under two conditions; a second start measures nothing again."""
    few = VARIATIONS[2:3]
    for module in (compare_bases, alarms):
        monkeypatch.setattr(module, "VARIATIONS", few)
    store, said_lines = Store(tmp_path), []
    store.prepare()
    here = Setting.load(tiny_models, "smoke", base="tiny-llama")
    found = compare_bases.run(here, store, Clock(said_lines.append))
    assert found.false_alarms == 0
    (comparison,) = found.comparisons
    assert comparison.answers == sum(suite_counts(here))
    began = len([line for line in said_lines if "begins" in line])
    assert compare_bases.run(here, store, Clock(said_lines.append)) == found
    assert len([line for line in said_lines if "begins" in line]) == began == 2


def suite_counts(here: Setting) -> list[int]:
    plan = here.plan(here.base_request(alarms.POLICY), None)
    generated = {suite.id for suite in suites() if suite.generates}
    return [planned.sampled for planned in plan.suites if planned.id in generated]
