"""The widget's side: a blueprint that speaks JSON, reads no cookie and keeps its errors to itself."""

from .routes import create_api

__all__ = ["create_api"]
