"""What the Containerfiles and the compose file name exists, and nobody is given more than it needs.

Images are not built here. Instead the files are read as what they mean: every program an image runs is followed through
its imports, also those inside functions, and each must be copied into the image or installed there; every process is
started, as far as its settings, with the very environment that compose gives it.
"""

import ast
import re
import sys
import tomllib
from fnmatch import fnmatch
from functools import cache
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from api.settings import ControlSettings, Settings
from api.storage import open_storage
from workers.settings import WorkerSettings

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
COMPOSE = yaml.safe_load((INFRA / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
CONTAINERFILES = {
    "service": INFRA / "containers" / "service.Containerfile",
    "worker": INFRA / "containers" / "worker.Containerfile",
}
OURS = {name: Path(spec["build"]["dockerfile"]).stem for name, spec in SERVICES.items() if "build" in spec}
WORKERS = [name for name, image in OURS.items() if image == "worker"]
PYTHON_SERVICES = sorted(OURS)
STARTED_BY_PATH = {"service": ["migrations.env"], "worker": ["workers.stages"]}
"""Programs that no import leads to: Alembic loads its environment as a file, the worker starts its stages as a process."""
READ_BY_BOTO3 = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
EXAMPLE = dict(
    line.split("=", 1)
    for line in (INFRA / ".env.example").read_text().splitlines()
    if line and not line.startswith("#")
)


def instructions(image: str) -> list[tuple[str, str]]:
    """Instruction and argument, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", CONTAINERFILES[image].read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [tuple(line.split(maxsplit=1)) for line in lines if line.strip()]


def final_stage(image: str) -> list[tuple[str, str]]:
    found = instructions(image)
    last = max(index for index, (word, _) in enumerate(found) if word == "FROM")
    return found[last:]


def copied(image: str, *, stage: list[tuple[str, str]] | None = None) -> list[str]:
    """What is copied from the repository, not from another stage."""
    copies = [argument.split() for word, argument in stage or instructions(image) if word == "COPY"]
    return [source for words in copies if not words[0].startswith("--from") for source in words[:-1]]


def environment(service: str) -> dict[str, str]:
    """As compose would hand it over, every secret filled in with its own name."""

    def value(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        assert name in EXAMPLE, f"{name} is not in .env.example"
        return EXAMPLE[name] or (f"filled-in-{name.lower()}".replace("_", "-") if default is None else default)

    pattern = re.compile(r"\$\{(?P<name>\w+)(?::(?:\?|-(?P<default>[^}]*)))\}")
    given = SERVICES[service].get("environment", {})
    return {name: pattern.sub(value, str(text)) for name, text in given.items()}


class Recorded(dict[str, str]):
    """An environment that remembers what was looked for."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.read: set[str] = set()

    def get(self, name: str, default: str | None = None) -> str | None:
        self.read.add(name)
        return super().get(name, default)


def module_file(module: str) -> Path | None:
    path = ROOT.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def imports_of(file: Path) -> set[str]:
    """Every module that the file imports, wherever in it, but for type checking; ``from a import b`` gives a and a.b."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(file.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        waiting.extend(ast.iter_child_nodes(node))
    return found


def followed(modules: list[str]) -> tuple[set[Path], set[str]]:
    """The repository's files that these modules need, and the top-level names of everything else that they import."""
    files: set[Path] = set()
    foreign: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        top = module.split(".")[0]
        if not (ROOT / top).is_dir():
            foreign.add(top)
            continue
        parents = [".".join(module.split(".")[:depth]) for depth in range(1, module.count(".") + 2)]
        fresh = {file for parent in parents if (file := module_file(parent))} - files
        files |= fresh
        for file in fresh:
            waiting.extend(imports_of(file))
    return files, foreign - set(sys.stdlib_module_names)


def runs(image: str) -> list[str]:
    """Every module started with ``python -m`` by the image itself or by a compose service made from it."""
    commands = [argument for word, argument in instructions(image) if word in {"CMD", "HEALTHCHECK"}]
    services = [SERVICES[name] for name, built in OURS.items() if built == image]
    commands += [str(spec.get(key)) for spec in services for key in ("command", "healthcheck")]
    found = {name for text in commands for name in re.findall(r"""['"]-m['"], ['"]([\w.]+)['"]""", text)}
    return sorted(f"{name}.__main__" if (ROOT.joinpath(*name.split("."))).is_dir() else name for name in found)


@cache
def installed_by(group: str) -> frozenset[str]:
    """Normalised names of the distributions that a group and the project itself bring, through all their requirements."""
    asked = PROJECT["dependency-groups"][group] + PROJECT["project"]["dependencies"]
    waiting, seen = [Requirement(text) for text in asked], set[tuple[str, frozenset[str]]]()
    while waiting:
        wanted = waiting.pop()
        key = (re.sub(r"[-_.]+", "-", wanted.name).lower(), frozenset(wanted.extras))
        if key in seen:
            continue
        seen.add(key)
        for text in metadata.requires(wanted.name) or []:
            inner = Requirement(text)
            if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in ("", *wanted.extras)):
                waiting.append(inner)
    return frozenset(name for name, _ in seen)


@pytest.mark.parametrize("image", CONTAINERFILES)
def test_what_is_copied_exists_and_is_let_into_the_build(image):
    ignore = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert ignore[0] == "*", "the list must let in, not keep out"
    allowed = [line.removeprefix("!") for line in ignore if line.startswith("!")]
    sources = copied(image)
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(source == name or source.startswith(f"{name}/") for name in allowed), f"{source} is ignored"


@pytest.mark.parametrize("image", CONTAINERFILES)
def test_every_program_finds_its_modules_and_libraries(image):
    programs = runs(image)
    assert len(programs) >= 2
    for program in programs:
        assert module_file(program), program
        assert '__name__ == "__main__"' in module_file(program).read_text(), program
    files, foreign = followed(programs + STARTED_BY_PATH[image])
    inside = [ROOT / source for source in copied(image, stage=final_stage(image))]
    missing = [file for file in files if not any(file.is_relative_to(source) for source in inside)]
    assert not missing, missing
    brought = installed_by(image)
    owners = metadata.packages_distributions()
    for name in foreign:
        providers = {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners[name]}
        assert providers & brought, f"{name} is imported, but the group {image!r} does not bring it"


def test_each_image_lacks_the_other_sides_libraries():
    assert "asyncpg" in installed_by("service")
    assert not {"torch", "transformers", "trl", "peft", "bitsandbytes"} & installed_by("service")
    assert not {"sqlalchemy", "asyncpg", "aiosqlite", "litestar", "boto3", "alembic"} & installed_by("worker")
    assert not [source for source in copied("worker") if source.startswith(("api", "migrations"))]


@pytest.mark.parametrize("image", CONTAINERFILES)
def test_groups_and_constraints_are_those_of_the_project(image):
    installs = re.findall(r"pip install ([^&;]*)", " ".join(argument for word, argument in instructions(image)))
    groups = {group for install in installs for group in re.findall(r"--group (\S+)", install)}
    assert groups == {image}
    assert groups <= set(PROJECT["dependency-groups"])
    assert all("--constraint constraints.txt" in install or '"pip>=25.1"' in install for install in installs)
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    names = {re.sub(r"[-_.]+", "-", name).lower() for name in pinned}
    unpinned = {name for name in installed_by(image) if not name.startswith(("nvidia-", "cuda-"))} - names
    assert unpinned <= {"triton", "setuptools"}, unpinned


def test_both_variants_of_the_worker_come_from_one_file_and_no_index_is_built_in():
    assert sorted(SERVICES[name]["build"]["args"]["VARIANT"] for name in WORKERS) == ["cpu", "cuda"]
    assert len({SERVICES[name]["build"]["dockerfile"] for name in WORKERS}) == 1
    assert {SERVICES[name]["profiles"][0] for name in WORKERS} == {"cpu", "gpu"}
    assert ("ARG", "TORCH_INDEX=") in instructions("worker")
    assert not [file for file in CONTAINERFILES.values() if re.search(r"https?://", file.read_text())]
    assert "torch==2.13.0" in PROJECT["dependency-groups"]["worker"]
    assert "\ntorch==2.13.0\n" in (ROOT / "constraints.txt").read_text()


def test_images_are_pinned_to_a_version():
    bases = [
        argument.split()[0] for image in CONTAINERFILES for word, argument in instructions(image) if word == "FROM"
    ]
    assert len(set(bases)) == 1
    python = re.fullmatch(r".*/python:(\d+\.\d+\.\d+)-slim-\w+", bases[0])
    assert python[1] in SpecifierSet(PROJECT["project"]["requires-python"])
    for name, spec in SERVICES.items():
        tag = spec["image"].rpartition(":")[2]
        assert re.match(r"v?\d+\.\d+", tag), f"{name}: {spec['image']}"
        if name in OURS:
            assert tag.partition("-")[0] == PROJECT["project"]["version"], name


@pytest.mark.parametrize("image", CONTAINERFILES)
def test_images_run_as_nobody_in_particular_and_hold_no_secret(image):
    stage = final_stage(image)
    assert ("USER", "10001:10001") in stage
    assert [word for word, _ in stage].index("USER") > max(i for i, (word, _) in enumerate(stage) if word == "COPY")
    assert any(word == "HEALTHCHECK" for word, _ in stage)
    for word, argument in instructions(image):
        if word in {"ENV", "ARG"}:
            assert not re.search(r"PASSWORD|PASSPHRASE|SECRET|TOKEN|_KEY|_URL", argument), argument


@pytest.mark.parametrize("service", PYTHON_SERVICES)
def test_our_containers_cannot_write_to_their_image_or_gain_rights(service):
    spec = SERVICES[service]
    assert spec["read_only"] is True
    assert spec["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in spec["security_opt"]
    assert Path(INFRA / spec["build"]["context"]).resolve() == ROOT
    assert (ROOT / spec["build"]["dockerfile"]).is_file()


def test_the_api_starts_with_what_it_is_given():
    env = Recorded(environment("api"))
    settings = Settings.from_env(env)
    source = (ROOT / "api" / "__main__.py").read_text()
    own = set(re.findall(r'environ\.get\("(TUNEPROOF_\w+)"', source))
    assert set(env) - env.read == own | READ_BY_BOTO3
    assert "signing" not in str(env).lower()
    _check_storage(settings, env, "api")


def test_control_starts_with_what_it_is_given():
    env = Recorded(environment("control"))
    settings, control = Settings.from_env(env), ControlSettings.from_env(env)
    assert set(env) - env.read == READ_BY_BOTO3
    _check_storage(settings, env, "control")
    assert mount_of("control", Path(control.signing_key))[0] == "keys"
    assert SERVICES["issuer-key"]["command"][-1] == control.signing_key
    assert environment("issuer-key")["TUNEPROOF_ISSUER"] == control.issuer


def _check_storage(settings, env, service):
    """Grants name a host that the workers find, too; the catalog and the scratch directory are where something is mounted."""
    repr(open_storage(settings.storage)).index("S3Storage")
    host = urlsplit(settings.storage.s3_endpoint).hostname
    assert host in reachable(service)
    assert all(reachable(worker)[host] == "objects-gate" for worker in WORKERS)
    assert mount_of(service, settings.catalog)[2] == "ro"
    assert mount_of(service, settings.scratch)[2] == "rw"


@pytest.mark.parametrize("service", WORKERS)
def test_a_worker_is_given_nothing_worth_stealing(service):
    env = Recorded(environment(service))
    settings = WorkerSettings.from_env(env)
    assert set(env) == env.read
    assert not [name for name in env if re.search(r"DATABASE|STORAGE|SIGNING|ISSUER|AWS|S3|SECRET", name)]
    secrets = {text for name, text in environment("control").items() if re.search(r"DATABASE|SECRET|SIGNING|AWS", name)}
    assert not secrets & set(env.values())
    assert mount_of(service, settings.catalog)[2] == "ro"
    assert mount_of(service, settings.work_dir)[0] == "work"
    assert "keys" not in [volume.split(":")[0] for volume in SERVICES[service]["volumes"]]


@pytest.mark.parametrize("service", WORKERS)
def test_a_worker_reaches_the_queue_and_the_gate_alone(service):
    ours = {*WORKERS, "control", "valkey", "objects-gate"}
    assert set(reachable(service).values()) <= ours, "control listens on no port; the rest is the queue and the gate"
    assert all(COMPOSE["networks"][name]["internal"] for name in networks_of(service))
    assert SERVICES["objects-gate"]["command"] == ["TCP-LISTEN:8333,fork,reuseaddr", "TCP:store:8333"]
    assert reachable("objects-gate")["store"] == "store"
    loopback = {"-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0"}
    assert loopback <= set(SERVICES["store"]["command"])


def test_the_signing_key_is_mounted_where_it_signs_and_where_it_is_made():
    holders = {name: spec for name, spec in SERVICES.items() if any("keys:" in v for v in spec.get("volumes", []))}
    assert set(holders) == {"control", "issuer-key"}
    assert holders["control"]["volumes"][-1].endswith(":ro")
    assert holders["issuer-key"]["network_mode"] == "none"
    assert not [n for n in SERVICES if "SIGNING" in str(environment(n)) and n not in holders]


@pytest.mark.parametrize("service", PYTHON_SERVICES)
def test_every_host_in_an_address_is_found(service):
    for name, value in environment(service).items():
        host = urlsplit(value).hostname
        if host and name not in {"TUNEPROOF_ISSUER", "TUNEPROOF_STORAGE_URL"}:
            assert host in {*reachable(service), service}, f"{service} cannot reach {host} ({name})"


@pytest.mark.parametrize("service", SERVICES)
def test_whoever_is_waited_for_can_become_ready(service):
    for other, wanted in SERVICES[service].get("depends_on", {}).items():
        spec = SERVICES[other]
        assert not set(spec.get("profiles", [])), f"{other} is not always started"
        if wanted["condition"] == "service_healthy":
            assert "test" in spec["healthcheck"]
        if wanted["condition"] == "service_completed_successfully":
            assert spec["restart"] == "no"


def test_ports_agree():
    default = re.search(r'"TUNEPROOF_PORT", "(\d+)"', (ROOT / "api" / "__main__.py").read_text())[1]
    assert ("EXPOSE", default) in instructions("service")
    assert environment("api")["TUNEPROOF_PORT"] == default
    assert SERVICES["api"]["ports"] == [f"127.0.0.1:${{PUBLISHED_PORT:-{EXAMPLE['PUBLISHED_PORT']}}}:{default}"]
    assert urlsplit(environment("api")["TUNEPROOF_INTERNAL_URL"]).port == int(default)
    assert [name for name, spec in SERVICES.items() if "ports" in spec] == ["api"]


def test_the_example_names_every_variable_and_gives_away_no_secret():
    asked = set(re.findall(r"\$\{(\w+)", (INFRA / "compose.yaml").read_text()))
    assert asked | {"COMPOSE_PROFILES"} == set(EXAMPLE)
    assert not [name for name, value in EXAMPLE.items() if value and re.search(r"PASS|SECRET|KEY|ISSUER", name)]
    assert EXAMPLE["COMPOSE_PROFILES"] in {SERVICES[name]["profiles"][0] for name in WORKERS}


def networks_of(service: str) -> list[str]:
    return list(SERVICES[service].get("networks", []))


def reachable(service: str) -> dict[str, str]:
    """Host name to service, over every network that both are on. A name that two answer to fails."""
    found: dict[str, str] = {}
    for network in networks_of(service):
        for other, spec in SERVICES.items():
            if network not in networks_of(other) or other == service:
                continue
            attached = spec["networks"]
            aliases = (attached[network] or {}).get("aliases", []) if isinstance(attached, dict) else []
            for name in (other, *aliases):
                assert found.setdefault(name, other) == other, f"{name} is ambiguous for {service}"
    return found


def mount_of(service: str, path: Path) -> tuple[str, str, str]:
    """Source, target and mode of the mount that holds ``path``."""
    mounts = [("tmpfs", text.split(":")[0], "rw") for text in SERVICES[service]["tmpfs"]]
    for text in SERVICES[service].get("volumes", []):
        source, target, mode = re.fullmatch(r"(\$\{[^}]+\}|[^:]+):([^:]+)(?::(ro))?", text).groups()
        assert source.startswith("${") or source in COMPOSE["volumes"]
        mounts.append((source, target, mode or "rw"))
    return next(mount for mount in mounts if path.is_relative_to(mount[1]))


def test_a_directory_that_a_volume_lies_on_belongs_to_the_images_user():
    for service, image in OURS.items():
        made = " ".join(argument for word, argument in final_stage(image) if word == "RUN")
        for text in SERVICES[service].get("volumes", []):
            if fnmatch(text, "[a-z]*:/var/lib/*"):
                assert f" {text.split(':')[1]}" in made, f"{service}: {text}"
