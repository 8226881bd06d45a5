"""The code to copy from the page: what signs a user token, for each language of hosts, and what their pages carry."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Snippet:
    """A language, the library that the code needs, and the code."""

    language: str
    library: str
    code: str


_PYTHON = """\
import os
import time

import jwt

secret = os.environ.get("KALTALK_IV_SECRET")
if not secret:
    raise RuntimeError("KALTALK_IV_SECRET is not set")
now = int(time.time())
user_jwt = jwt.encode(
    {"sub": str(user.id or ""), "email": user.email, "name": user.name, "iat": now, "exp": now + 3600},
    secret,
    algorithm="HS256",
)"""

_NODE = """\
const jwt = require("jsonwebtoken");

const userJwt = jwt.sign({ sub: user.id, email: user.email, name: user.name }, \
process.env.KALTALK_IV_SECRET, { algorithm: "HS256", expiresIn: "1h" });"""

_PHP = """\
use Firebase\\JWT\\JWT;

$secret = getenv('KALTALK_IV_SECRET') ?: throw new RuntimeException('KALTALK_IV_SECRET is not set');
$now = time();
$userJwt = JWT::encode(
    ['sub' => (string) $user->id, 'email' => $user->email, 'name' => $user->name, 'iat' => $now, 'exp' => $now + 3600],
    $secret,
    'HS256'
);"""

_RUBY = """\
require "jwt"

secret = ENV.fetch("KALTALK_IV_SECRET", "")
raise "KALTALK_IV_SECRET is not set" if secret.empty?

now = Time.now.to_i
user_jwt = JWT.encode(
  { sub: user.id.to_s, email: user.email, name: user.name, iat: now, exp: now + 3600 },
  secret,
  "HS256"
)"""

_GO = """\
func signUserJWT(user User) (string, error) {
	secret := os.Getenv("KALTALK_IV_SECRET")
	if secret == "" { // an empty key would sign, too
		return "", errors.New("KALTALK_IV_SECRET is not set")
	}
	now := time.Now()
	return jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub":   user.ID,
		"email": user.Email,
		"name":  user.Name,
		"iat":   now.Unix(),
		"exp":   now.Add(time.Hour).Unix(),
	}).SignedString([]byte(secret))
}"""

_JAVA = """\
Instant now = Instant.now();
String userJwt = JWT.create()
    .withSubject(user.getId())
    .withClaim("email", user.getEmail())
    .withClaim("name", user.getName())
    .withIssuedAt(now)
    .withExpiresAt(now.plusSeconds(3600))
    .sign(Algorithm.HMAC256(System.getenv("KALTALK_IV_SECRET")));"""

_CSHARP = """\
var secret = Environment.GetEnvironmentVariable("KALTALK_IV_SECRET")!;
var key = new SymmetricSecurityKey(Encoding.UTF8.GetBytes(secret));
var userJwt = new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
{
    Claims = new Dictionary<string, object>
    {
        ["sub"] = user.Id.ToString(), ["email"] = user.Email, ["name"] = user.Name,
    },
    Expires = DateTime.UtcNow.AddHours(1),
    SigningCredentials = new SigningCredentials(key, SecurityAlgorithms.HmacSha256),
});"""

SNIPPETS = (
    Snippet("Node", "jsonwebtoken", _NODE),
    Snippet("Python", "PyJWT", _PYTHON),
    Snippet("PHP", "firebase/php-jwt", _PHP),
    Snippet("Ruby", "jwt", _RUBY),
    Snippet("Go", "github.com/golang-jwt/jwt/v5", _GO),
    Snippet("Java", "com.auth0:java-jwt", _JAVA),
    Snippet("C#", "Microsoft.IdentityModel.JsonWebTokens", _CSHARP),
)


def page_code(organization_id: str, widget_address: str) -> str:
    """Return what a page carries at its end. Its stub keeps the calls, so that no page waits for the chat."""
    return f"""\
<script>
  window.KalTalk = {{ queue: [] }};
  for (const call of ["init", "on", "open", "close", "shutdown"]) {{
    KalTalk[call] = function (...values) {{ this.queue.push([call, ...values]); }};
  }}
  KalTalk.init({{ organizationId: "{organization_id}", userJwt: "…" }});
</script>
<script async src="{widget_address}"></script>"""
