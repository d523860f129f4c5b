"""The request under judgement, and the answer to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any

from . import _contract
from ._document import Document, found

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Operation(Enum):
    """What is asked of PocketBase, whichever door it came through."""

    LIST = "list"
    VIEW = "view"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    AUTH_METHODS = "auth-methods"
    AUTH_WITH_PASSWORD = "auth-with-password"
    AUTH_WITH_OAUTH2 = "auth-with-oauth2"
    REQUEST_OTP = "request-otp"
    AUTH_WITH_OTP = "auth-with-otp"
    AUTH_REFRESH = "auth-refresh"
    REQUEST_VERIFICATION = "request-verification"
    CONFIRM_VERIFICATION = "confirm-verification"
    REQUEST_PASSWORD_RESET = "request-password-reset"
    CONFIRM_PASSWORD_RESET = "confirm-password-reset"
    REQUEST_EMAIL_CHANGE = "request-email-change"
    CONFIRM_EMAIL_CHANGE = "confirm-email-change"
    IMPERSONATE = "impersonate"
    FILE_TOKEN = "file-token"
    DOWNLOAD = "download"
    SUBSCRIBE = "subscribe"
    EVENT = "event"


@dataclass(frozen=True)
class Upload:
    """One file of an upload. A rule sees what it is, never its bytes."""

    field: str
    """The field that it is for."""
    name: str
    """The file's name, as the client gave it."""
    size: int
    """Bytes."""
    media_type: str
    """Sniffed from the bytes, not the client's word."""


class Request:
    """The request under judgement.

    Every fact in it is the gateway's own finding; nothing is the client's unverified claim but ``header`` and
    ``query``.
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    @property
    def operation(self) -> Operation:
        """What is asked."""
        return Operation[self._handle.operation().name]

    @property
    def collection(self) -> str:
        """The collection's name as the schema spells it."""
        return str(self._handle.collection())

    @property
    def record_id(self) -> str | None:
        """The id in the path, for operations on one record."""
        record_id: str | None = self._handle.record_id()
        return record_id

    @property
    def principal(self) -> Document | None:
        """Who asks: the auth record that PocketBase vouched for. None: a guest."""
        return found(self._handle.principal())

    @property
    def principal_id(self) -> str | None:
        """The id of who asks; none for a guest.

        Ids are told apart within one collection only: where several can log in, look at the principal's
        ``/collectionName`` as well.
        """
        principal = self.principal
        return None if principal is None else principal.text("/id")

    @property
    def is_superuser(self) -> bool:
        """Whether who asks is a superuser of PocketBase."""
        return bool(self._handle.is_superuser())

    @property
    def client_ip(self) -> str:
        """The address of the client; of an ``event`` it is ``0.0.0.0``."""
        return str(self._handle.client_ip())

    @property
    def time(self) -> datetime:
        """When the request came in, in UTC. There is no other clock."""
        return _EPOCH + timedelta(milliseconds=self._handle.time())

    @property
    def batch_index(self) -> int | None:
        """The place in a batch, from 0; none outside one."""
        index: int | None = self._handle.batch_index()
        return index

    @property
    def body(self) -> Document | None:
        """The body of a write or login, if it has one. ``before`` may edit it."""
        return found(self._handle.body())

    def header(self, name: str) -> str | None:
        """A request header by name, in any case. Credentials and cookies are never told."""
        header: str | None = self._handle.header(name)
        return header

    def query(self, name: str) -> str | None:
        """A query parameter."""
        query: str | None = self._handle.query(name)
        return query

    def changes(self) -> list[str]:
        """The fields that this write would change, by their bare names: ``votes+`` counts as ``votes``.

        Guard fields by this, not by the body's keys.
        """
        return list(self._handle.changes())

    def uploads(self) -> list[Upload]:
        """The files that come with a write."""
        return [Upload(one.field, one.name, one.size, one.media_type) for one in self._handle.uploads()]

    def stored(self) -> Document | None:
        """The record as PocketBase holds it, hidden fields included; none if there is none.

        Asked for at the first call only. Raises ``Fault``.
        """
        return found(_contract.asked(self._handle.stored))

    def narrow(self, filter: str, parameters: Mapping[str, object] | None = None) -> None:
        """Narrows a list, or a subscription, to what matches a filter as well as the client's own.

        Values come in by name and are bound, never pasted: ``narrow("author = {:me}", {"me": me})``. Raises
        ``Fault``.
        """
        values = _contract.bound(parameters)
        _contract.asked(lambda: self._handle.narrow(filter, values))

    def note(self, key: str, value: object) -> None:
        """A word for the decision log."""
        self._handle.note(key, str(value))


class Response:
    """The answer on its way out."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self._handle.status())

    @property
    def body(self) -> Document | None:
        """The JSON of the answer, which may be edited; none where it is a file or has no body."""
        return found(self._handle.body())
