"""What the operator's and contributor's pages name exists: files, modules, variables, commands of make, headings of links."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/architecture.md",
    "docs/operating.md",
    "infra/README.md",
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs" / "decisions").glob("*.md")),
]
SOURCES = [
    path for part in ("api", "workers", "migrations", "attestations", "tests") for path in (ROOT / part).rglob("*.py")
]
SOURCES.remove(Path(__file__))
TOP = r"(?:api|workers|attestations|migrations|infra|tests|docs|containers|local|demo)"


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_paths_exist(page):
    named = set(re.findall(rf"`({TOP}/[\w./-]*|\.ci/run|\w+\.(?:toml|txt|md|yaml))`", text_of(page)))
    bases = [ROOT, ROOT / "infra"]
    absent = {name for name in named - {"trust.json"} if not any((base / name).exists() for base in bases)}
    assert not {name for name in absent if "NAME" not in name}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", text_of(page)):
        assert target.startswith("https://") or ((ROOT / page).parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES)
def test_modules_can_be_run(page):
    for module in re.findall(r"python -m ([a-z_.]+[a-z_])", text_of(page)):
        if module in {"venv", "pip", "pytest"}:
            continue
        path = ROOT.joinpath(*module.split("."))
        assert (path / "__main__.py").is_file() or '__name__ == "__main__"' in path.with_suffix(".py").read_text(), (
            module
        )


@pytest.mark.parametrize("page", PAGES)
def test_commands_of_make_exist(page):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^ {4})make ([a-z]+)", text_of(page), re.MULTILINE)) <= targets


@pytest.mark.parametrize("page", PAGES)
def test_variables_are_read_somewhere(page):
    code = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    for name in set(re.findall(r"TUNEPROOF_[A-Z0-9_]+", text_of(page))):
        assert f'"{name}"' in code, name


def test_every_variable_of_the_product_is_explained():
    code = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES if "tests" not in path.parts)
    read = set(re.findall(r'"(TUNEPROOF_[A-Z0-9_]+)"', code)) - {"TUNEPROOF_ACCEPTED"}  # a word of buyers' verdicts
    assert read <= set(re.findall(r"`(TUNEPROOF_[A-Z0-9_]+)`", text_of("docs/operating.md")))


def test_log_lines_that_are_explained_are_written():
    code = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES if "tests" not in path.parts)
    table = text_of("docs/operating.md").split("| you see | it means |")[1].split("\n\n")[0]
    named = re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)
    assert len(named) > 4
    assert not [event for event in named if f'"{event}"' not in code]


def test_decisions_are_numbered_and_complete():
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    for path in records:
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {path.name[:4]}: ")
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences", "Alternatives"], path.name
