"""Keeps API keys and logins out of stored responses and messages."""

import re
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

from yarl import URL


class Redaction:
    """Replaces a key with `***` wherever a source may echo it, in upper or lower case: plain, in a URL, also escaped
    twice, in hexadecimal digits, in Base64."""

    def __init__(self, key: str) -> None:
        forms = {form for form in _forms(key) if form}
        self._forms = {form.encode().lower() for form in forms}
        self._pattern = re.compile(
            "|".join(map(re.escape, sorted(forms, key=len, reverse=True))), re.IGNORECASE
        )

    def __call__(self, text: str) -> str:
        # To search this takes a tenth of the time that the pattern does; hardly any response echoes the key.
        lowered = text.encode(errors="replace").lower()
        if any(form in lowered for form in self._forms):
            return self._pattern.sub("***", text)
        return text


def _forms(key: str) -> Iterator[str]:
    """Base64 packs three bytes, so there the key has three forms, depending on what precedes it; each without the outer
    characters, which depend on adjacent bytes."""
    data = key.encode()
    yield from (key, data.hex(), quote_plus(key))
    in_url = str(URL.build(query={"": key})).removeprefix("?=")
    for escaped in (in_url, quote(key, safe="")):
        yield from (escaped, quote(escaped, safe=""))
    for before in range(3):
        whole = b64encode(bytes(before) + data).decode()
        inner = whole[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
        yield from (inner, inner.translate(str.maketrans("+/", "-_")), quote(inner, safe=""))


def without_login(url: str) -> str:
    """The URL without a user and password."""
    return re.sub(r"(?<=//)[^/@]*@", "", url)
