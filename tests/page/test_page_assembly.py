"""The committed page is what its sources give, and the assembler names whoever breaks its convention."""

import base64
import hashlib
import re
from pathlib import Path

import pytest

from attestations.page import assemble, document, shapes
from attestations.page.assemble import AssemblyError, parse_module

SOURCE = assemble.SOURCE


def test_the_shapes_are_those_of_the_dataclasses() -> None:
    assert shapes.FILE.read_text(encoding="utf-8") == shapes.make(), "run: python -m attestations.page"


def test_the_page_is_what_its_sources_give() -> None:
    assert document.read().decode() == assemble.assemble(), "run: python -m attestations.page"
    assert assemble.assemble() == assemble.assemble()


def test_every_class_with_rules_of_its_own_has_them_on_the_page() -> None:
    ruled = set(re.search(r"RULED = \[(.*)\]", shapes.make())[1].replace('"', "").split(", "))
    table = (SOURCE / "rule_table.js").read_text(encoding="utf-8")
    written = set(re.findall(r"^  (\w+): ", table[table.index("export const RULES") :], re.MULTILINE))
    with_keys = {"TimestampAuthority", "TrustRoot", "TrustedKey", "_FileV1"}  # in trust.js
    assert ruled == written | with_keys


def test_every_source_is_part_of_the_page() -> None:
    page = document.read().decode()
    for path in SOURCE.rglob("*.js"):
        assert f"// {path.relative_to(SOURCE).as_posix()}\n" in page


def test_the_policy_names_the_script_and_the_style_and_nothing_else() -> None:
    page = document.read().decode()
    [script], [style] = (re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL) for tag in ("script", "style"))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in (script, style)
    ]
    assert policy.startswith(f"default-src 'none'; script-src {hashes[0]}; style-src {hashes[1]}; ")
    assert "unsafe" not in policy
    assert document.header_policy(page.encode()) == f"{policy}; frame-ancestors 'none'"
    assert not re.search(r"\b(?:src|href|action|on\w+|style)=", page.replace(script, ""))


def test_a_page_without_a_policy_has_no_header() -> None:
    with pytest.raises(ValueError, match="no Content-Security-Policy"):
        document.header_policy(b"<p>")


@pytest.mark.parametrize(
    "line",
    [
        'import { a as b } from "./x.js";',
        'import * as x from "./x.js";',
        'import x from "./x.js";',
        'import "./x.js";',
        'const x = await import("./x.js");',
        "export default 1;",
        "export let a = 1;",
        "export { a };",
        'export * from "./x.js";',
        "here(import.meta.url);",
        'node.innerHTML = "<p>";',
        'fetch("https://example.org");',
        "eval(text);",
        'const x = "</script>";',
        'const x = "<!--";',
        "const x = 1;\r",
        'import { a } from "../outside.js";',
        'import { a } from "./x.js";\nimport { b } from "./x.js";',
    ],
)
def test_what_breaks_the_convention_is_refused(line: str) -> None:
    with pytest.raises(AssemblyError, match=r"^m\.js"):
        parse_module("m.js", f"{line}\n")


def test_a_module_is_taken_apart() -> None:
    text = 'import { a, b } from "./n/x.js";\nimport {\n  c,\n} from "./y.js";\n\nexport const d = 1;\nexport async function e() {}\n'
    module = parse_module("m.js", text)
    assert module.imports == {"n/x.js": ("a", "b"), "y.js": ("c",)}
    assert module.exports == ("d", "e")
    assert module.body == "const d = 1;\nasync function e() {}"


def write(directory: Path, **modules: str) -> Path:
    (directory / "page.html").write_text("{{policy}}{{style}}{{script}}")
    (directory / "style.css").write_text("p { margin: 0 }")
    for name, text in modules.items():
        (directory / f"{name}.js").write_text(text)
    return directory


def test_modules_stand_after_what_they_import_and_meet_in_no_name(tmp_path: Path) -> None:
    made = assemble.assemble(
        write(
            tmp_path,
            page='import { a } from "./x.js";\nconst own = 1;\na(own);\n',
            x="const own = 2;\nexport function a(value) { return own + value; }\n",
        )
    )
    assert made.index("// x.js") < made.index("// page.js")
    assert "const { a } = module_x;" in made


@pytest.mark.parametrize(
    ("modules", "words"),
    [
        ({"page": 'import { a } from "./page.js";\nexport const a = 1;\n'}, "import each other"),
        ({"page": 'import { a } from "./x.js";\n', "x": 'import { b } from "./page.js";\n'}, "import each other"),
        ({"page": 'import { a } from "./x.js";\n', "x": "const a = 1;\n"}, "exports no such name"),
        ({"page": 'import { a } from "./a.b.js";\nimport { c } from "./a_b.js";\n', "a.b": "export const a = 1;\n", "a_b": "export const c = 1;\n"}, "differ in marks alone"),
    ],
)  # fmt: skip
def test_modules_that_do_not_fit_are_refused(modules: dict[str, str], words: str, tmp_path: Path) -> None:
    with pytest.raises(AssemblyError, match=words):
        assemble.assemble(write(tmp_path, **modules))


def test_a_style_that_loads_something_is_refused(tmp_path: Path) -> None:
    source = write(tmp_path, page="const a = 1;\n")
    (source / "style.css").write_text("p { background: url(https://example.org/x.png) }")
    with pytest.raises(AssemblyError, match="no place in the page"):
        assemble.assemble(source)
