"""Settings › Security › Identity verification: its addresses. Every one of them is for admins alone."""

from flask import Blueprint

from . import changes, page, revoked, secrets, token_check, trail
from .access import View, admin_only

PATH = "/settings/security/identity-verification"

# Below PATH: address, endpoint, view, method.
SETTINGS_ROUTES: tuple[tuple[str, str, View, str], ...] = (
    ("", "settings", page.settings, "GET"),
    ("/mode", "settings_mode", changes.choose_mode, "POST"),
    ("/origins", "settings_origins", changes.change_origins, "POST"),
    ("/test-it", "settings_test_it", token_check.test_it, "POST"),
    ("/reveal", "settings_reveal", secrets.ask_to_reveal, "GET"),
    ("/reveal", "settings_revealed", secrets.reveal, "POST"),
    ("/rotate", "settings_rotate", secrets.rotate, "POST"),
    ("/end-window", "settings_end_window", secrets.ask_to_end_window, "GET"),
    ("/end-window", "settings_window_ended", secrets.end_window, "POST"),
    ("/replace", "settings_replace", secrets.ask_to_replace, "GET"),
    ("/replace", "settings_replaced", secrets.replace, "POST"),
    ("/revoked", "settings_revoked", revoked.show, "GET"),
    ("/revoked/take-back", "settings_take_back", revoked.take_back, "POST"),
    ("/audit", "settings_audit", trail.show, "GET"),
    ("/audit.csv", "settings_audit_csv", trail.download, "GET"),
)


def add_settings(pages: Blueprint) -> None:
    """Add the settings to the dashboard. The role is checked here, so that no view can forget it."""
    for address, endpoint, view, method in SETTINGS_ROUTES:
        pages.add_url_rule(PATH + address, endpoint, admin_only(view), methods=(method,))
