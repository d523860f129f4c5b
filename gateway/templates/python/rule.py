"""The author of a record alone changes and deletes it."""

from dataclasses import dataclass

from hapta_rule import Deny, Manifest, Operation, Request, Rule


@dataclass(frozen=True)
class Settings:
    """What the operator may set, and what goes where nothing is said. Other keys are refused."""

    users: str = "users"
    """The collection that authors log in to."""
    author_field: str = "author"
    """The field that holds the author's id."""


class AuthorsAlone(Rule[Settings]):
    settings_type = Settings

    def manifest(self) -> Manifest:
        """What the gateway holds the rule to: it is called for these operations, and denies with these codes."""
        return Manifest(
            operations=[Operation.UPDATE, Operation.DELETE],
            denials=["not_the_author", "author_stays"],
        )

    def before(self, request: Request) -> None:
        """A request is about to go to PocketBase: returning lets it pass, raising Deny refuses it."""
        if request.is_superuser:
            return
        field = self.settings.author_field
        # The record as PocketBase holds it: what the client says of it is no proof.
        stored = request.stored()
        author = stored.text(f"/{field}") if stored else None
        who = self.user_of(request)
        if who is None or author != who:
            raise Deny(403, "not_the_author", "Only its author changes this.")
        # By `changes`, and not by the keys of the body: PocketBase takes `author+` for `author`.
        if field in request.changes():
            raise Deny(403, "author_stays", "The author stays the same.", {field: "This can't be changed."})

    def user_of(self, request: Request) -> str | None:
        """The id of who asks, if that is one of the users. Ids are told apart within one collection only."""
        principal = request.principal
        if principal is None or principal.text("/collectionName") != self.settings.users:
            return None
        return principal.text("/id")
