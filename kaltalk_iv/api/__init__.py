"""The widget's side: a blueprint that speaks JSON, reads no cookie and keeps its errors to itself."""

from .operations import create_operations
from .routes import create_api

__all__ = ["create_api", "create_operations"]
