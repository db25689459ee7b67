"""The links between the pages of a search."""

from collections.abc import Mapping
from urllib.parse import quote


def page_links(path: str, params: Mapping[str, str], page: int, pages: int) -> dict[str, dict[str, str]]:
    """Relative links without the key, as recorded: even page 1 of an empty result has a first and a last link."""
    asked = {name: value for name, value in params.items() if name != "apikey"}

    def link(wanted: Mapping[str, str], safe: str) -> dict[str, str]:
        query = "&".join(f"{name}={quote(value, safe=safe)}" for name, value in wanted.items())
        return {"href": f"{path}?{query}" if query else path}

    def to(number: int) -> dict[str, str]:
        return link({**asked, "page": str(number)}, ",")

    links = {"self": link(asked, "")}
    if pages <= 1 and page == 0:
        return links
    links = {"first": to(0), **({"prev": to(max(0, min(page, pages) - 1))} if page else {}), **links}
    if page < pages - 1:
        links["next"] = to(page + 1)
    return {**links, "last": to(max(0, pages - 1))}
