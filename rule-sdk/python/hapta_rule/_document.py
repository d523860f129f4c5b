"""JSON that the gateway holds."""

from __future__ import annotations

import json
from typing import Any

from . import _contract


class Document:
    """A JSON document: a body, a record, the principal.

    Places in it are JSON Pointers (RFC 6901): ``""`` is the whole, ``"/author"`` a key, ``"/tags/0"`` an item;
    ``~`` and ``/`` within a key are written ``~0`` and ``~1``. What is no pointer, like ``"author"``, raises.
    Passwords and tokens read as ``"[masked]"``. A document is good for the call that got it, and no longer.

    ``document["/title"] = "New"`` puts a value at a place (and appends to a list at its length, or at ``-``), ``del
    document["/title"]`` takes it out, and it is no error if nothing is there. Both raise ``EditError``.
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def get(self, pointer: str, default: Any = None) -> Any:
        """The value at a place, as Python has it; the default where there is nothing."""
        value = self._value(pointer)
        if value is None:
            return default
        if isinstance(value, _contract.json.Value_Null):
            return None
        if isinstance(value, _contract.json.Value_Json):
            return json.loads(value.value)
        return value.value

    def text(self, pointer: str) -> str | None:
        """The text at a place; none where there is anything else."""
        value = self._value(pointer)
        return value.value if isinstance(value, _contract.json.Value_Text) else None

    def number(self, pointer: str) -> float | None:
        """The number at a place; none where there is anything else."""
        value = self._value(pointer)
        return value.value if isinstance(value, _contract.json.Value_Number) else None

    def boolean(self, pointer: str) -> bool | None:
        """The truth value at a place; none where there is anything else."""
        value = self._value(pointer)
        return value.value if isinstance(value, _contract.json.Value_Boolean) else None

    def json(self, pointer: str) -> Any:
        """The list or dictionary at a place, as a copy; none where there is anything else."""
        value = self._value(pointer)
        return json.loads(value.value) if isinstance(value, _contract.json.Value_Json) else None

    def keys(self, pointer: str = "") -> list[str]:
        """The keys of the object at a place; empty where there is no object."""
        return list(self._handle.keys(place(pointer)))

    def length(self, pointer: str = "") -> int | None:
        """How many items a list, or keys an object, has; none for anything else."""
        length: int | None = self._handle.length(place(pointer))
        return length

    def printed(self) -> str:
        """The whole document, printed as JSON."""
        return str(self._handle.text())

    def __contains__(self, pointer: str) -> bool:
        return self._value(pointer) is not None

    def __getitem__(self, pointer: str) -> Any:
        if pointer not in self:
            raise KeyError(pointer)
        return self.get(pointer)

    def __setitem__(self, pointer: str, to: object) -> None:
        at, value = place(pointer), _contract.value(to)
        _contract.edited(lambda: self._handle.set(at, value), pointer)

    def __delitem__(self, pointer: str) -> None:
        at = place(pointer)
        _contract.edited(lambda: self._handle.remove(at), pointer)

    def __repr__(self) -> str:
        return f"Document({self.printed()})"

    def _value(self, pointer: str) -> Any:
        return self._handle.get(place(pointer))


def parse(text: str) -> Document:
    """A document of the rule's own, of a text. It may be edited, and goes nowhere. Raises ``EditError``."""
    return Document(_contract.edited(lambda: _contract.json.parse(text), None))


def found(handle: Any) -> Document | None:
    """A document where there is one."""
    return None if handle is None else Document(handle)


def printed(value: object) -> str:
    """A value as JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def place(pointer: str) -> str:
    """The pointer, if it is one."""
    if pointer == "" or pointer.startswith("/"):
        return pointer
    raise ValueError(f'{pointer!r} is no JSON pointer: a place is written "/author", the whole ""')
