"""Row 6: another model than the one that was attested, part by part of what is served."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from attestations import canonical, manifest
from attestations.digests import Sha256
from attestations.statements import frame, model_signing
from attestations.tuned import ManifestDigest
from tests.attestations.attacks.scene import (
    ACCEPT,
    CRYPTO,
    FAIL,
    MALFORMED,
    NOT_CHECKED,
    POLICY,
    REFUSED,
    Attack,
    Handed,
    Scene,
)
from tests.attestations.statements.complete import model_subject


def served(spoil: Callable[[Path], object]) -> Callable[[Scene], Handed]:
    """The evidence beside a copy of the model in which something is other."""

    def carry_out(scene: Scene) -> Handed:
        directory = scene.copy(scene.good)
        spoil(directory)
        return scene.hand(scene.good.parts, model_dir=directory)

    return carry_out


def exchanged(directory: Path) -> None:
    """Two files swap their names: the same contents, and a root over contents alone may stay as it was."""
    one, other, aside = directory / ".hidden", directory / "chat_template.jinja", directory / "aside"
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def forged_signature_file(directory: Path) -> None:
    """What lies in the place where model.sig may lie, and is not the bundle's."""
    (directory / "model.sig").write_bytes(b"{}")


def oms_root_as_subject(scene: Scene) -> Handed:
    made = scene.good
    value = canonical.parse(made.stated.encode(), what="it", max_bytes=10**7)
    value["subject"][0]["digest"] = {"sha256": made.predicate.model.oms_root.sha256}
    return scene.hand(made.signed(canonical.encode(value)))


def oms_root_beside_the_subject(scene: Scene) -> Handed:
    """in-toto lets any digest of a subject match, so a second, weaker one would decide."""
    made = scene.good
    value = canonical.parse(made.stated.encode(), what="it", max_bytes=10**7)
    value["subject"][0]["digest"]["omsRoot"] = made.predicate.model.oms_root.sha256
    return scene.hand(made.signed(canonical.encode(value)))


def two_subjects(scene: Scene) -> Handed:
    value = canonical.parse(scene.good.stated.encode(), what="it", max_bytes=10**7)
    other = canonical.parse(scene.other.stated.encode(), what="it", max_bytes=10**7)
    value["subject"].append(other["subject"][0])
    return scene.hand(scene.good.signed(canonical.encode(value)))


def renamed_in_the_manifest(scene: Scene) -> Handed:
    """The contents exchange their names in manifest, subject and model.sig; only the bytes of the model could tell."""
    made = scene.good
    names = [entry.name for entry in made.manifest.files]
    entries = [replace(entry, name=name) for entry, name in zip(made.manifest.files, reversed(names), strict=True)]
    return scene.hand(replace(made.parts, unverified_manifest=manifest.Manifest.of(entries).encode()))


def false_dir_hash(scene: Scene) -> Handed:
    """The second digest of the subject is another model's, for tools that compare that one."""
    made, other = scene.good, scene.other
    digest = ManifestDigest(made.manifest.digest, other.manifest.dir_hash)
    model = replace(made.predicate.model, manifest=replace(made.predicate.model.manifest, digest=digest))
    subject = model_subject(made.manifest)
    subject = replace(subject, digest=replace(subject.digest, dir_hash=other.manifest.dir_hash))
    stated = replace(made.stated, subject=subject, predicate=replace(made.predicate, model=model))
    return scene.hand(made.signed(stated.encode()))


def other_template(scene: Scene) -> Handed:
    made = scene.good
    said = replace(made.predicate.model.served, chat_template=Sha256.of(b"another"))
    return scene.hand(made.lying(model=replace(made.predicate.model, served=said)))


def measured_with_other_template(scene: Scene) -> Handed:
    """The plan fixed, and the harness used, a template that is kinder than the one that is served."""
    made = scene.good
    decoding = replace(made.plan.decoding, chat_template=Sha256.of(b"kinder"))
    return scene.hand(made.with_plan(replace(made.plan, decoding=decoding).encode()))


def other_adapter(scene: Scene) -> Handed:
    """The statement names the adapter that was measured, the manifest lists another."""
    made = scene.good
    return scene.hand(made.lying(model=replace(made.predicate.model, adapter=Sha256.of(b"measured"))))


def other_name(scene: Scene) -> Handed:
    """The base that was measured, under the name of a better known one."""
    made = scene.good
    base = replace(made.predicate.model.base, name="a-well-known-model")
    return scene.hand(made.lying(model=replace(made.predicate.model, base=base)))


def other_prompt(scene: Scene) -> Handed:
    made = scene.good
    said = replace(made.predicate.model.served, system_prompt=None)
    return scene.hand(made.lying(model=replace(made.predicate.model, served=said)))


