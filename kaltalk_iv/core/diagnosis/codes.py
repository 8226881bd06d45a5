"""One stable code for each mistake that integrators make. ``advice`` has the sentences."""

from enum import StrEnum
from typing import Final


class Code(StrEnum):
    """A mistake, or a habit worth changing. Pages and scripts may rely on these texts."""

    # what was pasted
    NOTHING_PASTED = "nothing_pasted"
    TOO_LONG = "too_long"
    SECRET_PASTED = "secret_pasted"  # noqa: S105 - a code, not a password
    WIDGET_SESSION = "widget_session"
    MISSING_VALUE = "missing_value"
    TEMPLATE_NOT_RENDERED = "template_not_rendered"
    BLANKS_AROUND = "blanks_around"
    BLANKS_INSIDE = "blanks_inside"
    QUOTES_AROUND = "quotes_around"
    PYTHON_BYTES = "python_bytes"
    BEARER = "bearer"
    URL_ENCODED = "url_encoded"
    HTML_ESCAPED = "html_escaped"
    TEXT_AROUND = "text_around"
    JSON_NOT_SIGNED = "json_not_signed"
    PAYLOAD_ONLY_BASE64 = "payload_only_base64"
    STANDARD_BASE64 = "standard_base64"
    ENCRYPTED_TOKEN = "encrypted_token"  # noqa: S105 - a code, not a password
    # the header and the form of the signature
    ANOTHER_HMAC = "another_hmac"
    PUBLIC_KEY_ALGORITHM = "public_key_algorithm"
    NO_ALGORITHM = "no_algorithm"
    ALGORITHM_MISSPELLED = "algorithm_misspelled"
    NOT_A_USER_TOKEN = "not_a_user_token"  # noqa: S105 - a code, not a password
    SIGNATURE_MISSING = "signature_missing"
    SIGNATURE_IN_HEX = "signature_in_hex"
    SIGNATURE_LENGTH = "signature_length"
    # the key
    SECRET_IN_GRACE = "secret_in_grace"  # noqa: S105 - a code, not a password
    SECRET_RETIRED = "secret_retired"  # noqa: S105 - a code, not a password
    SECRET_REVOKED = "secret_revoked"  # noqa: S105 - a code, not a password
    KEY_BASE64_DECODED = "key_base64_decoded"
    KEY_BASE64_ENCODED = "key_base64_encoded"
    KEY_WITHOUT_PREFIX = "key_without_prefix"
    KEY_CUT = "key_cut"
    KEY_QUOTED = "key_quoted"
    KEY_WITH_LINE_END = "key_with_line_end"
    KEY_WITH_BLANK = "key_with_blank"
    KEY_WITH_ITS_NAME = "key_with_its_name"
    KEY_IN_HEX = "key_in_hex"
    KEY_OTHER_CASE = "key_other_case"
    KEY_OTHER_ENCODING = "key_other_encoding"
    KEY_HASHED = "key_hashed"
    KEY_EMPTY = "key_empty"
    KEY_PLACEHOLDER = "key_placeholder"
    KEY_IS_AN_ID = "key_is_an_id"
    KEY_UNKNOWN = "key_unknown"
    # the times
    EXPIRED = "expired"
    EXP_MISSING = "exp_missing"
    EXP_NAMED_OTHERWISE = "exp_named_otherwise"
    EXP_RELATIVE = "exp_relative"
    EXP_BEFORE_IAT = "exp_before_iat"
    TIME_IN_MILLISECONDS = "time_in_milliseconds"
    TIME_AS_TEXT = "time_as_text"
    LIFETIME_TOO_LONG = "lifetime_too_long"
    LIFETIME_OVER_AN_HOUR = "lifetime_over_an_hour"
    CLOCK_AHEAD = "clock_ahead"
    CLOCK_BEHIND = "clock_behind"
    TIME_ZONE_AHEAD = "time_zone_ahead"
    TIME_ZONE_BEHIND = "time_zone_behind"
    NBF_AHEAD = "nbf_ahead"
    # the customer
    SUB_MISSING = "sub_missing"
    SUB_NAMED_OTHERWISE = "sub_named_otherwise"
    CLAIMS_NESTED = "claims_nested"
    SUB_EMPTY = "sub_empty"
    SUB_NOT_TEXT = "sub_not_text"
    SUB_NUMBER = "sub_number"
    SUB_NUMBER_TOO_BIG = "sub_number_too_big"
    SUB_STANDS_FOR_NOBODY = "sub_stands_for_nobody"
    SUB_EMAIL = "sub_email"
    SUB_USERNAME = "sub_username"
    EMAIL_DROPPED = "email_dropped"
    EMAIL_NAMED_OTHERWISE = "email_named_otherwise"
    NAME_DROPPED = "name_dropped"
    NAME_NAMED_OTHERWISE = "name_named_otherwise"
    SECRET_IN_CLAIMS = "secret_in_claims"  # noqa: S105 - a code, not a password
    # nothing of the above
    AS_THE_CHECK_SAYS = "as_the_check_says"


HABITS: Final = frozenset(
    {
        Code.SECRET_IN_GRACE,
        Code.LIFETIME_OVER_AN_HOUR,
        Code.CLOCK_BEHIND,
        Code.TIME_ZONE_BEHIND,
        Code.SUB_NUMBER,
        Code.SUB_EMAIL,
        Code.SUB_USERNAME,
        Code.EMAIL_DROPPED,
        Code.EMAIL_NAMED_OTHERWISE,
        Code.NAME_DROPPED,
        Code.NAME_NAMED_OTHERWISE,
    }
)
