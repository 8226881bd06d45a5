"""``kaltalk-iv keys``: the keys that signing secrets are encrypted with."""

import click

from ..vault import generate_encryption_key
from .edge import as_json_option, show


@click.group()
def keys() -> None:
    """Make encryption keys."""


@keys.command("generate")
@as_json_option
def generate(as_json: bool) -> None:
    """Print a new key. Put it first in KALTALK_IV_ENCRYPTION_KEYS and keep the older ones behind it."""
    key = generate_encryption_key()
    show({"key": key}, [key], as_json=as_json)
