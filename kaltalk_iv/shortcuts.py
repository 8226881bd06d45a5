"""KalTalk's own Flask application: it knows beforehand what Flask and Werkzeug find out anew for each request.

That is which function answers the addresses that widgets ask all day, and that none of ours is a coroutine. Whatever is
not plainly one of those addresses goes the ordinary way.
"""

import re
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any

from flask import Flask, Request
from werkzeug.routing import MapAdapter, Rule

_MOST_FUNCTIONS = 1024
_IDENTIFY = re.compile(r"/v1/organizations/([A-Za-z0-9_-]{1,64})/identify")
_IDENTIFY_ENDPOINT = "kaltalk_iv_api.identify_visitor"
_ENDPOINTS = {"/v1/messages": "kaltalk_iv_api.messages", "/v1/session": "kaltalk_iv_api.session"}


class Application(Flask):
    """A Flask application with KalTalk's blueprints at its root."""

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, **options)
        self.ensure_sync = lru_cache(_MOST_FUNCTIONS)(self.ensure_sync)  # type: ignore[method-assign]

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return what says which function answers ``request``."""
        if request is not None and self.config["TRUSTED_HOSTS"] is None:
            found = self._widgets_rule(request)
            if found is not None:
                return _Found(*found, lambda: super(Application, self).create_url_adapter(request))
        return super().create_url_adapter(request)

    def _widgets_rule(self, request: Request) -> tuple[Rule, dict[str, str]] | None:
        path = request.environ.get("PATH_INFO", "")
        identify = _IDENTIFY.fullmatch(path)
        endpoint = _ENDPOINTS.get(path) if identify is None else _IDENTIFY_ENDPOINT
        rule = None if endpoint is None else self._rules.get(endpoint)
        if rule is None or rule.methods is None or request.method not in rule.methods:
            return None
        return rule, {} if identify is None else {"organization_id": identify[1]}

    @cached_property
    def _rules(self) -> dict[str, Rule]:
        return {rule.endpoint: rule for rule in self.url_map.iter_rules()}


class _Found(MapAdapter):
    """What was found, in place of what would look for it. It becomes the whole adapter for who builds an address."""

    def __init__(self, rule: Rule, values: dict[str, str], make: Callable[[], MapAdapter | None]) -> None:
        self._found = rule, values
        self._make = make

    def match(self, *_given: Any, **_options: Any) -> Any:
        return self._found

    def __getattr__(self, name: str) -> Any:
        whole = self._make()
        vars(self).update({} if whole is None else vars(whole))
        return object.__getattribute__(self, name)
