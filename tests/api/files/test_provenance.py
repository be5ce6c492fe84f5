"""The declaration of where records come from: what is accepted, and that each refusal names the field and the remedy."""

import json
from typing import Any

import pytest

from api.errors import ApiError, RequestTooLargeError
from api.files.provenance import MAX_SOURCES, Consent, PersonalData, parse_provenance

SOURCE: dict[str, Any] = {
    "id": "faq",
    "name": "Support FAQ",
    "licence": "CC-BY-4.0",
    "consent": "contract",
    "origin": "https://example.com/faq, exported 2026-01-05",
    "personal_data": "none",
}


def document(*changes: dict[str, Any]) -> bytes:
    return json.dumps({"sources": [SOURCE | change for change in changes]}).encode()


def test_what_is_declared_comes_back() -> None:
    declared = parse_provenance(document({"description": "All published answers"}, {"id": "tickets.2025_a-b"}))
    assert [source.id for source in declared.sources] == ["faq", "tickets.2025_a-b"]
    assert (declared.sources[0].consent, declared.sources[0].personal_data) == (Consent.CONTRACT, PersonalData.NONE)
    assert declared.stored() == {
        "sources": [SOURCE | {"description": "All published answers"}, SOURCE | {"id": "tickets.2025_a-b"}]
    }


@pytest.mark.parametrize(
    ("unverified", "param", "words"),
    [
        (b"", "provenance.sources", "required"),
        (b"{}", "provenance.sources", "required"),
        (b'{"sources": []}', "provenance.sources", "at least one"),
        (b'{"sources": {}}', "provenance.sources", "Expected array"),
        (b"[]", "provenance", "Expected object"),
        (b"not json", "provenance", "not JSON"),
        (b'{"sources": [], "version": 1}', "provenance.version", "Unknown fields"),
        (document({"license": "MIT"}), "provenance.sources[0].license", "Unknown fields"),
        (document({}, {"id": "faq"}), "provenance.sources[1].id", "declared twice"),
        (document({"id": "FAQ"}), "provenance.sources[0].id", "lower-case"),
        (document({"id": ""}), "provenance.sources[0].id", "1 to 64"),
        (document({"id": "a" * 65}), "provenance.sources[0].id", "1 to 64"),
        (document({"id": "a\n"}), "provenance.sources[0].id", "lower-case"),
        (
            document({"consent": "yes"}),
            "provenance.sources[0].consent",
            "'consented', 'contract', 'public', 'synthetic'",
        ),
        (document({"personal_data": False}), "provenance.sources[0].personal_data", "none"),
        (document({"licence": ""}), "provenance.sources[0].licence", "is empty"),
        (document({"origin": "  "}), "provenance.sources[0].origin", "is empty"),
        (document({"name": "two\nlines"}), "provenance.sources[0].name", "one line"),
        (document({"name": "\x1b[2J"}), "provenance.sources[0].name", "control character"),
        (document({"name": "x" * 201}), "provenance.sources[0].name", "length"),
        (document({"name": "nul\0"}), "provenance.sources[0].name", "U\\+0000"),
        (document({"name": None}), "provenance.sources[0].name", "Expected str"),
        (document(*({"id": f"s{n}"} for n in range(MAX_SOURCES + 1))), "provenance.sources", "more than 256"),
        (b'{"sources": ' * 20_000, "provenance", "not JSON|deep"),
        (b'{"sources": ' + b"[" * 60 + b"]" * 60 + b"}", "provenance", "nested"),
    ],
)
def test_a_wrong_declaration_is_refused_by_name(unverified: bytes, param: str, words: str) -> None:
    with pytest.raises(ApiError, match=words) as caught:
        parse_provenance(unverified[: 64 * 1024] or b"{}", within="provenance")
    assert (caught.value.param, caught.value.code, caught.value.status) == (param, "invalid_provenance", 400)


def test_each_missing_field_is_named() -> None:
    for field in SOURCE:
        left = {name: value for name, value in SOURCE.items() if name != field}
        with pytest.raises(ApiError) as caught:
            parse_provenance(json.dumps({"sources": [left]}).encode())
        assert caught.value.param == f"sources[0].{field}"


def test_a_document_beyond_all_measure_is_refused_unread() -> None:
    with pytest.raises(RequestTooLargeError):
        parse_provenance(b" " * 70_000)
