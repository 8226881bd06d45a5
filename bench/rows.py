"""The rows that a filled database holds, as SQL that PostgreSQL and SQLite both understand.

Copied from what the service itself writes. Person ``i`` is a customer with one conversation of two lines. What a person
is follows from ``i`` alone, scattered so that neighbours in a table are none in its indexes:

- nine in ten belong to one large organization, the others to 99 small ones;
- of 100, 70 are proven by the secret that stands, 5 by a revoked one, 20 only claim, and the conversations of 5 are
  anonymous;
- of ten conversations six are closed, and of fifty open ones one is unread.

They came one after another through a year, as rows do. Ids are random, as the service makes them.
"""

LARGE = "org_large"
SMALL_ONES = 99
FILLED_TABLES = ("customers", "customer_proofs", "conversations", "messages")

# PostgreSQL has it; on SQLite the filling lends its md5 and makes these by recursion.
NUMBERS = {
    "postgresql": "SELECT i FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS series(i)",
    "sqlite": "SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last",
}

_FIRST_NAMES = [
    *("Ada", "Alan", "Amara", "Anton", "Aylin", "Bella", "Boris", "Carla", "Chloe", "Dario", "Dilara", "Elena"),
    *("Emil", "Farid", "Fatou", "Grace", "Hana", "Hugo", "Ines", "Ivan", "Jonas", "Kofi", "Lena", "Maria", "Mateo"),
    *("Mei", "Nadia", "Omar", "Priya", "Rosa", "Samir", "Yuki"),
]
_SYLLABLES = [consonant + vowel for consonant in "bdfklmnr" for vowel in "aeiou"]
_DAY = 86_400
_YEAR = 365 * _DAY


def _pick(words: list[str], number: str) -> str:
    """Return SQL for one of ``words``: the database takes it from a row of equally wide fields."""
    width = max(map(len, words))
    fields = "".join(word.ljust(width) for word in words)
    return f"trim(substr('{fields}', CAST(1 + {width} * ({number} % {len(words)}) AS integer), {width}))"


