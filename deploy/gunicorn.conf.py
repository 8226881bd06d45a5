"""How gunicorn runs KalTalk: ``gunicorn --config deploy/gunicorn.conf.py 'kaltalk_iv.server:create_app()'``.

docs/production.md says why each value is what it is. The environment sets PORT or KALTALK_BIND, WEB_CONCURRENCY and
KALTALK_THREADS.
"""

import gc
import os

from kaltalk_iv.observing import gunicorn_logging

bind = os.environ.get("KALTALK_BIND") or f"127.0.0.1:{os.environ.get('PORT') or '8000'}"
backlog = 1024

# A worker has a processor; its threads wait for the database. None shares a connection or an engine: each worker
# builds its own application after the fork.
workers = int(os.environ.get("WEB_CONCURRENCY") or os.cpu_count() or 2)
worker_class = "gthread"
threads = int(os.environ.get("KALTALK_THREADS") or 8)
preload_app = False

# A worker that is silent for this long is killed. Answers are given up long before: KALTALK_DATABASE_TIMEOUT.
timeout = 30
# What is under way when a worker ends may finish. Whoever stops this process should wait a little longer.
graceful_timeout = 20
# Longer than the proxy keeps an idle connection, else it sends a request into one that has just been closed.
keepalive = 75

# A worker starts afresh now and then, never all of them at once: a slow leak cannot fill the machine.
max_requests = 50_000
max_requests_jitter = 10_000
# A heartbeat on a disk that is busy is late, and the worker is killed for it.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108 - a folder in memory

limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 16_380  # a widget session is a header

# Who called, and whether by TLS, is decided in one place: KALTALK_PROXY_HOPS. Gunicorn believes no header of it.
forwarded_allow_ips = ""
forwarder_headers = ""
# To WSGI, X_Forwarded_For is X-Forwarded-For: a visitor would write what only the proxy may.
header_map = "drop"
secure_scheme_headers: dict[str, str] = {}

# KalTalk's own line for each request has an id and no query; gunicorn's would repeat what a visitor sent.
logconfig_dict = gunicorn_logging(os.environ.get("KALTALK_LOG_LEVEL") or "INFO")
accesslog = None
control_socket_disable = True


def post_worker_init(_worker: object) -> None:
    """Leave what is there now out of all collections of garbage.

    It stays as long as the worker does, and a collection that looks at all of it answers nobody for some 55 ms.
    """
    gc.collect()
    gc.freeze()
