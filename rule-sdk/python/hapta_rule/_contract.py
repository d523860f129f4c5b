"""The contract's own modules, as componentize-py makes them of ``wit/``; the one file that names them.

Outside a component, for a type checker or an editor, there are none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ._errors import EditError, EditProblem, Fault, FaultKind

json: Any = None
types: Any = None
Err: Any = None
# The powers are there in the world `powered-rule`, and in `rule` are not.
records: Any = None
counters: Any = None
log: Any = None

try:
    from componentize_py_types import Err  # type: ignore[import-not-found, no-redef, unused-ignore]
    from wit_world.imports import json, types  # type: ignore[import-not-found, no-redef, unused-ignore]
except ImportError:
    pass
try:
    from wit_world.imports import counters, log, records  # type: ignore[import-not-found, no-redef, unused-ignore]
except ImportError:
    pass

T = TypeVar("T")


def power(name: str, module: Any) -> Any:
    """The module of a power, or an exception that says what it takes to have it."""
    if module is None:
        raise RuntimeError(
            f'the rule has not the power {name}: it needs world = "powered-rule" in rule.toml, and '
            f'grants = ["hapta:rule/{name}"] where it is configured'
        )
    return module


def asked(call: Callable[[], T]) -> T:
    """Calls what may answer a fault."""
    try:
        return call()
    except Err as error:
        raise Fault(FaultKind(_case(error)), getattr(error.value, "value", None)) from None


def edited(call: Callable[[], T], pointer: str | None) -> T:
    """Calls what may answer that there is no such edit."""
    try:
        return call()
    except Err as error:
        raise EditError(EditProblem(_case(error)), pointer) from None


def bound(parameters: Mapping[str, object] | None) -> list[tuple[str, Any]]:
    """The values of a filter, by name."""
    return [(name, value(given)) for name, given in (parameters or {}).items()]


def value(given: object) -> Any:
    """A value of the contract."""
    from ._document import printed

    if given is None:
        return json.Value_Null()
    if isinstance(given, bool):
        return json.Value_Boolean(given)
    if isinstance(given, int | float):
        return json.Value_Number(float(given))
    if isinstance(given, str):
        return json.Value_Text(given)
    return json.Value_Json(printed(given))


def _case(error: Any) -> str:
    # `Fault_BadFilter`, `EditError_ReadOnly`.
    name = type(error.value).__name__.split("_", 1)[1]
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)[1:]
