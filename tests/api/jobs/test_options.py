"""From request to settings: the defaults, and a refusal for whatever cannot be meant."""

import json
from typing import Any

import msgspec
import pytest

from api.bodies import decode
from api.errors import ApiError, InvalidRequestError
from api.jobs.options import fill_in
from api.jobs.request import JobRequest, stored_request
from api.jobs.schemas import CreateJob
from api.suites.stored import StoredSuite
from workers.catalog import BaseModel
from workers.catalog.prompts import safety_prompt
from workers.contract import Technique


def base(**changes: Any) -> BaseModel:
    given: dict[str, Any] = {
        "name": "base",
        "path": "base",
        "manifest_digest": "0" * 64,
        "template_digest": "1" * 64,
        "licence": "MIT",
        "origin": "tests",
        "created": 1,
        "parameters": 135_000_000,
        "max_length": 2048,
        "lora_targets": ["q_proj", "v_proj"],
    }
    return BaseModel(**(given | changes))


FILES = {
    "file-1": [
        StoredSuite(
            id=f"own-shop-{expects}", version="1", digest="d" * 64, expects=expects, items=9, key=f"k.{expects}"
        )
        for expects in ("answer", "refusal")
    ]
}


def options(model: BaseModel | None = None, **asked: Any) -> JobRequest:
    body = {"model": "base", "training_file": "file-1"} | asked
    asked_for = decode(json.dumps(body).encode(), CreateJob)
    return fill_in(asked_for, base=model or base(), seed=99, offered=("medical-boundaries", "bias"), files=FILES)


def test_nothing_asked_for_gives_every_default() -> None:
    filled = options()
    settings = filled.settings
    assert (settings.technique, settings.epochs, settings.batch_size, settings.seed) == (Technique.LORA, 3, 8, 99)
    assert (settings.rank, settings.alpha, settings.dropout, settings.learning_rate) == (16, 32, "0", "0.001")
    assert (settings.target_modules, settings.max_length, settings.packing) == (["q_proj", "v_proj"], 1024, False)
    assert (filled.safety.policy, filled.safety.profile, filled.safety.mix) == ("general", "standard", "0.05")
    assert (filled.safety.suites, filled.safety.holdout) == ([], "0.1")
    assert (filled.safety.canaries, filled.safety.repeats) == (False, 0)
    assert (filled.safety.scaling, filled.safety.system_prompt, filled.served_system_prompt) == ([], None, None)
    assert filled.hyperparameters == {"n_epochs": 3, "batch_size": 8, "learning_rate_multiplier": 1.0}
    assert stored_request(msgspec.to_builtins(filled)) == filled


@pytest.mark.parametrize(
    ("asked", "scales"),
    [
        (True, ["1", "0.75", "0.5", "0.25"]),
        (False, []),
        ([0.5, 1], ["1", "0.5"]),
        (["0.50", "1.0", 0.125], ["1", "0.5", "0.125"]),
        ([1], []),
    ],
)
def test_scales_are_tried_the_largest_first(asked: Any, scales: list[str]) -> None:
    filled = options(safety={"scaling": asked}, tuning={"technique": "qlora"})
    assert filled.safety.scaling == scales
    assert stored_request(msgspec.to_builtins(filled)) == filled


def test_full_tuning_without_scaling_may_say_so() -> None:
    assert options(safety={"scaling": False}, tuning={"technique": "full"}).safety.scaling == []


def test_the_safety_prompt_is_served_before_the_deployments_own() -> None:
    alone = options(safety={"system_prompt": "default"})
    both = options(safety={"system_prompt": "default"}, deployment={"system_prompt": "Sell shoes."})
    assert alone.served_system_prompt == alone.safety.system_prompt == safety_prompt().text
    assert both.served_system_prompt == f"{safety_prompt().text}\n\nSell shoes."
    assert both.deployment.system_prompt == "Sell shoes."


@pytest.mark.parametrize(
    ("technique", "parameters", "multiplier", "rate"),
    [
        ("lora", 999_999_999, "auto", "0.001"),
        ("lora", 1_000_000_000, "auto", "0.0002"),
        ("qlora", 7_000_000_000, 0.5, "0.0001"),
        ("full", 1, "auto", "0.00005"),
        ("full", 1, 2, "0.0001"),
        ("full", 1, 0.1, "0.000005"),
    ],
)
def test_the_learning_rate_follows_from_technique_size_and_multiplier(
    technique: str, parameters: int, multiplier: Any, rate: str
) -> None:
    filled = options(
        base(parameters=parameters),
        tuning={"technique": technique},
        method={"type": "supervised", "supervised": {"hyperparameters": {"learning_rate_multiplier": multiplier}}},
    )
    assert filled.settings.learning_rate == rate


