"""What people's logs look like, each quirk in a few lines of its own."""

from __future__ import annotations

import pytest

from deep_loop.core.metric import Direction
from deep_loop.foreign.layout import UnknownColumn, Wishes
from deep_loop.foreign.reading import Reading, read
from deep_loop.foreign.table import NoTable

HEAD = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
PLAIN = (
    HEAD + "a1b2c3d\t0.99\t44.0\tkeep\tbaseline\nb2c3d4e\t0.98\t44.2\tkeep\tlr 2x\nc3d4e5f\t1.2\t44\tdiscard\tgelu\n"
)
LOWER, HIGHER = Direction.MINIMIZE, Direction.MAXIMIZE


def of(text: str | bytes, **wishes: object) -> Reading:
    return read(text if isinstance(text, bytes) else text.encode(), Wishes(**wishes))  # type: ignore[arg-type]


def fates(reading: Reading) -> str:
    """`kkdc`: what became of the entries, by first letters."""
    return "".join(entry.verdict[0] for entry in reading.entries)


def values(reading: Reading) -> list[float | None]:
    return [entry.value for entry in reading.entries]


def column(reading: Reading, role: str) -> str | None:
    return next(taken.column for taken in reading.taken if taken.role == role)


def doubted(reading: Reading, words: str) -> list[int]:
    """Lines of the doubt that begins with these words."""
    return next((list(doubt.lines) for doubt in reading.doubts if doubt.text.startswith(words)), [])


def test_results_tsv_of_autoresearch() -> None:
    """All columns find their roles, and nothing is odd."""
    reading = of(PLAIN)
    assert (fates(reading), values(reading)) == ("kkd", [0.99, 0.98, 1.2])
    assert (reading.metric.name, reading.metric.direction) == ("val_bpb", LOWER)
    assert [column(reading, role) for role in ("status", "description", "commit", "memory", "seconds")] == [
        "status", "description", "commit", "memory_gb", None,
    ]  # fmt: skip
    assert reading.entries[0].memory_mb == 44 * 1024
    assert reading.entries[1].title == "lr 2x" and reading.entries[1].commit == "b2c3d4e"
    assert not reading.doubts and not reading.aside and not reading.unread
    assert reading.first is not None and reading.best is not None
    assert (reading.first.value, reading.best.value, reading.best.line) == (0.99, 0.98, 3)


@pytest.mark.parametrize(
    "data",
    [
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16-le"),
        PLAIN.encode("utf-16-be"),
        PLAIN.encode("utf-32"),
        (HEAD.encode() + PLAIN.removeprefix(HEAD).encode("utf-16-le")),
        PLAIN.replace("gelu", "g\xe9lu").encode("latin-1"),
        PLAIN.replace("\n", "\n\n").encode(),
        PLAIN.replace("\t", ",").encode(),
        PLAIN.replace("\t", ";").replace(".", ",").encode(),
        PLAIN.replace("\t", " | ").encode(),
        PLAIN.expandtabs(24).encode(),
        PLAIN.replace("\t", " ").encode(),
        PLAIN.removeprefix(HEAD).encode(),
    ],
    ids=(
        *("crlf", "bom", "utf-16", "le", "be", "utf-32", "appended-utf-16", "latin-1", "blank-lines"),
        *("commas", "decimal-commas", "bars", "aligned", "spaces", "no-heading"),
    ),
)
def test_the_form_of_the_file_does_not_matter(data: bytes) -> None:
    """Encodings, line ends, dividers, and a heading that is not there."""
    reading = of(data)
    assert (fates(reading), values(reading)) == ("kkd", [0.99, 0.98, 1.2])
    assert (reading.metric.name, reading.metric.direction) == ("val_bpb", LOWER)
    assert reading.entries[1].commit == "b2c3d4e" and reading.entries[1].title == "lr 2x"


def test_a_heading_that_is_missing_is_told() -> None:
    """With the names that the columns were taken for."""
    assert any("no line names the columns" in doubt.text for doubt in of(PLAIN.removeprefix(HEAD)).doubts)


def test_a_markdown_table_with_signs() -> None:
    """Prose around it, bold numbers, ticks and crosses."""
    text = "# Results\n\nWords.\n\n| # | val_acc | Status | Change |\n|--|:--:|--|--|\n| 1 | **81.2%** | ✅ | base |\n"
    reading = of(text + "| 2 | 79.0% | ❌ revert | dropout |\n| 3 | – | 💥 | wider |\n")
    assert (fates(reading), values(reading)) == ("kdc", [81.2, 79.0, None])
    assert reading.metric.direction is HIGHER


