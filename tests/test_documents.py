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