def test_what_is_asked_for_is_kept() -> None:
    filled = options(
        seed=0,
        suffix="my-Model_1.0",
        metadata={"team": "support"},
        hyperparameters={"n_epochs": 5, "batch_size": 1},
        tuning={
            "technique": "qlora",
            "rank": 4,
            "dropout": "0.10",
            "target_modules": ["v_proj"],
            "max_length": 2048,
            "learning_rate": "3e-4",
            "packing": True,
        },
        safety={"mix": 0.1, "profile": "smoke"},
        deployment={"intended_use": "chat", "prohibited_uses": ["medicine"], "languages": ["en", "pt-BR"]},
    )
    settings = filled.settings
    assert (settings.rank, settings.alpha, settings.dropout, settings.target_modules) == (4, 8, "0.1", ["v_proj"])
    assert (settings.learning_rate, settings.max_length, settings.seed, settings.packing) == ("0.0003", 2048, 0, True)
    assert (filled.safety.mix, filled.safety.profile, filled.quantization) == ("0.1", "smoke", "nf4")
    assert (filled.deployment.intended_use, filled.deployment.prohibited_uses) == (["chat"], ["medicine"])
    assert (filled.suffix, filled.metadata, settings.epochs) == ("my-Model_1.0", {"team": "support"}, 5)


def test_suites_are_added_to_those_of_the_policy() -> None:
    chosen = options(
        safety={
            "policy": "legal",
            "suites": [{"suite": "medical-boundaries"}, {"file": "file-1", "gating": True, "margin": 0.03}],
        }
    ).safety.suites
    assert [(suite.id, suite.gating, suite.margin, suite.file, suite.key) for suite in chosen] == [
        ("medical-boundaries", False, "0.05", None, None),
        ("own-shop-answer", True, "0.03", "file-1", "k.answer"),
        ("own-shop-refusal", True, "0.03", "file-1", "k.refusal"),
    ]


@pytest.mark.parametrize("policy", ["general", "medical", "legal", "customer-service"])
def test_every_built_in_policy_can_be_chosen(policy: str) -> None:
    assert options(safety={"policy": policy, "profile": "full", "holdout": "0.00"}).safety.policy == policy


def test_full_tuning_has_no_adapter() -> None:
    settings = options(tuning={"technique": "full"}).settings
    assert (settings.rank, settings.alpha, settings.dropout, settings.target_modules) == (None, None, None, None)


@pytest.mark.parametrize("mix", [0, "0", 0.0, "0.000", "-0"])
def test_no_mix_has_one_form(mix: Any) -> None:
    assert options(safety={"mix": mix}).safety.mix == "0"


def test_the_same_hyperparameters_in_both_places_agree() -> None:
    hyper = {"n_epochs": 2}
    filled = options(hyperparameters=hyper, method={"type": "supervised", "supervised": {"hyperparameters": hyper}})
    assert filled.settings.epochs == 2