def test_quoted_cells() -> None:
    """With dividers, quotes and line feeds inside; a lone quote swallows nothing."""
    text = 'id,loss,status,note\n1,3.5,keep,"a, b"\n2,3.4,keep,"one\ntwo ""x"""\n'
    reading = of(text + '3,9,discard,"never closed\n4,8,discard,end\n')
    assert fates(reading) == "kkdd"
    assert [entry.title for entry in reading.entries] == ["a, b", 'one two "x"', '"never closed', "end"]
    assert [entry.line for entry in reading.entries] == [2, 3, 5, 6]


def test_ragged_rows_are_brought_into_line_and_told() -> None:
    """A tab in a description, a cell too few in the middle or at the end, tabs written as `\\t`."""
    text = PLAIN + "d4e5f6a\t0.97\t44\tkeep\ta\tb\ne5f6a7b\t0.96\tkeep\tno memory\nf6a7b8c\t1.5\t44\tdiscard\n"
    reading = of(text + "a7b8c9d\\t1.6\\t44\\tdiscard\\tx\n")
    assert fates(reading) == "kkdkkdd" and values(reading)[3:] == [0.97, 0.96, 1.5, 1.6]
    assert reading.entries[3].title == "a b" and reading.entries[4].title == "no memory"
    assert [line for line, _ in reading.mended] == [5, 6, 7, 8]


@pytest.mark.parametrize(
    ("word", "fate"),
    [
        (word, fate)
        for fate, words in {
            "k": "KEEP kept accepted promote NEW_BEST new-best improved ✓ keep(tie)",
            "d": "REVERT reverted rejected worse not_improved failed_to_improve no_gain 丢弃",
            "c": "OOM checks_failed size_violation infra_retry timed_out rate_limited FAIL invalid",
            "b": "BASELINE",
            "": "skip archive TODO WIP policy_reject frobnicated",
        }.items()
        for word in words.split()
    ],
)
def test_status_words(word: str, fate: str) -> None:
    """Those that logs have; what is no decision is set aside with its line."""
    reading = of(PLAIN + f"d4e5f6a\t0.97\t44\t{word}\tx\n")
    assert fates(reading)[3:] == fate
    assert [row.line for row in reading.aside] == ([] if fate else [5])


def test_the_column_that_decides_goes_before_the_one_that_tells_crashes() -> None:
    """A rejected row that crashed by its other column, and has no value, crashed."""
    head = "id\tstatus\tdecision\tval_loss\tdescription\n"
    reading = of(head + "1\tok\tkeep\t3\tbase\n2\tok\treject\t4\tx\n3\tcrash\treject\t\ty\n")
    assert column(reading, "status") == "decision" and fates(reading) == "kdc"
    assert doubted(reading, "crashed by another column") == [4]


def test_a_log_that_does_not_decide() -> None:
    """Kept is what is better than all before; a row without a value is set aside. It is told."""
    reading = of("run,lr,val_acc\n1,0.1,0.8\n2,0.2,0.9\n3,0.3,0.85\n4,0.4,\n")
    assert fates(reading) == "kkd" and [row.line for row in reading.aside] == [5]
    assert reading.entries[1].title == "lr=0.2"
    assert doubted(reading, "kept or discarded by their values") == [2, 3, 4]


def test_a_status_that_only_says_that_it_ran() -> None:
    """`ok` is no decision: values decide; `crash` is one."""
    assert fates(of("run\tval_loss\tstatus\n1\t3.1\tok\n2\t3.0\tok\n3\t\tcrash\n4\t3.05\tok\n")) == "kkcd"


def test_a_column_of_yes_and_no() -> None:
    """As `kept` or `improved` have it."""
    assert fates(of("trial,score,improved\n1,10,yes\n2,12,yes\n3,11,no\n")) == "kkd"


def test_yes_and_no_go_before_a_status_that_decides_nothing() -> None:
    """`kept` tells, `status` says that one crashed."""
    reading = of("id,val_loss,status,kept,note\n1,3,ok,true,a b\n2,4,ok,false,c d\n3,,crash,false,e f\n")
    assert column(reading, "status") == "kept" and fates(reading) == "kdc"
    assert fates(of("id,val_loss,won\n1,3,yes\n2,2,no\n", columns={"status": "won"})) == "kd"
    assert fates(of("id,val_loss,success\n1,3,true\n2,4,true\n3,9,false\n")) == "kdc"


def test_a_status_with_remarks_behind_it() -> None:
    """The word before the colon, the bracket or the dash decides, however long the remark."""
    remark = "because of this and that and a good many other things besides"
    reading = of(f"id\tloss\tresult\n1\t3\tkeep ({remark})\n2\t2\tdiscard: {remark}\n3\t1\tcrash - {remark}\n")
    assert fates(reading) == "kdc"


