"""Headers for every answer: a strict content security policy, and no copy of a page in any cache."""

import secrets
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request
from flask.sessions import SecureCookieSessionInterface
from werkzeug.middleware.proxy_fix import ProxyFix

HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


HSTS = "max-age=31536000"  # a year, for this host alone


class Sessions(SecureCookieSessionInterface):
    """Session cookies that are Secure and `__Host-`, so that no other host plants one; plain where there is no TLS.

    That is under Flask's development server alone.

    Safari keeps no Secure cookie on http://127.0.0.1. The server itself says what it is; a Host header or an
    address would be a guess, because a reverse proxy may well send "127.0.0.1".
    """

    def get_cookie_secure(self, app: Flask) -> bool:
        """True unless `SESSION_COOKIE_SECURE` or the server says otherwise."""
        is_development_server = request.environ.get("SERVER_SOFTWARE", "").startswith("Werkzeug/")
        return super().get_cookie_secure(app) and not is_development_server

    def get_cookie_name(self, app: Flask) -> str:
        """The name; browsers take the prefix only with Secure, Path=/ and no Domain."""
        name = super().get_cookie_name(app)
        is_of_whole_host = self.get_cookie_path(app) == "/" and self.get_cookie_domain(app) is None
        return f"__Host-{name}" if is_of_whole_host and self.get_cookie_secure(app) else name


def init_app(app: Flask) -> None:
    """Put the headers on every answer, and the nonce of the answer into its templates."""
    app.session_interface = Sessions()
    app.context_processor(lambda: {"csp_nonce": csp_nonce()})
    app.after_request(protect)
    hops = app.config["HOST_PROXY_HOPS"]
    if hops:  # with none, X-Forwarded-For is what anybody may write
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]


def csp_nonce() -> str:
    """A random value, new for each answer: a script without it does not run."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    nonce: str = g.csp_nonce
    return nonce


def content_security_policy() -> str:
    """The policy of this answer. Beside its nonces KalTalk needs one thing only: to be called."""
    origin = urlsplit(current_app.config["KALTALK_ORIGIN"] or "")
    kaltalk = f" {origin.scheme}://{origin.netloc}" if origin.netloc else ""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'nonce-{csp_nonce()}'",
            "style-src 'self'",
            "img-src 'self'",
            f"connect-src 'self'{kaltalk}",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def protect(response: Response) -> Response:
    """The answer with its headers. A page may hold a token or a name: no cache keeps it, no proxy shares it."""
    response.headers.update(HEADERS)
    response.headers["Content-Security-Policy"] = content_security_policy()
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = HSTS
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
        response.vary.add("Cookie")
    return response
