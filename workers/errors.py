"""How a stage fails. Every failure that a stage foresees is a ``RunFailure``; it becomes a ``RunError`` in the report.

Codes are stable: control stores them, clients see them, attestations of failed jobs carry them. What is not foreseen
becomes ``internal_error`` at the edge of the stage's child process, with the error's type and no text of the customer's.
"""

from __future__ import annotations

from workers.contract import RunError


class RunFailure(Exception):  # noqa: N818 - the contract calls it a failure; RunError is the struct
    """A stage cannot go on. ``message`` is written for the customer: what is wrong and how to mend it."""

    def __init__(self, code: str, message: str, *, param: str | None = None, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.retryable = retryable

    def as_run_error(self) -> RunError:
        return RunError(code=self.code, message=self.message, param=self.param, retryable=self.retryable)
