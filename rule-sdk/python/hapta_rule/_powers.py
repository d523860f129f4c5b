"""What a rule may reach beyond the request.

Each is a power: the rule is of the world ``powered-rule``, and is granted ``hapta:rule/records``,
``hapta:rule/counters`` or ``hapta:rule/log`` where it is configured.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from . import _contract
from ._document import Document, found


class Level(Enum):
    """How much a line of the log weighs."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


class _Records:
    """Other records: as who asks may see them, or past PocketBase's rules, ``as_gateway``.

    All raise ``Fault``.
    """

    def get(self, collection: str, id: str, *, as_gateway: bool = False) -> Document | None:
        """The record of this id; none if there is none, or none to be seen."""
        reader = self._reader()
        standing = _standing(reader, as_gateway)
        return found(_contract.asked(lambda: reader.get(collection, id, standing)))

    def first(
        self,
        collection: str,
        filter: str,
        parameters: Mapping[str, object] | None = None,
        *,
        sort: str = "",
        as_gateway: bool = False,
    ) -> Document | None:
        """The first record that a filter finds, in an order like ``-created,id``."""
        reader, values = self._reader(), _contract.bound(parameters)
        standing = _standing(reader, as_gateway)
        return found(_contract.asked(lambda: reader.first(collection, filter, values, sort, standing)))

    def count(
        self,
        collection: str,
        filter: str = "",
        parameters: Mapping[str, object] | None = None,
        *,
        as_gateway: bool = False,
    ) -> int:
        """How many records a filter finds; without one, all."""
        reader, values = self._reader(), _contract.bound(parameters)
        standing = _standing(reader, as_gateway)
        return int(_contract.asked(lambda: reader.count(collection, filter, values, standing)))

    def _reader(self) -> Any:
        return _contract.power("records", _contract.records)


class _Counters:
    """Counts that outlive a request."""

    def add(self, key: str, amount: int, seconds: int) -> int:
        """Adds to a counter of this rule and tells its total. Raises ``Fault``.

        The counter is forgotten so many seconds after it began.
        """
        counting = _contract.power("counters", _contract.counters)
        return int(_contract.asked(lambda: counting.add(key, amount, seconds)))


def log(message: object, level: Level = Level.INFO) -> None:
    """Writes a line to the operator's log. What is printed goes there as well, and needs no power."""
    writer = _contract.power("log", _contract.log)
    writer.write(writer.Level[level.value], str(message))


def _standing(reader: Any, as_gateway: bool) -> Any:
    return reader.Standing.GATEWAY if as_gateway else reader.Standing.CALLER


records = _Records()
counters = _Counters()
