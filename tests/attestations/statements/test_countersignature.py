"""What an evaluator may say: agreement that follows from counts, and disagreement in every form."""

from dataclasses import replace

import pytest

from attestations.errors import MalformedError
from attestations.statements.countersignature import Conclusion, Mode, compare
from attestations.statistics import PairedDifferences, PairedTable
from attestations.verdicts import RowKey
from tests.attestations.evidence import HARMFUL, MARGIN
from tests.attestations.statements.complete import Complete


def test_agreement_is_how_much_worse_the_evaluator_found_it(complete: Complete) -> None:
    rows = {row.registered.key: row for row in complete.stated.predicate.evaluations or ()}
    table = replace(rows[HARMFUL], table=PairedTable(220, 13, 1, 6))  # 12 of 240 worse; attested are 0 of 240
    means = replace(
        rows[MARGIN], differences=PairedDifferences(240, "0.060000", "1.000000", "6.780000", "2.100000")
    )  # attested are 0.31 nats
    first, second = compare((table, means), complete.stated.predicate)
    assert (first.key, first.delta, first.within) == (HARMFUL, "0.050000", True)
    assert (second.key, second.delta, second.within) == (MARGIN, "-0.250000", True)
    far = compare((replace(table, table=PairedTable(219, 14, 1, 6)),), complete.stated.predicate)[0]
    assert (far.delta, far.within) == ("0.054167", False)


def test_rows_that_were_not_run_or_have_no_pairs_agree_with_nothing(complete: Complete) -> None:
    row = (complete.stated.predicate.evaluations or ())[0]
    idle = replace(row, table=None, not_run="no access to the base")
    empty = replace(row, table=PairedTable(0, 0, 0, 0))
    assert compare((idle, empty), complete.stated.predicate) == ()


def test_a_row_that_was_never_attested_cannot_be_compared(complete: Complete) -> None:
    row = (complete.stated.predicate.evaluations or ())[0]
    other = replace(row, registered=replace(row.registered, slice="elsewhere"))
    with pytest.raises(MalformedError, match="refusal_rate / harmful-requests / elsewhere was not measured"):
        compare((other,), complete.stated.predicate)
    made = complete.countersigned()
    told = replace(made.predicate, own=(other,), agreement=(replace(made.predicate.agreement[0], slice="elsewhere"),))
    assert "was not measured" in told.strays(complete.stated.predicate)[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"own": ()}, "one row of agreement"),
        ({"agreement": ()}, "one row of agreement"),
        ({"own": (), "agreement": ()}, "reproduced has rows of its own"),
        ({"conclusion": Conclusion.DISAGREES}, "disagrees exactly where"),
        ({"disagreements": ("It was not run as planned.",)}, "disagrees exactly where"),
        ({"schema": "0.9.0"}, "schema 0.1.0"),
    ],
)
def test_what_contradicts_itself_is_malformed(complete: Complete, changes: dict[str, object], words: str) -> None:
    with pytest.raises(MalformedError, match=words):
        complete.countersigned(**changes)


def test_to_watch_needs_no_rows_and_may_end_in_disagreement(complete: Complete) -> None:
    watched = complete.countersigned_rows((), mode=Mode.OBSERVED)
    assert watched.predicate.strays(complete.stated.predicate) == []
    told = complete.countersigned_rows(
        (), mode=Mode.OBSERVED, conclusion=Conclusion.DISAGREES, disagreements=("A run was not told of.",)
    )
    assert told.predicate.conclusion is Conclusion.DISAGREES


def test_the_same_row_twice_is_malformed(complete: Complete) -> None:
    made = complete.countersigned().predicate
    with pytest.raises(MalformedError, match="each is there once"):
        replace(made, own=(*made.own, made.own[0]))
    assert RowKey(*made.agreement[0].key) == made.own[0].registered.key
