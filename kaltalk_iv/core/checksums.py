"""Numbers that prove themselves: payment cards (ISO/IEC 7812) and bank accounts (ISO 13616). For ASCII digits."""

import re

# The numbers that are issued, by their first digits: Visa, Mastercard, Amex, Diners, JCB, Discover, UnionPay, Maestro.
_ISSUED = re.compile(
    r"4(?:\d{15}|\d{18})|5[0-8]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"
    r"|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}|35\d{14}|6\d{15,18}"
)
_IBAN_LENGTHS = {
    length: frozenset(countries.split())
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
}
_LENGTH_OF = {country: length for length, countries in _IBAN_LENGTHS.items() for country in countries}


def is_card_number(digits: str) -> bool:
    """True for 14 to 19 ``digits`` that some issuer gives out and whose check digit is right (Luhn)."""
    if _ISSUED.fullmatch(digits) is None:
        return False
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def iban_at_start(text: str) -> str | None:
    """Return the account number that ``text`` begins with, blanks and hyphens taken out; None without a right one."""
    packed = re.sub(r"[ -]", "", text).upper()
    length = _LENGTH_OF.get(packed[:2])
    number = packed[:length]
    # ASCII: where case is ignored, [A-Z] takes a Turkish İ too, which is no digit of any base.
    if length is None or len(number) < length or re.fullmatch("[A-Z0-9]+", number) is None:
        return None
    account = number[4:] + number[:4]
    is_right = int("".join(str(int(character, 36)) for character in account)) % 97 == 1
    return number if is_right else None
