"""Django and its ORM, PyJWT, no middleware: less than a new project comes with."""

import json
import os
import time

import django
import jwt
from django.conf import settings

from bench.peers import job

_FILE = os.environ.get("BENCH_SQLITE_FILE")
_DATABASE = (
    {"ENGINE": "django.db.backends.sqlite3", "NAME": _FILE, "OPTIONS": {"transaction_mode": "IMMEDIATE"}}
    if _FILE
    else {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ["PGDATABASE"],
        "HOST": os.environ["PGHOST"],
        "USER": os.environ["PGUSER"],
    }
)
settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={"default": _DATABASE | {"CONN_MAX_AGE": None}},  # a connection stays with its thread
    DEBUG=False,
    INSTALLED_APPS=["django.contrib.contenttypes"],
    ROOT_URLCONF="bench.peers.django_orm",
    SECRET_KEY=job.SESSION_KEY,
    USE_TZ=True,
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402 - after the settings
from django.db import models  # noqa: E402
from django.http import HttpResponseNotAllowed, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402


class Organization(models.Model):
    """A tenant."""

    id = models.CharField(primary_key=True, max_length=64)
    origins = models.TextField()

    class Meta:
        """The table that all peers share."""

        app_label, db_table = "bench", "organizations"


class SigningSecret(models.Model):
    """A signing secret, in plain text."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, models.CASCADE)
    secret = models.TextField()
    created_at = models.FloatField()
    expires_at = models.FloatField(null=True)
    revoked_at = models.FloatField(null=True)

    class Meta:
        """The table that all peers share."""

        app_label, db_table = "bench", "signing_secrets"


class Customer(models.Model):
    """A customer."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, models.CASCADE)
    external_id = models.TextField()
    email = models.TextField(null=True)
    name = models.TextField(null=True)
    verified = models.BooleanField()
    verified_at = models.FloatField(null=True)
    last_seen_at = models.FloatField()

    class Meta:
        """The table that all peers share."""

        app_label, db_table = "bench", "customers"
        unique_together = (("organization", "external_id"),)


class Message(models.Model):
    """A message."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, models.CASCADE)
    customer = models.ForeignKey(Customer, models.CASCADE, null=True)
    session_id = models.CharField(max_length=64)
    client_message_id = models.CharField(max_length=64)
    text = models.TextField()
    created_at = models.FloatField()

    class Meta:
        """The table that all peers share."""

        app_label, db_table = "bench", "messages"
        unique_together = (("session_id", "client_message_id"),)


def identify(request, organization_id):
    """Answer an identify."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    organization = Organization.objects.filter(pk=organization_id).first()
    if organization is None:
        return JsonResponse({"code": "unknown_organization"}, status=404)
    origin, now = request.headers.get("Origin"), time.time()
    if not job.is_allowed(origin, organization.origins):
        return JsonResponse({"code": "origin_not_allowed"}, status=403)
    active = SigningSecret.objects.filter(organization=organization, revoked_at=None)
    active = active.filter(models.Q(expires_at=None) | models.Q(expires_at__gt=now)).order_by("-created_at")
    claims, reason = job.weigh(json.loads(request.body).get("userJwt"), [secret.secret for secret in active])
    customer = None
    if claims.get("sub") is not None:
        row = job.new_customer(organization.id, claims, reason, now)
        key = {name: row.pop(name) for name in ("organization_id", "external_id")}
        customer, is_new = Customer.objects.get_or_create(**key, defaults=row)
        changed = {} if is_new else job.changes(customer, claims, reason, now)
        for name, value in changed.items():
            setattr(customer, name, value)
        if changed:
            customer.save(update_fields=list(changed))
    session = job.session_claims(organization.id, customer and customer.id, reason)
    return JsonResponse(job.answer(claims, reason, session), headers=job.cors(origin))


def message(request):
    """Store a message, once."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        session = job.read_session(request.headers.get("Authorization"))
    except jwt.InvalidTokenError:
        return JsonResponse({"code": "session_invalid"}, status=401)
    body = json.loads(request.body)
    row = job.new_message(session, body, time.time())
    key = {name: row.pop(name) for name in ("session_id", "client_message_id")}
    Message.objects.get_or_create(**key, defaults=row)
    answer = {"text": body["text"], "clientMessageId": body["clientMessageId"]}
    return JsonResponse({"message": answer}, status=201, headers=job.cors(request.headers.get("Origin")))


urlpatterns = [
    path("v1/organizations/<str:organization_id>/identify", identify),
    path("v1/messages", message),
]
app = get_wsgi_application()
