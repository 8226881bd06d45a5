"""KalTalk's own Flask application: it knows beforehand what Flask and Werkzeug find out anew for each request.

That is which function answers the addresses that widgets ask all day, and which functions of the application are no
coroutines. Whatever is not plainly one of those addresses goes the ordinary way.
"""

import re
from collections.abc import Callable
from functools import cached_property
from inspect import iscoroutinefunction
from itertools import chain
from typing import Any

from flask import Flask, Request
from werkzeug.routing import MapAdapter, Rule

_IDENTIFY_RULE = "/v1/organizations/<path:organization_id>/identify"
_IDENTIFY = re.compile(r"/v1/organizations/([A-Za-z0-9_-]{1,64})/identify")
_FIXED = frozenset({"/v1/messages", "/v1/session"})
# Of others, Werkzeug refuses some.
_PLAIN_HOST = re.compile(r"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,9}(?::[0-9]{1,5})?")


class Application(Flask):
    """A Flask application with KalTalk's blueprints at its root."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``func`` as something that can be called here."""
        # Until the first request, functions are still registered, and others than requests may ask.
        if self._got_first_request and id(func) in self._no_coroutines:
            return func
        return super().ensure_sync(func)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return what says which function answers ``request``."""
        if request is not None and self._got_first_request and self.config["TRUSTED_HOSTS"] is None:
            found = self._widgets_rule(request)
            if found is not None:
                return _Found(*found, lambda: super(Application, self).create_url_adapter(request))
        return super().create_url_adapter(request)

    def _widgets_rule(self, request: Request) -> tuple[Rule, dict[str, str]] | None:
        environ = request.environ
        path = environ.get("PATH_INFO", "")
        identify = _IDENTIFY.fullmatch(path)
        if identify is None and path not in _FIXED:
            return None
        if "HTTP_UPGRADE" in environ or _PLAIN_HOST.fullmatch(environ.get("HTTP_HOST", "")) is None:
            return None
        rule = self._rules.get(path if identify is None else _IDENTIFY_RULE)
        if rule is None or rule.methods is None or request.method not in rule.methods:
            return None
        return rule, {} if identify is None else {"organization_id": identify[1]}

    @cached_property
    def _rules(self) -> dict[str, Rule]:
        return {rule.rule: rule for rule in self.url_map.iter_rules()}

    @cached_property
    def _no_coroutines(self) -> dict[int, Callable[..., Any]]:
        """The functions that were registered, by their ids, and kept here, so that no id becomes another's."""
        by_part = (self.before_request_funcs, self.after_request_funcs, self.teardown_request_funcs)
        hooks = chain.from_iterable(functions for part in by_part for functions in part.values())
        functions = (*self.view_functions.values(), *hooks, *self.teardown_appcontext_funcs)
        return {id(function): function for function in functions if not iscoroutinefunction(function)}


class _Found(MapAdapter):
    """What was found, in place of what would look for it. For whatever else is asked it becomes the whole adapter."""

    def __init__(self, rule: Rule, values: dict[str, str], make: Callable[[], MapAdapter | None]) -> None:
        self._found = rule, values
        self._make = make

    def match(self, *given: Any, **options: Any) -> Any:
        """Return the rule and its values to Flask, which asks for no more."""
        if not given and options == {"return_rule": True}:
            return self._found
        self._complete()
        return super().match(*given, **options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        self._complete()
        return object.__getattribute__(self, name)

    def _complete(self) -> None:
        whole = self._make()
        vars(self).update({} if whole is None else vars(whole))