@pytest.mark.parametrize(
    ("asked", "param", "words"),
    [
        ({"tuning": {"rank": 0}}, "tuning.rank", "from 1 to 256"),
        ({"tuning": {"rank": 1.5}}, "tuning.rank", "an integer"),
        ({"tuning": {"rank": True}}, "tuning.rank", "an integer"),
        ({"tuning": {"technique": "dora"}}, "tuning.technique", "'lora', 'qlora', 'full'"),
        ({"tuning": {"technique": "full", "rank": 8}}, "tuning.rank", "no meaning"),
        ({"tuning": {"technique": "full", "target_modules": []}}, "tuning.target_modules", "no meaning"),
        ({"tuning": {"target_modules": []}}, "tuning.target_modules", "empty"),
        ({"tuning": {"target_modules": ["k_proj"]}}, "tuning.target_modules", "q_proj, v_proj"),
        ({"tuning": {"target_modules": ["q_proj", "q_proj"]}}, "tuning.target_modules", "at most once"),
        ({"tuning": {"dropout": 1}}, "tuning.dropout", "below 1"),
        ({"tuning": {"dropout": "NaN"}}, "tuning.dropout", "plain number"),
        ({"tuning": {"learning_rate": 0}}, "tuning.learning_rate", "above 0"),
        ({"tuning": {"learning_rate": "1e-15"}}, "tuning.learning_rate", "decimal places"),
        ({"tuning": {"learning_rate": "1" * 60}}, "tuning.learning_rate", "plain number"),
        ({"tuning": {"learning_rate": "1e999999999"}}, "tuning.learning_rate", "plain number"),
        ({"tuning": {"max_length": 2049}}, "tuning.max_length", "2048"),
        ({"tuning": {"max_length": 1}}, "tuning.max_length", "from 16"),
        ({"tuning": {"learning_rate": 0.1}, "hyperparameters": {"learning_rate_multiplier": 2}}, "tuning.learning_rate", "two ways"),
        ({"hyperparameters": {"learning_rate_multiplier": 1e-10}}, "tuning.learning_rate", "above 0"),
        ({"hyperparameters": {"n_epochs": 51}}, "hyperparameters.n_epochs", "'auto'"),
        ({"hyperparameters": {"batch_size": 257}}, "hyperparameters.batch_size", "256"),
        ({"hyperparameters": {"n_epochs": 1}, "method": {"type": "supervised", "supervised": {"hyperparameters": {}}}}, "hyperparameters", "differ"),
        ({"method": {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.1}}}}, "method.type", "not supported yet"),
        ({"method": {"type": "reinforcement", "reinforcement": {}}}, "method.type", "not supported yet"),
        ({"method": {"type": "supervised", "dpo": {}}}, "method.dpo", "not supported yet"),
        ({"method": {"type": "magic"}}, "method.type", "supervised"),
        ({"validation_file": "file-2"}, "validation_file", "not supported yet"),
        ({"integrations": [{"type": "wandb", "wandb": {"project": "x"}}]}, "integrations", "not supported yet"),
        ({"safety": {"mix": 1.01}}, "safety.mix", "from 0"),
        ({"safety": {"mix": "-0.1"}}, "safety.mix", "from 0"),
        ({"safety": {"mix": True}}, "safety.mix", "bool"),
        ({"safety": {"policy": "lenient"}}, "safety.policy", "general"),
        ({"safety": {"profile": "none"}}, "safety.profile", "smoke, standard, full"),
        ({"safety": {"holdout": 0.6}}, "safety.holdout", "to 0.5"),
        ({"safety": {"repeats": 11}}, "safety.repeats", "to 10"),
        ({"safety": {"scaling": "yes"}}, "safety.scaling", "bool"),
        ({"safety": {"scaling": []}}, "safety.scaling", "1 to 8"),
        ({"safety": {"scaling": [1, *(n / 16 for n in range(1, 9))]}}, "safety.scaling", "1 to 8"),
        ({"safety": {"scaling": [1, 0]}}, "safety.scaling", "above 0"),
        ({"safety": {"scaling": [1, 1.5]}}, "safety.scaling", "at most 1"),
        ({"safety": {"scaling": [1, "0.5", 0.5]}}, "safety.scaling", "different"),
        ({"safety": {"scaling": [1, "0.0000001"]}}, "safety.scaling", "6 decimal places"),
        ({"safety": {"scaling": [0.5, 0.25]}}, "safety.scaling", "must name 1"),
        ({"safety": {"scaling": [1, "half"]}}, "safety.scaling[1]", "plain number"),
        ({"safety": {"scaling": True}, "tuning": {"technique": "full"}}, "safety.scaling", "makes no adapter"),
        ({"safety": {"system_prompt": "Be nice."}}, "safety.system_prompt", "deployment.system_prompt"),
        ({"safety": {"canaries": "yes"}}, "safety.canaries", "bool"),
        ({"safety": {"suites": [{}]}}, "safety.suites[0]", "name either"),
        ({"safety": {"suites": [{"suite": "medical-boundaries", "file": "file-1"}]}}, "safety.suites[0]", "name either"),
        ({"safety": {"suites": [{"suite": "magic"}]}}, "safety.suites[0].suite", "medical-boundaries"),
        ({"safety": {"suites": [{"suite": "bias"}]}}, "safety.suites[0]", "the policy general measures it already"),
        ({"safety": {"suites": [{"file": "file-1"}, {"file": "file-1"}]}}, "safety.suites[1]", "twice"),
        ({"safety": {"suites": [{"file": "file-1", "margin": 0}]}}, "safety.suites[0].margin", "above 0"),
        ({"safety": {"suites": [{"file": "file-1", "margin": "0.51"}]}}, "safety.suites[0].margin", "at most 0.5"),
        ({"safety": {"suites": [{"suite": "medical-boundaries"}] * 17}}, "safety.suites", "more than 16"),
        ({"suffix": "a:b"}, "suffix", "model's name"),
        ({"suffix": ""}, "suffix", "length"),
        ({"suffix": "x" * 65}, "suffix", "length"),
        ({"seed": -1}, "seed", "from 0"),
        ({"seed": 2**31}, "seed", "2147483647"),
        ({"metadata": {"k" * 65: "v"}}, "metadata", "length"),
        ({"metadata": {str(n): "v" for n in range(17)}}, "metadata", "length"),
        ({"metadata": {"k": "v" * 513}}, "metadata", "length"),
        ({"deployment": {"objective": " "}}, "deployment.objective", "1 to 4000"),
        ({"deployment": {"objective": "x\x1b[2J"}}, "deployment.objective", "control"),
        ({"deployment": {"intended_use": ["ok", ""]}}, "deployment.intended_use[1]", "1 to 4000"),
        ({"deployment": {"intended_use": ["x"] * 51}}, "deployment.intended_use", "more than 50"),
        ({"deployment": {"languages": ["english please"]}}, "deployment.languages[0]", "language tags"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_by_name(asked: dict[str, Any], param: str, words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words) as caught:
        options(**asked)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"sefty": {}}, ["sefty"]),
        ({"safety": {"suites": [{"suite": "bias", "gate": True}]}}, ["safety.suites[0].gate"]),
        ({"dry_run": True}, ["dry_run"]),
        ({"safety": {"mixx": 0.1}, "tuning": {"rnk": 3}}, ["safety.mixx", "tuning.rnk"]),
        ({"deployment": {"prohibited_use": []}}, ["deployment.prohibited_use"]),
        ({"method": {"type": "supervised", "supervised": {"hyperparameters": {"epochs": 3}}}}, ["method.supervised.hyperparameters.epochs"]),
        ({"hyperparameters": {"n_epoch": 3, "lr": 1}, "x": 1}, ["hyperparameters.n_epoch", "hyperparameters.lr", "x"]),
    ],
)  # fmt: skip
def test_every_unknown_field_is_named(asked: dict[str, Any], named: list[str]) -> None:
    with pytest.raises(ApiError, match="Unknown fields") as caught:
        options(**asked)
    assert caught.value.code == "unknown_parameter"
    assert caught.value.param == named[0]
    assert all(name in caught.value.message for name in named)


