"""The models of the peers that use Flask-SQLAlchemy."""

from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()


class Organization(db.Model):
    """A tenant."""

    __tablename__ = "organizations"
    id = db.Column(db.String(64), primary_key=True)
    name = db.Column(db.Text, nullable=False)
    mode = db.Column(db.String(16), nullable=False)
    origins = db.Column(db.Text, nullable=False)


class SigningSecret(db.Model):
    """A signing secret, in plain text."""

    __tablename__ = "signing_secrets"
    id = db.Column(db.BigInteger, primary_key=True)
    organization_id = db.Column(db.String(64), db.ForeignKey("organizations.id"), nullable=False)
    secret = db.Column(db.Text, nullable=False)
    created_at = db.Column(db.Float, nullable=False)
    expires_at = db.Column(db.Float)
    revoked_at = db.Column(db.Float)


class Customer(db.Model):
    """A customer."""

    __tablename__ = "customers"
    id = db.Column(db.BigInteger, primary_key=True)
    organization_id = db.Column(db.String(64), db.ForeignKey("organizations.id"), nullable=False)
    external_id = db.Column(db.Text, nullable=False)
    email = db.Column(db.Text)
    name = db.Column(db.Text)
    verified = db.Column(db.Boolean, nullable=False)
    verified_at = db.Column(db.Float)
    last_seen_at = db.Column(db.Float, nullable=False)


class Message(db.Model):
    """A message."""

    __tablename__ = "messages"
    id = db.Column(db.BigInteger, primary_key=True)
    organization_id = db.Column(db.String(64), db.ForeignKey("organizations.id"), nullable=False)
    customer_id = db.Column(db.BigInteger, db.ForeignKey("customers.id"))
    session_id = db.Column(db.String(64), nullable=False)
    client_message_id = db.Column(db.String(64), nullable=False)
    text = db.Column(db.Text, nullable=False)
    created_at = db.Column(db.Float, nullable=False)
