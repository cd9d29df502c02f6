"""Whatever bytes come: nothing breaks, and nothing is lost."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from deep_loop.adapters.ledger.rows import Codes
from deep_loop.core.experiment import ML
from deep_loop.foreign.cells import number, numbers
from deep_loop.foreign.encoding import decode
from deep_loop.foreign.experiments import experiments
from deep_loop.foreign.reading import Reading, read
from deep_loop.foreign.table import NoTable
from deep_loop.foreign.verdicts import verdict

HEADS = (["commit", "val_bpb", "memory_gb", "status", "description"], ["id", "metric", "result"], ["a", "b"], [])
CELLS = st.one_of(
    st.sampled_from(
        (
            *("keep", "discard", "crash", "KEEP", "skip", "baseline", "", "-", "n/a", "nan", "x y z", "LR 1 -> 2"),
            *("0.99", "1,234", "0,5", "1e999", "-0.0", "9" * 400, "a1b2c3d", "#", "|", "\\t", "---", '{"a":1}'),
            *('"q"', '"open'),
        )
    ),
    st.text(max_size=12),
    st.floats().map(str),
)


@st.composite
def tables(draw: st.DrawFn) -> str:
    """A table as nobody should write it."""
    sign = draw(st.sampled_from(["\t", ",", ";", "|", "  "]))
    rows = draw(st.lists(st.lists(CELLS, max_size=7), max_size=12))
    lines = [sign.join(row) for row in (draw(st.sampled_from(HEADS)), *rows)]
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines)


KEYS = st.sampled_from(("type", "metricName", "metric", "bestDirection", "status", "description", "metrics", "run"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=6),
    max_leaves=12,
)


def check(data: bytes) -> Reading | None:
    """Every row is told once, and every entry can be recorded."""
    try:
        reading = read(data)
    except NoTable:
        return None
    told = [entry.line for entry in reading.entries]
    told += [row.line for row in (*reading.aside, *reading.unread)]
    assert len(told) == len(set(told)) and reading.rows == len(reading.entries) + len(reading.aside)
    codes = Codes.of(ML)
    for unit in experiments(reading, "log", 0):
        codes.proposal.encode(unit.proposal)
        codes.decision.encode(unit.decision)
        if unit.outcome is not None:
            codes.outcome.encode(unit.outcome)
    return reading


@settings(max_examples=60)
@given(text=tables(), encoding=st.sampled_from(["utf-8", "utf-16", "utf-16-le", "utf-8-sig"]))
def test_any_table(text: str, encoding: str) -> None:
    """In any encoding."""
    check(text.encode(encoding, "surrogatepass"))


@settings(max_examples=60)
@given(values=st.lists(VALUES, max_size=8))
def test_any_lines_of_json(values: list[object]) -> None:
    """Objects or not."""
    check("\n".join(map(json.dumps, values)).encode())


@settings(max_examples=60)
@given(data=st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    """Even those that are no text."""
    decode(data)
    check(data)


WORDS = st.sampled_from(["keep", "discard", "crash", "baseline", "skip"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=20)
ROWS = st.lists(st.tuples(st.floats(0.001, 1000), WORDS, TEXTS), min_size=1, max_size=20)


@settings(max_examples=40)
@given(rows=ROWS)
def test_a_tidy_log_is_read_as_it_was_written(rows: list[tuple[float, str, str]]) -> None:
    """Value, fate and text of every row."""
    lines = [f"a{place:06x}\t{value!r}\t1.0\t{word}\tx {text} y" for place, (value, word, text) in enumerate(rows)]
    reading = check(("commit\tval_bpb\tmemory_gb\tstatus\tdescription\n" + "\n".join(lines) + "\n").encode())
    assert reading is not None
    wanted = [(value, word, f"x {text} y") for value, word, text in rows if word != "skip"]
    assert [(entry.value, entry.verdict, entry.title) for entry in reading.entries] == wanted
    assert len(reading.aside) == sum(word == "skip" for _, word, _ in rows) and not reading.unread


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_back(value: float) -> None:
    """As Python writes it, with a unit behind it, in bold, and with a decimal comma."""
    assert number(repr(value)) == value
    assert number(f"**{value!r}** ms".replace("** ms", "**")) == value
    assert number(f"{value!r} ms") == value
    comma = repr(value).replace(".", ",")
    assert numbers([comma, "0,5"]) == [value, 0.5]


@given(value=st.integers(0, 10**12))
def test_thousands_are_read(value: int) -> None:
    """With commas, spaces or apostrophes between them."""
    for sign in (",", " ", "'"):
        assert number(f"{value:,}".replace(",", sign)) == value


@given(cell=st.text(max_size=30))
def test_a_status_word_is_known_or_not(cell: str) -> None:
    """Whatever stands there, in capitals too."""
    assert verdict(cell) == verdict(cell.upper()) or cell.upper().lower() != cell.lower()
