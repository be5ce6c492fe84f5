"""From the patterns of a job to the paths in each of its documents."""

import pytest

from api.issuance.hiding import hides, plan_paths, predicate_paths, provenance_paths, without_sources

PREDICATE = {
    "tuning": {
        "method": "lora",
        "parameters": {"learning_rate": "0.001", "lora.r": "16", "seed": "7", "steps": "57", "adapter_scale": "0.5"},
        "software": {"torch": "2.13", "peft": "1"},
        "steps": 57,
    },
    "environment": {"hardware": "cpu", "software": {"torch": "2.13", "trl": "1"}},
    "data": {"sources": [{"id": "faq", "licence": "MIT"}, {"id": "chat", "licence": "MIT"}]},
}


@pytest.mark.parametrize(
    ("patterns", "paths"),
    [
        ([], []),
        (["tuning.parameters.learning_rate"], ["tuning.parameters.learning_rate"]),
        (["tuning.parameters.rank"], ["tuning.parameters.lora~1r"]),
        (
            ["tuning.parameters.*"],
            ["tuning.parameters.learning_rate", "tuning.parameters.lora~1r", "tuning.parameters.steps", "tuning.steps"],
        ),
        (["tuning.steps"], ["tuning.parameters.steps", "tuning.steps"]),
        (["tuning.software.torch"], ["tuning.software.torch", "environment.software.torch"]),
        (["environment.software.trl"], ["environment.software.trl"]),
        (["environment"], ["tuning.software", "environment"]),
        (["data.sources[1].id"], ["data.sources[1].id"]),
        (["data.sources[*].id"], ["data.sources[0].id", "data.sources[1].id"]),
        (["data.sources[0]", "data.sources[*].id"], ["data.sources[0]", "data.sources[1].id"]),
        (["tuning.parameters.seed", "tuning.parameters.nothing"], []),
    ],
)
def test_paths_of_the_predicate(patterns: list[str], paths: list[str]) -> None:
    assert predicate_paths(PREDICATE, patterns) == paths


def test_the_same_setting_is_hidden_in_plan_and_provenance() -> None:
    tuning = {"technique": "lora", "rank": "16", "epochs": "3", "alpha": "32"}
    patterns = ["tuning.parameters.lora~1r", "tuning.parameters.num_train_epochs"]
    assert plan_paths(tuning, patterns) == ["tuning.rank", "tuning.epochs"]
    assert provenance_paths(tuning | {"requested_rank": "8"}, {"lora.r": "16", "optim": "adamw"}, patterns) == [
        "buildDefinition.externalParameters.rank",
        "buildDefinition.externalParameters.epochs",
        "buildDefinition.externalParameters.requested_rank",
        "buildDefinition.internalParameters.lora~1r",
    ]


@pytest.mark.parametrize("name", ["technique", "model", "seed", "data_seed", "adapter_scale", "requested_seed"])
def test_what_every_reader_learns_elsewhere_stays_open(name: str) -> None:
    assert not hides(["tuning.parameters.*", f"tuning.parameters.{name}"], name)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("source 'faq' has two", "source '(hidden)' has two"),
        ("faq: 3, faq-2: 4, my.faq: 5, FAQ, faq.", "(hidden): 3, faq-2: 4, my.faq: 5, FAQ, (hidden)."),
        ("chat stays, for it is not hidden", "chat stays, for it is not hidden"),
    ],
)
def test_texts_of_workers_lose_the_ids_of_hidden_sources_alone(text: str, shown: str) -> None:
    assert without_sources(text, ["faq", "chat"], ["data.sources[0].id"]) == shown
    assert without_sources(text, ["faq", "chat"], ["tuning.parameters.*"]) == text
