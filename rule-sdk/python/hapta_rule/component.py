"""From a rule to what the component exports. What calls it is written by ``hapta build``."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from . import _contract, _settings
from ._document import Document
from ._errors import Deny, Fault, FaultKind, SettingsError
from ._request import Request, Response
from ._rule import Hook, Manifest, Rule

# Lines of a call that the gateway takes, as notes or to the log.
_LINES = 16

# What is judged now; none while the rule is configured.
_current: Any = None

# What was said before there was a request to say it about.
_early: list[tuple[str, str]] = []


def component(module: ModuleType) -> type[Any]:
    """The class that componentize-py looks for, of a module with one rule."""
    written = [one for one in vars(module).values() if isinstance(one, type) and issubclass(one, Rule)]
    own = [one for one in written if one.__module__ == module.__name__]
    if len(own) != 1:
        raise TypeError(f"{module.__name__} has {len(own)} classes of Rule: a rule is one")
    rule_type = own[0]
    # componentize-py makes an instance for every call, so what stays after `configure` is here.
    rules: list[Rule[Any]] = []

    class WitWorld:
        def configure(self, settings: str) -> Any:
            return _guarded("configure", lambda: _configure(rule_type, rules, json.loads(settings)))

        def before(self, request: Any) -> None:
            _judge("before", request, lambda: rules[0].before(Request(request)))

        def reveal(self, request: Any, record: Any) -> None:
            _judge("reveal", request, lambda: rules[0].reveal(Request(request), Document(record)))

        def after(self, request: Any, response: Any) -> None:
            _judge("after", request, lambda: rules[0].after(Request(request), Response(response)))

    return WitWorld


def _configure(rule_type: type[Rule[Any]], rules: list[Rule[Any]], said: dict[str, Any]) -> Any:
    rule = rule_type(_settings.read(rule_type.settings_type, said))
    _nothing("configure", rule.configure(), "SettingsError")
    rules[:] = [rule]
    return _manifest(rule, rule.manifest())


def _manifest(rule: Rule[Any], said: Manifest) -> Any:
    types = _contract.types
    has = [hook for hook in Hook if getattr(type(rule), hook.value) is not getattr(Rule, hook.value)]
    hooks = types.Hooks(0)
    for hook in has if said.hooks is None else said.hooks:
        if hook not in has:
            raise TypeError(f"the manifest names the hook {hook.value}, which the rule has not")
        hooks |= types.Hooks[hook.name]
    if not hooks:
        raise TypeError("the rule has none of before, reveal and after: it would never be called")
    return types.Manifest(
        hooks=hooks,
        operations=[types.Operation[operation.name] for operation in said.operations],
        collections=list(said.collections),
        removes=[
            types.Removal(collection=None if collection == "*" else collection, field=field)
            for collection, fields in said.removes.items()
            for field in fields
        ],
        drops=said.drops,
        denials=list(said.denials),
    )


def _judge(hook: str, request: Any, call: Callable[[], object]) -> None:
    global _current
    _current = request
    try:
        for level, line in _early:
            _say(level, line)
        _early.clear()
        _guarded(hook, lambda: _nothing(hook, call(), "Deny"))
    finally:
        _printed.finish()
        _complained.finish()
        _current = None


def _nothing(name: str, returned: object, refusal: str) -> None:
    if returned is not None:
        raise TypeError(f"{name} returned {returned!r}; it raises {refusal} to refuse, and returns nothing to let pass")


def _guarded(where: str, call: Callable[[], Any]) -> Any:
    """A denial and a refusal of the settings are answers; the rest is a fault, which ends here."""
    try:
        return call()
    except SettingsError as error:
        if where == "configure":
            raise _contract.Err(str(error)) from None
        _fail(where, error)
    except Deny as denial:
        if where != "configure":
            raise _contract.Err(_answer(denial)) from None
        _fail(where, denial)
    except Fault as fault:
        if fault.kind is FaultKind.UPSTREAM:
            unavailable = Deny(424, "upstream_unavailable", "The request could not be judged now.")
            raise _contract.Err(_answer(unavailable)) from None
        if fault.kind is FaultKind.EXHAUSTED:
            raise _contract.Err(_answer(Deny(403, "rule_fault", "The request could not be judged."))) from None
        _fail(where, fault)
    except BaseException as error:  # Nothing that a rule raises may pass for a verdict.
        _fail(where, error)


def _answer(denial: Deny) -> Any:
    types = _contract.types
    fields = [
        types.FieldError(field=field, code=wrong.code, message=wrong.message)
        for field, wrong in denial.fields.items()
    ]
    return types.Denial(status=denial.status, code=denial.code, message=denial.message, fields=fields)


def _fail(where: str, error: BaseException) -> None:
    _contract.types.fail(f"{where}: {_described(error)}")


def _described(error: BaseException) -> str:
    # Not by `traceback`, which would look for the source's lines in files that are not there.
    lines = [f"{type(error).__name__}: {error}"]
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        lines.append(f'  File "{code.co_filename}", line {step.tb_lineno}, in {code.co_qualname}')
        step = step.tb_next
    if error.__cause__ is not None:
        lines.append(f"caused by {_described(error.__cause__)}")
    return "\n".join(lines)


def _say(level: str, line: str) -> None:
    if _current is None:
        if len(_early) < _LINES:
            _early.append((level, line))
    elif _contract.log is not None:
        _contract.log.write(_contract.log.Level[level], line)
    else:
        _current.note("log" if level == "INFO" else f"log {level.lower()}", line)


class _Lines(io.TextIOBase):
    """What is printed, line by line."""

    def __init__(self, level: str) -> None:
        self._level = level
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            _say(self._level, line)
        return len(text)

    def finish(self) -> None:
        if self._rest:
            _say(self._level, self._rest)
            self._rest = ""


_printed = _Lines("INFO")
_complained = _Lines("ERROR")
sys.stdout = _printed
sys.stderr = _complained
