"""KalTalk identity verification: a Flask extension, its widget and its dashboard."""

from .extension import KalTalkIV
from .state import Role, Viewer
from .vault import generate_encryption_key

__all__ = ["KalTalkIV", "Role", "Viewer", "generate_encryption_key"]
