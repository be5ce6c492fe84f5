"""The documents say what is there: links lead somewhere, make targets and modules exist, code parses."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("infra/*.md")])
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def of_page(pattern: str, flags: int = 0):
    return [
        pytest.param(page, match, id=f"{page.name}-{str(match)[:40]}")
        for page in PAGES
        for match in sorted(set(re.findall(pattern, page.read_text(), flags)))
    ]


@pytest.mark.parametrize(("page", "target"), of_page(r"\]\((?!https?:|#)([^)#\s]+)"))
def test_links_lead_somewhere(page, target):
    assert (page.parent / target).exists()


def anchors(page: Path) -> set[str]:
    """The names under which a page's headings are reached, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(("page", "target"), of_page(r"\]\((?!https?:)([^)#\s]*#[^)\s]+)"))
def test_headings_that_links_name_are_there(page, target):
    file, _, heading = target.partition("#")
    other = page.parent / file if file else page
    if other.suffix == ".md":
        assert heading in anchors(other)


@pytest.mark.parametrize("part", ["attestations", "api/issuance", "api/evidence", "api/published"])
def test_the_architecture_has_a_place_for_every_module(part):
    text = (ROOT / "docs" / "architecture.md").read_text()
    modules = [path for path in (ROOT / part).rglob("*.py") if path.name != "__init__.py"]
    common = {"repository.py", "schemas.py", "service.py", "views.py"}  # the same in every feature, as controllers are
    assert len(modules) > 4
    named = {path.name for path in modules if not path.name.endswith("controllers.py")}
    assert named - common <= set(re.findall(r"([\w]+\.py)`", text))


@pytest.mark.parametrize(("page", "target"), of_page(r"`make ([a-z-]+)|^make ([a-z-]+)", re.MULTILINE))
def test_make_targets_exist(page, target):
    assert next(filter(None, target)) in TARGETS


@pytest.mark.parametrize(
    ("page", "module"), of_page(r"python -m ((?:api|workers|attestations|migrations|infra|tests)[\w.]*\w)")
)
def test_modules_exist(page, module):
    assert importlib.util.find_spec(module) is not None


@pytest.mark.parametrize(("page", "code"), of_page(r"```python\n(.*?)```", re.DOTALL))
def test_code_parses(page, code):
    ast.parse(code)