_LAST_NAME = " || ".join(_pick(_SYLLABLES, f"(h / {divisor})") for divisor in (7, 281, 11_251))
_PEOPLE = f"""
n(i) AS ({{numbers}}),
drawn AS (
  SELECT i, i * 2654435761 % 4294967296 AS h, (i / 10) % 100 AS k,
    CASE WHEN i % 10 = 0 THEN 'org_small_' || (i / 10 % {SMALL_ONES}) ELSE '{LARGE}' END AS org
  FROM n
),
people AS (
  SELECT org, i, h, 'cus_' || substr(md5('customer' || i), 1, 24) AS cus, 'con_' || substr(md5('thread' || i), 1, 24)
      AS con, 'ses_' || substr(md5('visit' || i), 1, 24) AS ses, 'u_' || i AS sub,
    {_pick(_FIRST_NAMES, "(h / 450041)")} AS first_name, {_LAST_NAME} AS last_name,
    k < 75 OR k >= 95 AS proven, k >= 95 AS nameless,
    CASE WHEN k < 75 THEN 'verified' WHEN k < 95 THEN 'unverified' ELSE 'anonymous' END AS state,
    CASE WHEN org = '{LARGE}' AND k >= 70 AND k < 75 THEN CAST(:revoked AS text) ELSE stands.id END AS secret,
    CASE WHEN h / 65536 % 10 < 6 THEN 'closed' ELSE 'open' END AS status,
    h / 65536 % 10 >= 6 AND h / 1024 % 50 = 0 AS unread,
    CAST(:now AS double precision) - 3600 - (:count - i) * {_YEAR:.1f} / CAST(:count AS double precision)
      - h * {_DAY / 2**32!r} AS at
  FROM drawn JOIN kaltalk_iv_secrets AS stands ON stands.organization_id = org AND stands.revoked_at IS NULL
),
full_people AS (
  SELECT *, first_name || ' ' || upper(substr(last_name, 1, 1)) || substr(last_name, 2) AS name,
    lower(first_name) || ' ' || last_name AS name_key,
    lower(first_name) || '.' || last_name || i || '@example.com' AS email
  FROM people
)
"""
# Seen a month from now: whenever it is measured, an identify with unchanged claims has nothing to write.
_CUSTOMERS = """
INSERT INTO kaltalk_iv_customers (organization_id, id, external_id, external_id_proven, email, email_key, email_proven,
  name, name_key, name_proven, verified, verified_secret_id, first_verified_at, last_verified_at, proven_iat,
  created_at, last_seen_at)
WITH RECURSIVE {people}
SELECT org, cus, sub, proven, email, email, proven, name, name_key, proven, proven, CASE WHEN proven THEN secret END,
  CASE WHEN proven THEN at END, CASE WHEN proven THEN at END, CASE WHEN proven THEN CAST(at AS bigint) END,
  at, CAST(:now AS double precision) + 2592000 FROM full_people
"""
_PROOFS = """
INSERT INTO kaltalk_iv_customer_proofs (organization_id, customer_id, secret_id, first_at)
WITH RECURSIVE {people} SELECT org, cus, secret, at FROM full_people WHERE proven
"""
_CONVERSATIONS = """
INSERT INTO kaltalk_iv_conversations (organization_id, id, customer_id, session_id, status, state, reason, secret_id,
  standing, state_since, proven_until, first_proven_at, claimed_external_id, claimed_email, claimed_email_key,
  claimed_name, claimed_name_key, message_count, unread_count, last_message_at, last_message, last_author, created_at)
WITH RECURSIVE {people}
SELECT org, con, CASE WHEN NOT nameless THEN cus END, ses, status, state,
  CASE WHEN state = 'unverified' THEN 'no_token' END, CASE WHEN state = 'verified' THEN secret END,
  CASE WHEN state = 'verified' THEN secret ELSE state END, at, CASE WHEN state = 'verified' THEN at + 3600 END,
  CASE WHEN state = 'verified' THEN at END, CASE WHEN NOT nameless THEN sub END,
  CASE WHEN NOT nameless THEN email END, CASE WHEN NOT nameless THEN email END,
  CASE WHEN NOT nameless THEN name END, CASE WHEN NOT nameless THEN name_key END,
  2, CASE WHEN unread THEN 2 ELSE 0 END, at + 60,
  CASE WHEN unread THEN 'Is anybody there?' ELSE 'It left yesterday and should be with you tomorrow.' END,
  CASE WHEN unread THEN 'visitor' ELSE 'agent' END, at
FROM full_people
"""
_LINES = """
INSERT INTO kaltalk_iv_messages (organization_id, id, conversation_id, position, author, author_name, session_id, state,
  reason, secret_id, text, client_message_id, created_at)
WITH RECURSIVE {people}, lines(position) AS (SELECT 1 UNION ALL SELECT 2)
SELECT org, 'msg_' || substr(md5('line ' || position || ' of ' || i), 1, 24), con, position,
  CASE WHEN position = 1 OR unread THEN 'visitor' ELSE 'agent' END,
  CASE WHEN position = 2 AND NOT unread THEN 'Grace' END,
  ses, state, CASE WHEN state = 'unverified' THEN 'no_token' END, CASE WHEN state = 'verified' THEN secret END,
  CASE WHEN position = 1 THEN 'Hello, where is my parcel? The number is ' || h
    WHEN unread THEN 'Is anybody there?' ELSE 'It left yesterday and should be with you tomorrow.' END,
  md5('sent ' || position || ' of ' || i), at + (position - 1) * 60
FROM full_people CROSS JOIN lines
"""


def statements(dialect: str) -> list[str]:
    """Return the inserts of people ``:first`` to ``:last`` of ``:count``, who came in the year before ``:now``.

    Some of them were proven by the secret ``:revoked``, and others by the one that stands.
    """
    people = _PEOPLE.format(numbers=NUMBERS[dialect])
    return [template.format(people=people) for template in (_CUSTOMERS, _PROOFS, _CONVERSATIONS, _LINES)]
