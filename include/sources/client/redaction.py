"""Keeps API keys and logins out of stored responses and messages."""

import re
from base64 import b64encode
from urllib.parse import quote, quote_plus

from yarl import URL


def key_forms(key: str) -> tuple[str, ...]:
    """The key as a source may echo it: plain, in a URL, in either case, in hexadecimal digits, in Base64.

    Base64 packs three bytes, so there it has three forms, depending on what precedes it; each leaving out the outer
    characters, which depend on adjacent bytes.
    """
    data = key.encode()
    in_url = str(URL.build(query={"": key})).removeprefix("?=")
    forms = [key, in_url, quote(key, safe=""), quote_plus(key), data.hex()]
    for before in range(3):
        whole = b64encode(bytes(before) + data).decode()
        inner = whole[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
        forms += [inner, inner.translate(str.maketrans("+/", "-_"))]
    longest_first = sorted(
        {each for form in forms[:5] for each in (form, form.lower(), form.upper())}, key=len
    )
    return tuple(dict.fromkeys([*reversed(longest_first), *forms[5:]]))


def without_login(url: str) -> str:
    """The URL without a user and password."""
    return re.sub(r"(?<=//)[^/@]*@", "", url)
