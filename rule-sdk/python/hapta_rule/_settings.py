"""From the configuration's JSON to a rule's own dataclass, or an error that names the key."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any

from ._errors import SettingsError

_NAMES = {str: "a text", bool: "true or false", int: "a whole number", float: "a number", list: "a list", dict: "a table"}


def read(of: type[Any] | None, said: dict[str, Any], path: str = "") -> Any:
    """The settings of this type; keys that it has not are refused."""
    fields = {} if of is None else {field.name: field for field in dataclasses.fields(of)}
    unknown = next((key for key in said if key not in fields), None)
    if unknown is not None:
        raise SettingsError(f"{path}{unknown}", "unknown")
    if of is None:
        return None
    hints = typing.get_type_hints(of)
    for name, field in fields.items():
        has_usual = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if name not in said and not has_usual:
            raise SettingsError(f"{path}{name}", "missing")
    return of(**{key: _fit(hints[key], given, f"{path}{key}") for key, given in said.items()})


def _fit(hint: Any, given: Any, path: str) -> Any:
    origin, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
    if hint is Any:
        return given
    if origin in (typing.Union, types.UnionType):
        if given is None and type(None) in arguments:
            return None
        return _fit(next(one for one in arguments if one is not type(None)), given, path)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type) and isinstance(given, dict):
        return read(hint, given, f"{path}.")
    if origin is float and isinstance(given, int) and not isinstance(given, bool):
        return float(given)
    if origin is int and isinstance(given, bool) or not isinstance(given, origin):
        raise SettingsError(path, f"is no {_NAMES.get(origin, origin.__name__).removeprefix('a ')}")
    if origin is list and arguments:
        return [_fit(arguments[0], item, f"{path}[{index}]") for index, item in enumerate(given)]
    if origin is dict and arguments:
        return {key: _fit(arguments[1], item, f"{path}.{key}") for key, item in given.items()}
    return given
