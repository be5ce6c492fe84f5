"""The one error family of this package: bytes go in, only these come out.

Every error has a stable `code` (for programs), a sentence that names the place and the remedy (for people) and the exit
code that the command line ends with. `at` is the place inside the document, such as `predicate.evaluations[3].table`.
"""

from typing import ClassVar


class AttestationError(Exception):
    """Root of the family; raised only through its subclasses."""

    exit_code: ClassVar[int] = 2

    def __init__(self, code: str, sentence: str, *, at: str = "") -> None:
        super().__init__(code, sentence, at)
        self.code = code
        self.sentence = sentence
        self.at = at

    def __str__(self) -> str:
        return f"{self.at}: {self.sentence}" if self.at else self.sentence


class MalformedError(AttestationError):
    """The bytes are not the document they are said to be, or a value cannot be part of one."""

    exit_code: ClassVar[int] = 2


class CryptographicError(AttestationError):
    """A signature, a key or a digest does not hold."""

    exit_code: ClassVar[int] = 1


class PolicyError(AttestationError):
    """The buyer's policy cannot be applied, so nothing is accepted under it."""

    exit_code: ClassVar[int] = 3


class FileAccessError(AttestationError):
    """A file or directory that was named could not be read or written."""

    exit_code: ClassVar[int] = 2


class StaleError(AttestationError):
    """What was given is genuine and out of date, so nothing can be decided on it."""

    exit_code: ClassVar[int] = 4
