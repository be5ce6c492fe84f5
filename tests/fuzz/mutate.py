"""Every small change of a small and of a full bundle, where `tests.attestations.test_mutation` takes a sample."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from attestations import canonical
from tests.attestations import test_mutation as rules
from tests.attestations.mutations import changed, changes, flipped


def every_change(directory: Path) -> int:
    """The number of broken rules, each printed; 0 is a good end."""
    small, full = rules.make_small(directory / "small"), rules.make_full(directory / "full")
    broken = count = 0
    began = time.monotonic()
    for what, attempt in _attempts(small, full):
        count += 1
        try:
            attempt()
        except Exception as error:
            broken += 1
            print(f"{what}: {type(error).__name__}: {error}", flush=True)  # noqa: T201
        if count % 5000 == 0:
            print(f"{count} changes, {time.monotonic() - began:.0f} s, {broken} broken", flush=True)  # noqa: T201
    print(f"{count} changes, {broken} broken")  # noqa: T201
    return min(broken, 1)


def _attempts(small: "rules.Kept", full: "rules.Kept") -> Iterator[tuple[str, Callable[[], None]]]:
    for bit in range(8 * len(small.encoded)):
        yield (
            f"bit {bit} of the small bundle",
            lambda at=bit: rules.refuse_accepted(small, flipped(small.encoded, at), at),
        )
    value = canonical.parse(full.encoded, what="it", max_bytes=10**7)
    for change in changes(value):
        content = changed(full.encoded, change)
        if content != full.encoded:
            yield f"bundle: {change}", lambda made=content, by=change: rules.refuse_better(full, made, by)
    for byte in range(len(full.encoded)):
        bit = 8 * byte + byte % 8
        yield f"bit {bit} of the full bundle", lambda at=bit: rules.refuse_better(full, flipped(full.encoded, at), at)
    stated = canonical.parse(full.parts.envelope.unverified_payload, what="it", max_bytes=10**7)
    for change in changes(stated):
        yield f"statement: {change}", lambda by=change: rules.refuse_unfree(full, by)
