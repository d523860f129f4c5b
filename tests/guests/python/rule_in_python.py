"""What one owns, one may change: the work of rules-examples/ownership, in Python."""

import json

from componentize_py_types import Err
from wit_world import WitWorld as World
from wit_world.imports.json import Value_Text
from wit_world.imports.types import Denial, FieldError, Hooks, Manifest, Operation, Removal

DEFAULTS = {
    "users": "users",
    "owner_field": "author",
    "locked": ["validVerified", "postr_plus", "followers", "postr_subscriber_since"],
    "hide": [],
}
CODE = "ownership_required"


class WitWorld(World):
    def configure(self, settings):
        said = json.loads(settings)
        for key in said:
            if key not in DEFAULTS:
                raise Err(f"there is no setting {key}")
        self.settings = {**DEFAULTS, **said}
        hide = self.settings["hide"]
        self.pointers = [f"/{field}" for field in hide]
        return Manifest(
            hooks=Hooks.BEFORE | Hooks.REVEAL if hide else Hooks.BEFORE,
            operations=[Operation.UPDATE],
            collections=[],
            removes=[Removal(collection=None, field=field) for field in hide],
            drops=False,
        )

    def before(self, request):
        if request.collection() == self.settings["users"]:
            owner = request.record_id()
        else:
            owner = text(request.stored(), f"/{self.settings['owner_field']}")
        user = self.user(request)
        if user is None or owner != user:
            raise denial("This is not yours.", [])
        locked = self.settings["locked"]
        fields = [field for field in request.changes() if field in locked]
        if fields:
            raise denial("These fields are not yours to change.", fields)

    def reveal(self, request, record):
        is_user = text(record, "/collectionName") == self.settings["users"]
        owner = text(record, "/id" if is_user else f"/{self.settings['owner_field']}")
        if owner is None or owner != self.user(request):
            for pointer in self.pointers:
                record.remove(pointer)

    def after(self, request, response):
        pass

    def user(self, request):
        principal = request.principal()
        if text(principal, "/collectionName") != self.settings["users"]:
            return None
        return text(principal, "/id")


def text(document, pointer):
    """The text at a place; none where there is none, or no document."""
    value = document.get(pointer) if document is not None else None
    return value.value if isinstance(value, Value_Text) else None


def denial(message, fields):
    named = [FieldError(field=field, code=CODE, message="Not yours to change.") for field in fields]
    return Err(Denial(status=403, code=CODE, message=message, fields=named))
