"""What a rule's author writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, TypeVar

from ._document import Document
from ._request import Operation, Request, Response

S = TypeVar("S")


class Hook(Enum):
    """A moment in which a rule is called."""

    BEFORE = "before"
    REVEAL = "reveal"
    AFTER = "after"


@dataclass(frozen=True)
class Manifest:
    """What a rule tells of itself. The gateway holds it to that."""

    hooks: Sequence[Hook] | None = None
    """The moments to be called in. Not said: those that the rule has."""
    operations: Sequence[Operation] = ()
    """The operations that ``before`` and ``after`` judge. Not said: all."""
    collections: Sequence[str] = ()
    """The collections that it is for. Not said: all that it is configured for."""
    removes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The fields that ``reveal`` may take out or change, by collection, ``"*"`` for any.

    To touch another is a fault; these can't be filtered or sorted by.
    """
    drops: bool = False
    """Whether ``reveal`` may deny a record in a list or an expand. Lists have no totals then."""
    denials: Sequence[str] = ()
    """The codes of its denials: ``hapta test`` tells which of them no case brings about."""


class Rule(Generic[S]):
    """A rule. A file has one, with the hooks that it needs.

    With settings: a dataclass, named in ``settings_type``. What the configuration says is held against its
    types, and keys that it has not are refused.

        @dataclass(frozen=True)
        class Settings:
            owner_field: str = "author"

        class Ownership(Rule[Settings]):
            settings_type = Settings
    """

    settings_type: type[Any] | None = None
    """The dataclass of the settings; none: there are none."""

    def __init__(self, settings: S) -> None:
        self.settings = settings
        """The settings in force."""

    def configure(self) -> None:
        """Called at load: to refuse settings by a ``SettingsError``, and to compute what every call needs.

        There is no clock and no randomness.
        """

    def manifest(self) -> Manifest:
        """What the rule, so configured, is for."""
        return Manifest()

    def before(self, request: Request) -> None:
        """A request is about to go to PocketBase: refuse it, edit its body, narrow a list."""

    def reveal(self, request: Request, record: Document) -> None:
        """One record is about to leave: refuse it, or take out fields that the manifest names."""

    def after(self, request: Request, response: Response) -> None:
        """The whole answer is about to leave: refuse it, or edit it."""
