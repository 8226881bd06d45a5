"""The agents' side: server-rendered pages that fail closed without a guard, and a login of KalTalk's own."""

from .login import create_login, session_confirm, session_guard
from .pages import create_dashboard

__all__ = ["create_dashboard", "create_login", "session_confirm", "session_guard"]
