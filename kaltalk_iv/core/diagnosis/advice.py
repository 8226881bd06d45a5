"""What Test it says: for each code the sentence that mends it.

No sentence repeats what was pasted. What a sentence fills in is a number, or a word from a list of ours.
"""

from dataclasses import dataclass
from typing import Final

from .codes import HABITS, Code


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to mend. ``at`` is the moment that the sentence speaks of (Unix seconds), for the edge to format."""

    code: Code
    detail: str
    at: float | None = None

    @property
    def is_habit(self) -> bool:
        """True when the token may verify all the same, and the advice is about making it better."""
        return self.code in HABITS


_SENTENCES: Final = {
    Code.NOTHING_PASTED: "There is nothing here: paste the text that your page hands to KalTalk.init as userJwt.",
    Code.TOO_LONG: "This is longer than any token: paste the userJwt alone, which has at most 8,192 characters.",
    Code.SECRET_PASTED: (
        "This holds a signing secret, which belongs nowhere but in your server's environment: rotate it, "
        "and paste a token that was signed with it."
    ),
    Code.WIDGET_SESSION: "This is a widget session, which KalTalk made: paste the userJwt that your own server signs.",
    Code.MISSING_VALUE: (
        "This is what a program prints for a value that is missing or not finished: hand over the token itself, "
        "and await it where your library signs asynchronously."
    ),
    Code.TEMPLATE_NOT_RENDERED: (
        "This is a template's placeholder: let your server fill in the token before the page is sent."
    ),
    Code.BLANKS_AROUND: (
        "Blanks, line ends or invisible characters stand around the token: strip them before it goes into the page."
    ),
    Code.BLANKS_INSIDE: "Blanks or line ends stand inside the token: hand it over in one piece.",
    Code.QUOTES_AROUND: "Quotes stand around the token: hand over the text between them.",
    Code.PYTHON_BYTES: "This is a bytes object of Python, printed: decode it to text, or update PyJWT to version 2.",
    Code.BEARER: "The word Bearer stands in front: userJwt takes the token alone.",
    Code.URL_ENCODED: "The token is URL-encoded: hand it over as your library returns it, and never in a URL.",
    Code.HTML_ESCAPED: (
        "The token is HTML-escaped: write it into the page as JSON, in Jinja with {{{{ user_jwt|tojson }}}}."
    ),
    Code.TEXT_AROUND: "The token stands inside other text: hand over the token alone.",
    Code.JSON_NOT_SIGNED: "This is JSON, not a token: sign it on your server with a JWT library, HS256 and the secret.",
    Code.PAYLOAD_ONLY_BASE64: (
        "This is base64 without a signature, which anybody can write: "
        "sign it on your server with a JWT library, HS256 and the secret."
    ),
    Code.STANDARD_BASE64: (
        "The token is written in ordinary base64 (with +, / or =): a token takes base64url without padding, "
        "so let a JWT library write it."
    ),
    Code.ENCRYPTED_TOKEN: "This has five parts, so it is encrypted (a JWE): sign a plain JWT with HS256 instead.",
    Code.ANOTHER_HMAC: 'The token is signed with {alg}: set the algorithm to "HS256".',
    Code.PUBLIC_KEY_ALGORITHM: (
        "The token is signed with a key pair, as login tokens of identity providers are: "
        "sign one of your own with HS256 and the signing secret."
    ),
    Code.NO_ALGORITHM: 'The header says "alg": "none", so nothing is signed: sign with HS256 and the secret.',
    Code.ALGORITHM_MISSPELLED: 'The header\'s alg is missing or misspelled: it must be "HS256", in capitals.',
    Code.NOT_A_USER_TOKEN: (
        'The header\'s typ is not "JWT", so this token was made for another use: sign one for KalTalk.'
    ),
    Code.SIGNATURE_MISSING: "The token has no signature: sign it on your server with HS256 and the secret.",
    Code.SIGNATURE_IN_HEX: (
        "The signature is written in hex: base64url-encode the raw bytes of the HMAC, or let a JWT library do it."
    ),
    Code.SIGNATURE_LENGTH: (
        "The signature does not have the 43 characters of HS256: the token was cut or changed after it was signed."
    ),
    Code.SECRET_IN_GRACE: (
        "This is signed with the previous secret, which verifies only until its grace window ends: "
        "deploy the current one before that."
    ),
    Code.SECRET_RETIRED: "This is signed with a secret of yours that has retired: deploy the current one.",
    Code.SECRET_REVOKED: (
        "This is signed with a secret of yours that was revoked: deploy the current one, "
        "and find out who still has the old one."
    ),
    Code.KEY_BASE64_DECODED: (
        "This is signed with the base64-decoded secret: use the secret's text as the key, with its prefix, undecoded."
    ),
    Code.KEY_BASE64_ENCODED: (
        "This is signed with the secret in base64, as Kubernetes stores it: decode it once, and use that text."
    ),
    Code.KEY_WITHOUT_PREFIX: "This is signed with the secret without its prefix: the key begins with ktiv_.",
    Code.KEY_CUT: "This is signed with a piece of the secret: copy all 48 characters.",
    Code.KEY_QUOTED: "This is signed with quotes around the secret: take them out of the environment variable.",
    Code.KEY_WITH_LINE_END: "This is signed with a line end behind the secret: strip the variable or the file.",
    Code.KEY_WITH_BLANK: "This is signed with blanks around the secret: strip the environment variable.",
    Code.KEY_WITH_ITS_NAME: (
        "This is signed with the whole line KALTALK_IV_SECRET=…: use only what stands behind the equals sign."
    ),
    Code.KEY_IN_HEX: "This is signed with the secret in hex: use the secret's text as it stands.",
    Code.KEY_OTHER_CASE: "This is signed with the secret in other letters, all small or all capital: keep them.",
    Code.KEY_OTHER_ENCODING: (
        "This is signed with the secret in UTF-16 or behind a byte order mark: read it as plain UTF-8."
    ),
    Code.KEY_HASHED: "This is signed with a hash of the secret: use the secret's text as it stands.",
    Code.KEY_EMPTY: (
        "This is signed with an empty key, so anybody could have made it: KALTALK_IV_SECRET is not set where you sign."
    ),
    Code.KEY_PLACEHOLDER: (
        "This is signed with a placeholder that anybody can guess: put the signing secret into KALTALK_IV_SECRET."
    ),
    Code.KEY_IS_AN_ID: (
        "This is signed with an id or a fingerprint from this page: click Reveal, and use the secret itself."
    ),
    Code.KEY_UNKNOWN: (
        "No secret of this organization made this signature: look for another environment's or organization's secret, "
        "or for a token that was changed after it was signed."
    ),
    Code.EXPIRED: "The token expired {ago} ago: sign a new one on every page render, and do not cache that page.",
    Code.EXP_MISSING: 'There is no exp: sign for one hour, in Node with expiresIn: "1h".',
    Code.EXP_NAMED_OTHERWISE: (
        "There is no exp, but {claim} stands among the claims: name it exp, in seconds since 1970, "
        "or move expiresIn into the options of sign()."
    ),
    Code.EXP_RELATIVE: "exp is a duration, and must be a moment: add it to the current time in seconds since 1970.",
    Code.EXP_BEFORE_IAT: (
        "exp is not after iat, so the token never was valid: count both in UTC, and set exp to iat plus 3600."
    ),
    Code.TIME_IN_MILLISECONDS: "{claims}: milliseconds, and must be seconds since 1970; divide by 1000 and round down.",
    Code.TIME_AS_TEXT: "{claims}: text, and must be a plain number of seconds since 1970, without quotes.",
    Code.LIFETIME_TOO_LONG: "The token is good for {lifetime}, and at most {limit} are accepted: one hour is right.",
    Code.LIFETIME_OVER_AN_HOUR: (
        "The token is good for {lifetime}: one hour is enough when every page render signs a new one, "
        "and a leaked one is worth less."
    ),
    Code.CLOCK_AHEAD: "{claim} lies {span} in the future: your server's clock is ahead, so let NTP set it.",
    Code.CLOCK_BEHIND: (
        "The token was signed {span} ago: if that was just now, your server's clock is behind by as much, "
        "so let NTP set it."
    ),
    Code.TIME_ZONE_AHEAD: (
        "{claim} lies {span} in the future, which looks like a time zone: count in UTC, as Unix time does."
    ),
    Code.TIME_ZONE_BEHIND: (
        "The times lie {span} back, which looks like a time zone if you signed it just now: "
        "count in UTC, as Unix time does."
    ),
    Code.NBF_AHEAD: "nbf lies {span} in the future: leave nbf out.",
    Code.SUB_MISSING: (
        "There is no sub: user.id was undefined or left out, so sign only where somebody is logged in, "
        "with the name that your user model has for its id."
    ),
    Code.SUB_NAMED_OTHERWISE: "There is no sub, but {claim} stands among the claims: name it sub.",
    Code.CLAIMS_NESTED: "There is no sub at the top: move the claims out of {claim}.",
    Code.SUB_EMPTY: "sub is empty: sign only where somebody is logged in, and hand out no token otherwise.",
    Code.SUB_NOT_TEXT: "sub is {type}: sign the user's immutable id as text.",
    Code.SUB_NUMBER: "sub is a number, which is fine: wrap it in String() all the same, and it is never rounded.",
    Code.SUB_NUMBER_TOO_BIG: "sub is a number that JavaScript rounds: sign it as text, before it is ever a number.",
    Code.SUB_STANDS_FOR_NOBODY: (
        "sub is a word that stands for nobody, so all such visitors would be one customer: "
        "sign only where somebody is logged in."
    ),
    Code.SUB_EMAIL: "sub is an e-mail address, which people change: use the immutable user id.",
    Code.SUB_USERNAME: "sub looks like a username, which people change: use the immutable user id.",
    Code.EMAIL_DROPPED: "{why} It was dropped, and the token still counts.",
    Code.EMAIL_NAMED_OTHERWISE: "There is no email, but {claim} stands among the claims: name it email.",
    Code.NAME_DROPPED: "{why} It was dropped, and the token still counts.",
    Code.NAME_NAMED_OTHERWISE: "There is no name, but {claim} stands among the claims: name it name.",
    Code.SECRET_IN_CLAIMS: (
        "A signing secret stands inside the token, where every visitor can read it: take it out and replace it now."
    ),
    Code.AS_THE_CHECK_SAYS: "{why}",
}


def advise(code: Code, at: float | None = None, **facts: str) -> Advice:
    """Return the advice for ``code``, with its blanks filled in from ``facts``."""
    return Advice(code, _SENTENCES[code].format(**facts), at)
