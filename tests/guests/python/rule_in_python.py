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


# Here and not in the class, of which there is a new instance for every call.
settings = dict(DEFAULTS)
pointers = []


class WitWorld(World):
    def configure(self, settings):
        said = json.loads(settings)
        for key in said:
            if key not in DEFAULTS:
                raise Err(f"there is no setting {key}")
        take(said)
        hide = said.get("hide", [])
        return Manifest(
            hooks=Hooks.BEFORE | Hooks.REVEAL if hide else Hooks.BEFORE,
            operations=[Operation.UPDATE],
            collections=[],
            removes=[Removal(collection=None, field=field) for field in hide],
            drops=False,
            denials=[],
        )

    def before(self, request):
        if request.collection() == settings["users"]:
            owner = request.record_id()
        else:
            owner = text(stored(request), f"/{settings['owner_field']}")
        user = user_of(request)
        if user is None or owner != user:
            raise denial("This is not yours.", [])
        fields = [field for field in request.changes() if field in settings["locked"]]
        if fields:
            raise denial("These fields are not yours to change.", fields)

    def reveal(self, request, record):
        is_user = text(record, "/collectionName") == settings["users"]
        owner = text(record, "/id" if is_user else f"/{settings['owner_field']}")
        if owner is None or owner != user_of(request):
            for pointer in pointers:
                record.remove(pointer)

    def after(self, request, response):
        pass


def take(said):
    settings.update(said)
    pointers.extend(f"/{field}" for field in settings["hide"])


def user_of(request):
    principal = request.principal()
    if text(principal, "/collectionName") != settings["users"]:
        return None
    return text(principal, "/id")


def stored(request):
    """What can't be had is nobody's."""
    try:
        return request.stored()
    except Err:
        return None


def text(document, pointer):
    """The text at a place; none where there is none, or no document."""
    value = document.get(pointer) if document is not None else None
    return value.value if isinstance(value, Value_Text) else None


def denial(message, fields):
    named = [FieldError(field=field, code=CODE, message="Not yours to change.") for field in fields]
    return Err(Denial(status=403, code=CODE, message=message, fields=named))
