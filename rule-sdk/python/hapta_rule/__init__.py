"""What a Hapta rule is written with, in Python.

    from hapta_rule import Deny, Manifest, Operation, Request, Rule

    class OwnPosts(Rule):
        def manifest(self) -> Manifest:
            return Manifest(operations=[Operation.UPDATE, Operation.DELETE])

        def before(self, request: Request) -> None:
            stored = request.stored()
            author = stored.text("/author") if stored else None
            # Ids are told apart within one collection only.
            who = request.principal
            is_user = who is not None and who.text("/collectionName") == "users"
            if not is_user or author is None or author != who.text("/id"):
                raise Deny(403, "not_yours", "It is somebody else's post.")

A hook that returns lets pass, one that raises ``Deny`` refuses. Any other exception is a fault: it
refuses as well, and the operator's log has its traceback. What is printed goes to the operator's log where
the rule has the power ``hapta:rule/log``, else to the notes of the request.
"""

from ._document import Document, parse
from ._errors import Deny, EditError, EditProblem, Fault, FaultKind, FieldError, SettingsError
from ._powers import Level, counters, log, records
from ._request import Operation, Request, Response, Upload
from ._rule import Hook, Manifest, Rule

__all__ = [
    "Deny",
    "Document",
    "EditError",
    "EditProblem",
    "Fault",
    "FaultKind",
    "FieldError",
    "Hook",
    "Level",
    "Manifest",
    "Operation",
    "Request",
    "Response",
    "Rule",
    "SettingsError",
    "Upload",
    "counters",
    "log",
    "parse",
    "records",
]
