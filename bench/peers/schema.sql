-- The tables of the peers, on SQLite and PostgreSQL. Times are Unix seconds: reading dates would cost them more.
CREATE TABLE organizations (
  id varchar(64) PRIMARY KEY,
  name text NOT NULL,
  mode varchar(16) NOT NULL,
  origins text NOT NULL
);
CREATE TABLE signing_secrets (
  id BIG_ID,
  organization_id varchar(64) NOT NULL REFERENCES organizations (id),
  secret text NOT NULL,
  created_at double precision NOT NULL,
  expires_at double precision,
  revoked_at double precision
);
CREATE INDEX signing_secrets_organization ON signing_secrets (organization_id);
CREATE TABLE customers (
  id BIG_ID,
  organization_id varchar(64) NOT NULL REFERENCES organizations (id),
  external_id text NOT NULL,
  email text,
  name text,
  verified boolean NOT NULL,
  verified_at double precision,
  last_seen_at double precision NOT NULL
);
CREATE UNIQUE INDEX customers_external_id ON customers (organization_id, external_id);
CREATE TABLE messages (
  id BIG_ID,
  organization_id varchar(64) NOT NULL REFERENCES organizations (id),
  customer_id bigint REFERENCES customers (id),
  session_id varchar(64) NOT NULL,
  client_message_id varchar(64) NOT NULL,
  text text NOT NULL,
  created_at double precision NOT NULL
);
CREATE UNIQUE INDEX messages_once ON messages (session_id, client_message_id);
