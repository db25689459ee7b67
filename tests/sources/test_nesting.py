"""How deeply JSON is nested."""

import json
import random
from typing import Any

import pytest

from include.sources.client.nesting import is_deeper, without_deeper


@pytest.mark.parametrize(
    ("begins", "ends", "levels"),
    [
        ("[", "]", 30),
        ('{"a":', "}", 30),
        ("[ ", " ]", 30),
        ("[1, [2], ", "]", 31),
        ('[{"a": [1], "b": ', "}]", 61),
    ],
)
def test_brackets_of_both_kinds_count_wherever_they_open(begins: str, ends: str, levels: int) -> None:
    body = (begins * 30 + "1" + ends * 30).encode()
    assert json.loads(body)
    assert not is_deeper(body, levels)
    assert is_deeper(body, levels - 1)


@pytest.mark.parametrize("levels", range(1, 6))
@pytest.mark.parametrize("seed", range(20))
def test_what_is_deeper_becomes_null_and_the_rest_stays(seed: int, levels: int) -> None:
    chosen = random.Random(seed)

    def nested(depth: int) -> Any:
        kind = chosen.choice(["list", "object", "text"]) if depth else "text"
        if kind == "text":
            return chosen.choice(["[[", '"{', "\\", '\\"]', 5, None])
        items = [nested(depth - 1) for _ in range(chosen.randint(0, 3))]
        return items if kind == "list" else dict(zip(("[", '"', "}"), items, strict=False))

    def cut(value: Any, left: int) -> Any:
        if not isinstance(value, list | dict):
            return value
        if left == 0:
            return None
        if isinstance(value, list):
            return [cut(each, left - 1) for each in value]
        return {name: cut(each, left - 1) for name, each in value.items()}

    value = [nested(7), {"a": nested(7)}, nested(7)]
    body = json.dumps(value).encode()
    found = without_deeper(body, levels, 9)
    assert json.loads(found) == cut(value, levels)
    assert not is_deeper(found, levels)
    assert without_deeper(body, 9, 9) == body


def test_of_what_never_closes_the_depth_is_bounded() -> None:
    for body in (b"[" * 500, b'[{"a": ' * 500, b"]]" + b"[" * 500 + b"}" * 900 + b"[" * 100):
        assert not is_deeper(without_deeper(body, 64, 1_000), 64)


@pytest.mark.parametrize("text", ["[" * 99, "]" * 99, '"[' * 99, "\\[" * 99, '\\"[' * 99, "\\", '"', '\\"'])
def test_what_a_string_says_does_not_count(text: str) -> None:
    body = json.dumps([{text: text}, [text, [text]], text]).encode()
    assert not is_deeper(body, 3)
    assert is_deeper(body, 2)


def test_a_string_that_spans_the_chunks_hides_nothing() -> None:
    body = json.dumps(["[" * (3 << 20), [[[]]], '{"' * (1 << 20)]).encode()
    assert not is_deeper(body, 4)
    assert is_deeper(body, 3)


@pytest.mark.parametrize("before", range(5))
def test_an_escape_at_the_end_of_a_chunk_escapes(before: int) -> None:
    text = "x" * ((1 << 18) - 4 + before) + '\\\\"' + "[" * 9 + "\\"
    assert not is_deeper(json.dumps([text, [text]]).encode(), 2)
    assert is_deeper(json.dumps([text, [text]]).encode(), 1)


def test_what_is_cut_off_or_no_json_at_all_is_judged_too() -> None:
    assert is_deeper(b"[" * 65, 64)
    assert not is_deeper(b"[" * 64, 64)
    assert is_deeper(b"[[]," * 65, 64)
    assert not is_deeper(b"[[]," * 64, 64)
    assert is_deeper(b"[[[1]]," * 3, 2)
    assert not is_deeper(b'<html>{"}]]]]', 64)
    assert not is_deeper(b"", 64)


def test_what_is_far_too_deep_is_an_error() -> None:
    assert without_deeper(b"[" * 1_000 + b"]" * 1_000, 2, 1_000) == b"[[null]]"
    with pytest.raises(ValueError, match="more than 1,000 levels"):
        without_deeper(b"[" * 1_001 + b"]" * 1_001, 2, 1_000)
