"""Assembles `verify.html` from `src/`, deterministically and with nothing but the standard library.

There is no bundler, so the modules keep to a convention that is checked here, and whoever breaks it is told the line:

- imports come first, one statement for each module: `import { a, b } from "./x.js";`, no renaming, no side effects alone;
- exports stand before what they export: `export function`, `export async function`, `export const`, `export class`;
- no module imports itself on any way round.

Each module becomes a function of its own that returns its exports, so their private names never meet. The Content Security
Policy names the one script and the one style by their hash and allows nothing else: no request, no frame, no other script.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parent / "src"
ENTRY = "page.js"
_IMPORT = re.compile(
    r'^import \{\s*([A-Za-z_$][\w$]*(?:,\s*[A-Za-z_$][\w$]*)*),?\s*\} from "(\.[\w./]+\.js)";\n', re.MULTILINE
)
_EXPORT = re.compile(r"^export (?=(?:async )?function |const |class )", re.MULTILINE)
_EXPORTED = re.compile(r"^export (?:async function|function|const|class) ([A-Za-z_$][\w$]*)", re.MULTILINE)
_LEFT_OVER = re.compile(r"^\s*(?:import|export)\b.*$|\bimport\s*\(|\bimport\.meta\b", re.MULTILINE)
_REFUSED = re.compile(
    r"</script|<!--|\beval\s*\(|\bFunction\s*\(|innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc"
    r"|\bfetch\s*\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts|localStorage|\bcookie\b",
    re.IGNORECASE,
)


class AssemblyError(Exception):
    """A source file does not keep to the convention."""


@dataclass(frozen=True, slots=True)
class Module:
    """One source file: whose names it uses, what it exports, and its text without either statement."""

    name: str
    imports: Mapping[str, tuple[str, ...]]
    exports: tuple[str, ...]
    body: str

    @property
    def variable(self) -> str:
        return "module_" + re.sub(r"\W", "_", self.name.removesuffix(".js"))


def assemble(source: Path = SOURCE) -> str:
    """The text of `verify.html`."""
    script = "\n" + _script(_in_order(source)) + "\n"
    style = "\n" + (source / "style.css").read_text(encoding="utf-8")
    _refuse(style, "style.css", re.compile(r"</style|@import|url\s*\(", re.IGNORECASE))
    frame = (source / "page.html").read_text(encoding="utf-8")
    parts = {"{{policy}}": policy(script, style), "{{style}}": style, "{{script}}": script}
    for mark, text in parts.items():
        if frame.count(mark) != 1:
            raise AssemblyError(f"page.html holds {mark} {frame.count(mark)} times, and must once")
        frame = frame.replace(mark, text)
    return frame


def policy(script: str, style: str) -> str:
    """The Content Security Policy under which this script and this style run, and nothing else does anything."""
    allowed = [
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in (script, style)
    ]
    return (
        f"default-src 'none'; script-src {allowed[0]}; style-src {allowed[1]}; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def parse_module(name: str, text: str) -> Module:
    """The module in a source file's text; raises `AssemblyError`, naming the line that breaks the convention."""
    if "\r" in text:
        raise AssemblyError(f"{name}: lines end in a line feed alone")
    _refuse(text, name, _REFUSED)
    folder = Path(name).parent
    imports: dict[str, tuple[str, ...]] = {}
    for names, path in _IMPORT.findall(text):
        target = _normal(folder / path, name)
        if target in imports:
            raise AssemblyError(f"{name}: {target} is imported twice")
        imports[target] = tuple(part.strip() for part in names.split(","))
    exports = tuple(_EXPORTED.findall(text))
    body = _EXPORT.sub("", _IMPORT.sub("", text))
    left = _LEFT_OVER.search(body)
    if left is not None:
        raise AssemblyError(f"{name}: this import or export is of no form that is assembled: {left.group().strip()}")
    return Module(name, imports, exports, body.strip("\n"))


def _normal(path: Path, name: str) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            if not parts:
                raise AssemblyError(f"{name}: {path} lies outside of src/")
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def _refuse(text: str, name: str, what: re.Pattern[str]) -> None:
    found = what.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        raise AssemblyError(f"{name}, line {line}: {found.group()!r} has no place in the page")


def _in_order(source: Path) -> list[Module]:
    """The entry and everything it needs, each after what it imports."""
    ordered: dict[str, Module] = {}
    entered: list[str] = []

    def visit(name: str) -> Module:
        if name in entered:
            raise AssemblyError(f"modules import each other: {' → '.join([*entered, name])}")
        if name not in ordered:
            entered.append(name)
            module = parse_module(name, (source / name).read_text(encoding="utf-8"))
            for target, names in module.imports.items():
                missing = set(names) - set(visit(target).exports)
                if missing:
                    raise AssemblyError(f"{name} imports {min(missing)} from {target}, which exports no such name")
            entered.pop()
            ordered[name] = module
        return ordered[name]

    visit(ENTRY)
    return list(ordered.values())


def _script(modules: list[Module]) -> str:
    variables = {module.name: module.variable for module in modules}
    if len(set(variables.values())) != len(variables):
        raise AssemblyError("two modules have names that differ in marks alone")
    parts = ['"use strict";']
    for module in modules:
        taken = [f"const {{ {', '.join(names)} }} = {variables[name]};" for name, names in module.imports.items()]
        given = (
            f"return Object.freeze({{ {', '.join(module.exports)} }});"
            if module.exports
            else "return Object.freeze({});"
        )
        inner = "\n".join([*taken, module.body, given])
        parts.append(f"// {module.name}\nconst {module.variable} = (() => {{\n{inner}\n}})();")
    return "\n\n".join(parts)