def test_a_heading_with_a_name_twice_and_a_spreadsheets_first_line() -> None:
    """The second one gets a number behind it."""
    reading = of("sep=;\ncommit;val_bpb;notes;status;notes\na1b2c3d;0,99;x y;keep;z w\n")
    assert fates(reading) == "k" and values(reading) == [0.99] and reading.entries[0].title == "x y"
    assert "notes (2): z w" in reading.entries[0].rationale


def test_a_log_without_a_heading_and_without_commits() -> None:
    """Is taken for autoresearch's by the rest of its columns."""
    reading = of("exp1\t0.99\t44.0\tkeep\tbase line\nexp2\t0.98\t44.0\tkeep\tx y\nexp3\t1\t44.0\tdiscard\tz w\n")
    assert (reading.metric.name, column(reading, "description"), fates(reading)) == ("val_bpb", "description", "kkd")


def test_status_words_that_nobody_knows() -> None:
    """All is set aside until a person says what they mean."""
    text = "id\tloss\tstatus\n1\t3\tfoo\n2\t2\tbar\n"
    assert not of(text).entries and len(of(text).aside) == 2
    assert fates(of(text, words={"foo": "discard", "bar": "keep"})) == "dk"


def test_zero_for_a_crash() -> None:
    """Is no value; nor is it one in a kept row of such a log, which is told."""
    reading = of(PLAIN + "d4e5f6a\t0.000000\t0.0\tcrash\toom\ne5f6a7b\t0.000000\t44\tkeep\tforgot the value\n")
    assert values(reading)[3:] == [None, None]
    assert doubted(reading, "0 taken for no value") == [6]


def test_zero_that_is_a_value() -> None:
    """Where no crash says so: it is entered, and told."""
    reading = of("id\terr\tstatus\n1\t0.3\tkeep\n2\t0.1\tkeep\n3\t0.0\tkeep\n")
    assert values(reading) == [0.3, 0.1, 0.0] and doubted(reading, "kept with a value of 0") == [4]


def test_odd_rows_are_told_and_not_altered() -> None:
    """Keeps that are no gain, discards that are one, repeated commits and rows, a keep without a value, a slip."""
    rows = "d4e5f6a\t0.985\t44\tkeep\tworse\nd4e5f6a\t0.9\t44\tdiscard\tbetter\nd4e5f6a\t0.9\t44\tdiscard\tbetter\n"
    reading = of(PLAIN + rows + "e5f6a7b\tn/a\t44\tkeep\tnone\nf6a7b8c\t0.0985\t44\tkeep\ta digit too many\n")
    assert fates(reading) == "kkdkddkk"
    assert doubted(reading, "kept, though no better") == [5]
    assert doubted(reading, "discarded, though better") == [6, 7]
    assert doubted(reading, "1 commit(s) stand") == [5, 6, 7]
    assert doubted(reading, "the same row") == [7]
    assert doubted(reading, "kept without a value") == [8]
    assert doubted(reading, "kept with a value more than") == [9]


@pytest.mark.parametrize(
    ("names", "metric", "direction"),
    [
        ("commit tokens_per_sec bpb", "bpb", LOWER),
        ("id train_loss val_loss", "val_loss", LOWER),
        ("id val_loss best_val_loss", "val_loss", LOWER),
        ("id latency_ms p99_ms", "latency_ms", LOWER),
        ("id throughput memory_gb", "throughput", HIGHER),
        ("iter parent_score composite_score elapsed_s", "composite_score", HIGHER),
        ("id seed lr accuracy", "accuracy", HIGHER),
        ("id steps time_s reward", "reward", HIGHER),
        ("id gain_pct sharpe trades score", "score", HIGHER),
    ],
)
def test_the_metric_by_its_name(names: str, metric: str, direction: Direction) -> None:
    """Of several numbers the one that a study is about, and which way it is better."""
    columns = names.split()
    rows = ["\t".join(str(1 + row + 0.1 * place) for place in range(len(columns))) + "\tdiscard\n" for row in range(4)]
    reading = of("\t".join([*columns, "status"]) + "\n" + "".join(rows))
    assert (reading.metric.name, reading.metric.direction) == (metric, direction)


def test_the_metric_by_what_was_kept() -> None:
    """Decisions that follow one column and ignore the other tell which one it is, and which way."""
    rows = "".join(f"{i}\t0.9752\t{2000 + 10 * i}\tkeep\n{i}\t0.9751\t{1000 + i}\tdiscard\n" for i in range(6))
    reading = of("id\tbpb\ttokens_per_sec\tstatus\n" + rows)
    assert (reading.metric.name, reading.metric.direction) == ("tokens_per_sec", HIGHER)


def test_the_direction_by_what_was_kept() -> None:
    """A score that falls with every keep is better when lower, whatever its name hints at."""
    rows = "".join(f"{i}\t{10 - i}\tkeep\n{i}\t{20 + i}\tdiscard\n" for i in range(5))
    assert of("id\tscore\tstatus\n" + rows).metric.direction is LOWER


