"""What a rule raises, and what it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field of the body."""

    code: str
    """A word for programs."""
    message: str
    """A sentence for people."""


class Deny(Exception):
    """Refuses what is judged: ``raise Deny(403, "ownership_required", "This is not yours.")``.

    The status is from 400 to 499, the code a word for programs, the message a sentence that the client
    sees. ``fields`` says where single fields are at fault: a sentence, or a code of its own and a sentence.
    """

    def __init__(
        self, status: int, code: str, message: str, fields: Mapping[str, str | FieldError] | None = None
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        if not 400 <= status <= 499:
            raise ValueError(f"a denial's status is from 400 to 499, not {status}")
        self.status = status
        self.code = code
        self.message = message
        self.fields = {
            field: FieldError(code, wrong) if isinstance(wrong, str) else wrong
            for field, wrong in (fields or {}).items()
        }


class SettingsError(Exception):
    """Raised in ``configure``: a setting that the rule can't work with. The operator is shown the text."""

    def __init__(self, key: str, wrong: str) -> None:
        super().__init__(f"setting `{key}`: {wrong}")


class FaultKind(Enum):
    """What the gateway could not do for a rule."""

    UPSTREAM = "upstream"
    """PocketBase did not answer, or not in time."""
    NOT_HERE = "not-here"
    """The operation has no such thing: a list has no stored record."""
    BAD_FILTER = "bad-filter"
    """A filter that doesn't parse, or a parameter without a value."""
    EXHAUSTED = "exhausted"
    """The rule's bound is used up, or a counter has no room."""
    NOT_GRANTED = "not-granted"
    """What is asked for was not granted."""


class Fault(Exception):
    """Something that the gateway could not do for a rule.

    Not caught, ``UPSTREAM`` denies with 424 ``upstream_unavailable`` and ``EXHAUSTED`` with 403
    ``rule_fault``; the others are the rule's own mistakes, and faults.
    """

    def __init__(self, kind: FaultKind, why: str | None = None) -> None:
        super().__init__(kind.value if why is None else f"{kind.value}: {why}")
        self.kind = kind


class EditProblem(Enum):
    """Why a document did not take an edit."""

    READ_ONLY = "read-only"
    """The principal, a stored record, a body after ``before``."""
    BAD_POINTER = "bad-pointer"
    """Not an RFC 6901 JSON Pointer."""
    NO_SUCH_PLACE = "no-such-place"
    """A parent is missing or is no container."""
    BAD_JSON = "bad-json"
    """Not one JSON value, or a key twice."""
    MASKED = "masked"
    """A password or token."""
    TOO_LARGE = "too-large"
    """The edit, or all edits of this call together, are over the rule's bound."""


class EditError(Exception):
    """A document did not take an edit, and is as it was before. Not caught, it is a fault."""

    def __init__(self, problem: EditProblem, pointer: str | None = None) -> None:
        super().__init__(problem.value if pointer is None else f"{problem.value}: {pointer!r}")
        self.problem = problem