def test_what_the_evidence_hides_and_the_context_it_is_for_are_kept_as_asked() -> None:
    hide = ["tuning.parameters.*", "data.sources[*].origin", "model.base.licence", "boundaries.objective"]
    filled = options(evidence={"hide": hide}, deployment={"context_tokens": 4096})
    assert filled.evidence.hide == hide
    assert filled.deployment.context_tokens == 4096
    assert stored_request(msgspec.to_builtins(filled)) == filled
    assert options().evidence.hide == []


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("tuning.parameters.lora.r", "names no place"),
        ("tuning.nothing", "names no place"),
        ("tuning", "cannot be hidden"),
        ("tuning.method", "cannot be hidden"),
        ("tuning.parameters", "cannot be hidden"),
        ("tuning.parameters.seed", "learns it from another place"),
        ("tuning.parameters.adapter_scale", "learns it from another place"),
        ("tuning.code", "the provenance names it"),
        ("model.adapter", "the manifest and the plan say it too"),
        ("model.base.name", "the manifest and the plan say it too"),
        ("model.served.tokenizer", "the manifest and the plan say it too"),
        ("*.adapter", "cannot be hidden"),
        ("evaluations[*].table", "cannot be hidden"),
        ("boundaries.prohibited", "cannot be hidden"),
        ("notClaimed[0]", "cannot be hidden"),
        ("data..sources", "is no path"),
        ("", "cannot be hidden"),
        ("a" * 3000, "at most"),
    ],
)
def test_a_pattern_that_cannot_be_met_is_refused_by_its_name(pattern: str, why: str) -> None:
    with pytest.raises(InvalidRequestError, match=why) as refused:
        options(evidence={"hide": ["tuning.steps", pattern]})
    assert refused.value.param == "evidence.hide[1]"
    assert pattern[:60] in str(refused.value)


def test_patterns_are_counted() -> None:
    with pytest.raises(InvalidRequestError, match="more than 64"):
        options(evidence={"hide": ["tuning.steps"] * 65})