@pytest.mark.parametrize(
    "remark",
    ["# direction: higher", "# metric: fit (higher is better)", "# MAXIMIZE fit", "# metric_direction=maximize"],
)
def test_the_direction_by_a_remark(remark: str) -> None:
    """Above the table, with or without the metric's name."""
    reading = of(f"{remark}\nid\tfit\tstatus\n1\t3\tkeep\n2\t2\tdiscard\n")
    assert reading.metric.direction is HIGHER and list(reading.comments) == [1]


def test_a_direction_that_nothing_tells_is_told_as_a_guess() -> None:
    """With the option that overrules it."""
    assert any("--direction max" in doubt.text for doubt in of("id\tfoo\tstatus\n1\t3\tkeep\n2\t2\tdiscard\n").doubts)


def test_wishes_go_before_all_that_is_found() -> None:
    """Metric, direction, columns by name or place, and status words."""
    text = "a\tb\tc\td\n1\t2\tkeep\tx y\n2\t1\tkeep\tz w\n"
    reading = of(
        text, columns={"metric": "1", "description": "D", "commit": ""}, direction=HIGHER, words={"keep": "discard"}
    )
    assert (values(reading), fates(reading), reading.metric.direction) == ([1.0, 2.0], "dd", HIGHER)
    assert column(reading, "description") == "d"
    assert of(text, metric="b").metric.name == "b"
    assert of(text, metric="my_loss", columns={"metric": "b"}).metric.name == "my_loss"
    with pytest.raises(UnknownColumn, match="'nope'") as raised:
        of(text, columns={"status": "nope"})
    assert "a, b, c, d" in raised.value.hint


def test_several_campaigns_in_one_file() -> None:
    """The same heading again goes on; a baseline begins anew; another metric's rows have no value here."""
    again = "---\n\n" + HEAD + "d4e5f6a\t1.50\t44\tkeep\tbaseline on the other machine\ne5f6a7b\t1.4\t44\tkeep\tx\n"
    other = "exp\tval_acc\tstatus\tdescription\n1\t0.5\tkeep\tbaseline\n"
    reading = of(PLAIN + again + other)
    assert fates(reading) == "kkdkkk" and values(reading)[3:] == [1.5, 1.4, None]
    assert [entry.opens for entry in reading.entries] == [True, False, False, True, False, True]
    assert doubted(reading, "measured by another metric, val_acc") == [11]


def test_lines_of_json() -> None:
    """A configuration names the metric and its direction; each one begins a campaign."""
    text = """{"type":"config","metricName":"green","bestDirection":"higher"}
{"run":1,"commit":"a1b2c3d","metric":4,"metrics":{"loc":9},"status":"keep","description":"base","timestamp":17}
{"run":2,"commit":"b2c3d4e","metric":5,"metrics":{"loc":8},"status":"checks_failed","description":"fmt","timestamp":18}
nonsense
{"run":3,"commit":"b2c3d4e","metric":6,"metrics":{"loc":8},"status":"keep","description":"more","timestamp":19}
{"type":"config","metricName":"rate","bestDirection":"lower"}
{"run":4,"metric":0.5,"metrics":{},"status":"keep","description":"other","timestamp":20}
"""
    reading = of(text)
    assert (reading.metric.name, reading.metric.direction, fates(reading)) == ("green", HIGHER, "kckk")
    assert values(reading) == [4.0, 5.0, 6.0, None]
    assert [row.line for row in reading.unread] == [4]
    assert reading.entries[0].numbers["metrics.loc"] == 9
    assert doubted(reading, "measured by another metric, rate") == [7]
    assert of(text, metric="rate").metric == of(text.partition("nonsense\n")[2].partition("\n")[2]).metric


def test_nested_json_and_json_in_one_document() -> None:
    """Metrics inside metrics, NaN, booleans; a list with its configuration beside it."""
    lines = (
        '{"metrics":{"val_loss":3.2},"kept":true,"note":"a"}\n{"metrics":{"val_loss":NaN},"kept":false,"note":"b"}\n'
    )
    reading = of(lines)
    assert (reading.metric.name, fates(reading), values(reading)) == ("val_loss", "kd", [3.2, None])
    document = '{"metric":"fit","direction":"max","runs":[{"fit":1,"status":"kept"},\n{"fit":2,"status":"dropped"}]}'
    reading = of(document)
    assert (reading.metric.name, reading.metric.direction, fates(reading)) == ("fit", HIGHER, "kd")
    assert reading.place == "entry"


@pytest.mark.parametrize("text", ["", "\n\n", "hello\nthis is no log\n", HEAD])
def test_what_is_no_log_is_an_error_with_a_hint(text: str) -> None:
    """Not an empty study."""
    with pytest.raises(NoTable) as raised:
        of(text)
    assert raised.value.hint
