"""What one owns, one may change and delete; some fields not even then.

The rule of the first Hapta's README. How its code was read, and why so: ../ownership/README.md.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from hapta_rule import Deny, Document, Hook, Manifest, Operation, Request, Rule, SettingsError

# The code of every denial; the first Hapta's `ErrorCodes.OWNERSHIP_REQUIRED`, number 104.
OWNERSHIP_REQUIRED = "ownership_required"

PROTECTED = ["validVerified", "postr_plus", "followers", "postr_subscriber_since"]

OTHERS = ["username", "email", "verified", "validVerified", "postr_plus", "following", "bio", "postr_subscriber_since"]

NAME = re.compile(r"[A-Za-z0-9_]+")


@dataclass(frozen=True)
class Settings:
    """What the operator may set; what is not said is as in the first Hapta's README."""

    users: str = "users"
    """The collection of those who can own. A record of it is its own owner."""
    owner_field: str = "author"
    """The field of any other collection's records that holds the owner's id."""
    protected: list[str] = field(default_factory=lambda: list(PROTECTED))
    """The fields of one's own record in ``users`` that one may not change."""
    others_may_update: bool = False
    """Whether users may change ``others_fields`` of each other's records in ``users``."""
    others_fields: list[str] = field(default_factory=lambda: list(OTHERS))
    """The fields that they may change then."""
    creators_are_owners: bool = False
    """Whether one must be the owner of what one creates, and a new user may not have protected fields."""
    hide: list[str] = field(default_factory=list)
    """The fields to take out of records that are not one's own, in every collection."""


class Ownership(Rule[Settings]):
    settings_type = Settings

    def configure(self) -> None:
        settings = self.settings
        names = {
            "users": [settings.users],
            "owner_field": [settings.owner_field],
            "protected": settings.protected,
            "others_fields": settings.others_fields,
            "hide": settings.hide,
        }
        for key, listed in names.items():
            # A name that can't be one in PocketBase would guard nothing.
            wrong = next((name for name in listed if not NAME.fullmatch(name)), None)
            if wrong is not None:
                raise SettingsError(key, f'"{wrong}" is no name')
        # Without these nobody could tell any more whose the record is.
        for needed in ("id", "collectionId", "collectionName"):
            if needed in settings.hide:
                raise SettingsError("hide", f"{needed} must stay")

    def manifest(self) -> Manifest:
        operations = [Operation.UPDATE, Operation.DELETE]
        if self.settings.creators_are_owners:
            operations.append(Operation.CREATE)
        hide = self.settings.hide
        return Manifest(
            hooks=[Hook.BEFORE, Hook.REVEAL] if hide else [Hook.BEFORE],
            operations=operations,
            removes={"*": hide},
            denials=[OWNERSHIP_REQUIRED],
        )

    def before(self, request: Request) -> None:
        user = self.user_of(request)
        is_user = request.collection == self.settings.users
        match request.operation:
            case Operation.CREATE if is_user:
                refuse(request, self.settings.protected)
            case Operation.CREATE:
                self.will_own(request, user)
            case Operation.DELETE:
                self.owned(request, user)
            case Operation.UPDATE if is_user:
                self.update_user(request, user)
            case Operation.UPDATE:
                self.owned(request, user)
                # Else what one owns could be passed off as somebody else's.
                if self.settings.owner_field in request.changes():
                    self.will_own(request, user)

    def reveal(self, request: Request, record: Document) -> None:
        is_user = record.text("/collectionName") == self.settings.users
        owner = record.text("/id") if is_user else self.owner_of(record)
        if owner is None or owner != self.user_of(request):
            for name in self.settings.hide:
                del record[f"/{name}"]

    def user_of(self, request: Request) -> str | None:
        """The id of who asks, if that is one of the users; others who can log in own nothing."""
        principal = request.principal
        if principal is None or principal.text("/collectionName") != self.settings.users:
            return None
        return principal.text("/id")

    def owner_of(self, record: Document) -> str | None:
        """Whose a record of any other collection is."""
        return record.text(f"/{self.settings.owner_field}")

    def owns(self, request: Request, user: str | None) -> bool:
        """Whether it is the user's own record that the request is about."""
        if request.collection == self.settings.users:
            return user is not None and request.record_id == user
        # A record that isn't there is nobody's, so it can't be told from somebody else's.
        stored = request.stored()
        return user is not None and stored is not None and self.owner_of(stored) == user

    def owned(self, request: Request, user: str | None) -> None:
        if not self.owns(request, user):
            raise Deny(403, OWNERSHIP_REQUIRED, "This is not yours.")

    def will_own(self, request: Request, user: str | None) -> None:
        """Sees to it that the body says that the record is the user's, and nothing else of whose it is."""
        field, body = self.settings.owner_field, request.body
        if body is not None and user is not None and self.owner_of(body) == user:
            # `author+` beside `author` would change it after all.
            if not any(key != field and key.split(":")[0].strip("+-") == field for key in body.keys()):
                return
        raise Deny(403, OWNERSHIP_REQUIRED, "This would not be yours.", {field: "It has to be you."})

    def update_user(self, request: Request, user: str | None) -> None:
        if self.owns(request, user):
            refuse(request, self.settings.protected)
        elif self.settings.others_may_update and user is not None:
            refuse(request, [name for name in request.changes() if name not in self.settings.others_fields])
        else:
            raise Deny(403, OWNERSHIP_REQUIRED, "This is not yours.")


def refuse(request: Request, refused: Collection[str]) -> None:
    """Refuses a write for those of the fields it changes that are refused, naming all of them."""
    fields = [name for name in request.changes() if name in refused]
    if fields:
        wrong = dict.fromkeys(fields, "Not yours to change.")
        raise Deny(403, OWNERSHIP_REQUIRED, "These fields are not yours to change.", wrong)
