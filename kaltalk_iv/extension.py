"""The extension: one call sets up the widget's API, the dashboard and the command line on an application."""

import time
from collections.abc import Callable
from functools import cache
from threading import Lock

from flask import Flask
from sqlalchemy.pool import QueuePool

from .api import create_api, create_operations
from .cli import commands
from .config import read_settings
from .dashboard import create_dashboard
from .limiter import Limiter
from .rates import read_store
from .state import Confirm, Database, Guard, State, install
from .store.connections import Connections
from .store.database import CONNECTIONS
from .store.reading import Reader
from .watching import is_watched, watch


class KalTalkIV:
    """Identity verification for the KalTalk widget, on one Flask application or on several."""

    def __init__(
        self,
        app: Flask | None = None,
        *,
        db: Database,
        guard: Guard | None = None,
        confirm: Confirm | None = None,
        url_prefix: str = "/kaltalk",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``db`` is anything with a ``.session``, such as Flask-SQLAlchemy's object.

        ``guard`` says who looks at the dashboard; without one it answers 403 to everybody. ``confirm`` says whether a
        text is that person's password; without one no secret is revealed there. ``url_prefix`` is where the blueprints
        are mounted; ``clock`` returns Unix seconds.
        """
        self._db = db
        self._guard = guard
        self._confirm = confirm
        self._url_prefix = url_prefix
        self._clock = clock
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Set up ``app``. Raises RuntimeError with the mend when its configuration lacks something."""
        settings, store = read_settings(app.config), read_store(app.config)
        limiter = Limiter(settings.rates, key=settings.session_keys[0], clock=self._clock, store=store)
        reader = _once(self._reader) if settings.goes_past_the_session else lambda: None
        state = State(settings, self._db, self._guard, self._clock, self._confirm, limiter=limiter, reader=reader)
        install(app, state)
        api = create_api()
        csrf = app.extensions.get("csrf")
        if csrf is not None:
            csrf.exempt(api)  # widgets send no cookies; the dashboard checks its own forms
        for blueprint in (api, create_dashboard(), create_operations()):
            if not is_watched(app):
                watch(blueprint)
            app.register_blueprint(blueprint, url_prefix=self._url_prefix)
        app.cli.add_command(commands)

    def _reader(self) -> Reader | None:
        engine = self._db.session().get_bind().engine
        # A database in memory has one connection: to read past the session there would end the session's transaction.
        pool = engine.pool
        if not isinstance(pool, QueuePool):
            return None
        return Reader(Connections(engine, pool.size() or CONNECTIONS, pool.timeout()))


def _once(make: Callable[[], Reader | None]) -> Callable[[], Reader | None]:
    """Return what makes one reader, at the first request, however many threads ask for it then."""
    made, lock = cache(make), Lock()

    def get() -> Reader | None:
        with lock:
            return made()

    return get
