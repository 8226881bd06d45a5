"""Every address of an application, from its URL map, and what somebody with a browser gets there."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any, Final

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
ALL_METHODS: Final = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE")
CSRF_FIELD: Final = re.compile(r'name="csrf_token"[^>]*?value="([^"]+)"')
NEW_IN_EVERY_ANSWER: Final = re.compile(r'(nonce|value)="[^"]*"')


@dataclass(frozen=True)
class Address:
    """One rule with its placeholders filled in."""

    rule: Rule
    path: str

    @property
    def endpoint(self) -> str:
        """The endpoint's name."""
        return str(self.rule.endpoint)

    @property
    def methods(self) -> frozenset[str]:
        """What it takes, less what Flask adds by itself."""
        return frozenset(self.rule.methods or ()) - {"HEAD", "OPTIONS"}


def addresses(app: Flask, values: Mapping[str, Any]) -> Iterator[Address]:
    """Yield every address. Raises KeyError for a placeholder for which ``values`` has nothing: decide what it means."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        filled = {name: values[name] for name in rule.arguments}
        methods = sorted(rule.methods or ())
        yield Address(rule, adapter.build(str(rule.endpoint), filled, method=methods[0]))


def csrf_token(http: FlaskClient, path: str) -> str:
    """Return the token in the forms of the page at ``path``."""
    found = CSRF_FIELD.search(http.get(path, buffered=True).text)
    assert found, f"no form on {path}"
    return unescape(found[1])


def shape(html: str) -> str:
    """Return a page without what is new in every answer."""
    return NEW_IN_EVERY_ANSWER.sub("", html)