def other_prompt_in_boundaries(scene: Scene) -> Handed:
    made = scene.good
    bounds = replace(made.predicate.boundaries, system_prompt=Sha256.of(b"another"))
    return scene.hand(made.lying(boundaries=bounds))


def other_base(scene: Scene) -> Handed:
    made = scene.good
    base = replace(made.predicate.model.base, manifest=Sha256.of(b"another base"))
    return scene.hand(made.lying(model=replace(made.predicate.model, base=base)))


def ignoring(scene: Scene) -> Handed:
    """A model.sig that ignores a path, as its tools do by default with `.git` and `.github`."""
    made = scene.good
    value = json.loads(made.model_sig.encode())
    value["predicate"]["serialization"]["ignore_paths"] = [".github"]
    sealed = frame.seal(canonical.encode(value), made.keys.issuer)
    return scene.hand(replace(made.parts, unverified_oms=sealed))


def renamed_in_model_sig(scene: Scene) -> Handed:
    """A model.sig with the right root over other names: its root binds none."""
    made = scene.good
    entries = [
        replace(entry, name="zz.hidden") if entry.name == sorted(e.name for e in made.manifest.files)[-1] else entry
        for entry in made.manifest.files
    ]
    other = model_signing.build(manifest.Manifest.of(entries), "good")
    sealed = frame.seal(other, made.keys.issuer)
    return scene.hand(replace(made.parts, unverified_oms=sealed))


TEMPLATE, WEIGHTS = "chat_template.jinja", "adapter/adapter_model.safetensors"
ATTACKS = (
    Attack(6, "one bit of the weights", served(lambda d: (d / WEIGHTS).write_bytes(b"Weights" + b"weights" * 999)), "model.files", FAIL, CRYPTO),
    Attack(6, "another chat template", served(lambda d: (d / TEMPLATE).write_bytes(b"{{ backdoor }}")), "model.files", FAIL, CRYPTO),
    Attack(6, "an added file that tools ignore", served(lambda d: (d / ".gitattributes").write_bytes(b"*")), "model.files", FAIL, CRYPTO),
    Attack(6, "an added quantised copy", served(lambda d: (d / "model-q4.gguf").write_bytes(b"q4")), "model.files", FAIL, CRYPTO),
    Attack(6, "a file left out", served(lambda d: (d / TEMPLATE).unlink()), "model.files", FAIL, CRYPTO),
    Attack(6, "two files that swap their names", served(exchanged), "model.files", FAIL, CRYPTO),
    Attack(6, "a link in the place of a file", served(lambda d: (d / "tokenizer.json").symlink_to(d / TEMPLATE)), "model.files", FAIL, CRYPTO),
    Attack(6, "something else in the place of model.sig", served(forged_signature_file), "model.files", FAIL, CRYPTO),
    Attack(6, "the directory of another model", lambda it: it.hand(it.good.parts, model_dir=it.other.model_dir), "model.files", FAIL, CRYPTO),
    Attack(6, "no directory at all", lambda it: it.hand(it.good.parts), "model.files", NOT_CHECKED, ACCEPT),
    Attack(6, "the OMS root, which binds no names, as the subject", oms_root_as_subject, "statement.subject", REFUSED, MALFORMED),
    Attack(6, "the OMS root as a further digest of the subject", oms_root_beside_the_subject, "document.unknown_field", REFUSED, MALFORMED),
    Attack(6, "a second subject", two_subjects, "statement.subject", REFUSED, MALFORMED),
    Attack(6, "a manifest under other names", renamed_in_the_manifest, "subject", FAIL, CRYPTO),
    Attack(6, "a second digest of another model", false_dir_hash, "subject", FAIL, CRYPTO),
    Attack(6, "a model.sig with the right root over other names", renamed_in_model_sig, "model.signing", FAIL, CRYPTO),
    Attack(6, "a model.sig that ignores paths", ignoring, "model_signing.serialization", REFUSED, MALFORMED),
    Attack(6, "another chat template in the statement than in the manifest", other_template, "subject", FAIL, CRYPTO),
    Attack(6, "another chat template than was measured", measured_with_other_template, "plan", FAIL, POLICY),
    Attack(6, "another adapter in the statement than in the manifest", other_adapter, "subject", FAIL, CRYPTO),
    Attack(6, "a well-known name for another base", other_name, "plan", FAIL, POLICY),
    Attack(6, "served without the system prompt that was measured", other_prompt, "plan", FAIL, POLICY),
    Attack(6, "boundaries about another system prompt", other_prompt_in_boundaries, "plan", FAIL, POLICY),
    Attack(6, "another base than was measured", other_base, "plan", FAIL, POLICY),
)  # fmt: skip
