"""A program taken apart at its knobs, and put together again with other values."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from deep_loop.core.seedplaces import is_seed_name
from deep_loop.knobs.values import KnobError, Value, evaluate

if TYPE_CHECKING:
    import libcst as cst

MAX_NESTING = 200  # brackets; CPython's own limit, and the parser below us would overflow its stack


@dataclass(frozen=True, slots=True)
class Knob:
    """One constant as it stands in a file."""

    name: str
    value: Value
    source: str  # the expression as written, such as `2**19`
    comment: str = ""  # beside it, else above it, without the `#`
    choices: tuple[str, ...] = ()  # declared values, as source text
    range: tuple[float, float] | None = None  # declared bounds, both included


@dataclass(frozen=True, slots=True)
class Layout:
    """A file with holes where its knobs' values stand: `parts[0]`, value, `parts[1]`, value, ..., `parts[-1]`."""

    parts: tuple[str, ...]  # one more than there are knobs
    knobs: tuple[Knob, ...]  # in the order of the file
    _names: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_names", frozenset(knob.name for knob in self.knobs))

    def fill(self, sources: Mapping[str, str]) -> str:
        """The file's text with these values in the holes, the others as they were.

        Raises KnobError for an unknown name, and for a source that `evaluate` refuses.
        """
        if unknown := sorted(sources.keys() - self._names):
            raise KnobError.unknown(unknown)
        for source in sources.values():
            evaluate(source)
        written = [self.parts[0]]
        for knob, part in zip(self.knobs, self.parts[1:], strict=True):
            written += [sources.get(knob.name, knob.source), part]
        return "".join(written)

    def fit(self, text: str) -> Layout | None:
        """The layout of a text that differs from this file in its values alone, else None.

        Thirty times quicker than `parse`. Values that span lines or hold a `#`, `;` or backslash get None.
        """
        if not text.startswith(self.parts[0]) or not text.endswith(self.parts[-1]):
            return None
        position, last, found = len(self.parts[0]), len(self.knobs) - 1, []
        for place, (knob, part) in enumerate(zip(self.knobs, self.parts[1:], strict=True)):
            end = text.find(part, position) if place < last else len(text) - len(part)
            source = text[position : max(end, position)]
            if end <= position or any(character in source for character in "\n\r#;\\"):
                return None
            try:
                found.append(replace(knob, source=source, value=evaluate(source)))
            except KnobError:
                return None
            position = end + len(part)
        return Layout(self.parts, tuple(found)) if self.knobs or text == self.parts[0] else None


def read(text: str) -> tuple[Knob, ...]:
    """The knobs of a program, in the order of the file. Raises KnobError where it does not parse."""
    return parse(text).knobs


def rewrite(text: str, sources: Mapping[str, str]) -> str:
    """The program with new values, given as source text such as `2**14`; all else stays byte for byte.

    Raises KnobError where the program does not parse, has no such knob, or a source is no literal value.
    """
    return parse(text).fill(sources)


def parse(text: str) -> Layout:
    """Take a program apart. Raises KnobError where it does not parse."""
    body = text.removeprefix("\ufeff")  # a byte order mark is no Python text; the parser would drop it
    module = _module(body)
    found: list[tuple[Knob, cst.BaseExpression]] = []
    bound = _bound(module)
    for line, above in _lines(module):
        for name, expression in _assignments(line):
            if bound[name] == 1 and not is_reserved(name):
                knob = _knob(name, module.code_for_node(expression), _comment(line), above)
                if knob is not None:
                    found.append((knob, expression))
    first, *others = _parts(module, body, [expression for _, expression in found])
    mark = text[: len(text) - len(body)]
    return Layout((mark + first, *others), tuple(knob for knob, _ in found))


# --- names that are not knobs --------------------------------------------------------------------

_RESERVED = re.compile(
    "SEEDS?|BUDGET|TIMEOUT|DEADLINE|SECONDS|MINUTES|HOURS|EVALS?|EVALUATION|VAL|VALIDATION|TEST|HOLDOUT|PATHS?|DIRS?"
    "|DIRECTORY|FOLDER|ROOT|FILES?|FILENAME|URL|URI|HOST|PORT|[GTP]?FLOPS|BANDWIDTH|VOCAB|LOG|LOGGING|PRINT|REPORT|VERSION"
)
_LENGTH = {"STEPS", "ITERS", "ITERATIONS", "EPOCHS", "TIME"}  # of a whole run: a budget
_WHOLE = {"MAX", "NUM", "N", "TOTAL", "TRAIN", "TRAINING"}
_SCHEDULED = {"LR", "LRS", "LEARNING", "RATE", "MOMENTUM"}  # PEAK_LR is a knob, PEAK_MEMORY a figure


def is_reserved(name: str) -> bool:
    """Whether a name means a seed, a budget, the evaluation, a path, a report or a machine's peak figures.

    The words of the name decide: VAL_SPLIT and CACHE_DIR are reserved, INTERVAL_SCALE and DIRECT_PATHWAY are not.
    """
    if is_seed_name(name):
        return True
    words = set(name.split("_"))
    whole_run = bool(words & _LENGTH) and words <= _LENGTH | _WHOLE
    figure = "PEAK" in words and not words & _SCHEDULED
    return any(_RESERVED.fullmatch(word) for word in words) or whole_run or figure


# --- taking a file apart -------------------------------------------------------------------------

_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
_HOLE = "HOLE_{tag}_{place}_"


def _module(text: str) -> cst.Module:
    """The file's syntax tree, or KnobError."""
    import libcst as cst

    if _nesting(text) > MAX_NESTING:
        raise KnobError.unreadable("the file", f"more than {MAX_NESTING} brackets are open at once")
    try:
        return cst.parse_module(text)
    except cst.ParserSyntaxError as error:
        raise KnobError.unreadable(f"line {error.raw_line}", "this does not parse as Python") from error
    except (RecursionError, UnicodeError) as error:
        raise KnobError.unreadable("the file", "too deeply nested, or not text") from error


def _nesting(text: str) -> int:
    """How many brackets stand open at most; those in strings count too, which can only overstate it."""
    depth = deepest = 0
    for character in re.findall(r"[()\[\]{}]", text):
        depth = depth + 1 if character in "([{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest


def _lines(module: cst.Module) -> Iterator[tuple[cst.SimpleStatementLine, str]]:
    """The simple statements at module level, each with the comment on the line above it."""
    import libcst as cst

    above = module.header
    for statement in module.body:
        if isinstance(statement, cst.SimpleStatementLine):
            leading = (*above, *statement.leading_lines)
            comment = leading[-1].comment if leading else None
            yield statement, comment.value.lstrip("#").strip() if comment else ""
        above = ()


def _comment(line: cst.SimpleStatementLine) -> str:
    comment = line.trailing_whitespace.comment
    return comment.value.lstrip("#").strip() if comment else ""


def _assignments(line: cst.SimpleStatementLine) -> Iterator[tuple[str, cst.BaseExpression]]:
    """The `NAME = expression` and `NAME: type = expression` of one line."""
    import libcst as cst

    for statement in line.body:
        match statement:
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))], value=expression):
                pass
            case cst.AnnAssign(target=cst.Name(value=name), value=cst.BaseExpression() as expression):
                pass
            case _:
                continue
        if _NAME.fullmatch(name):
            yield name, expression


def _bound(module: cst.Module) -> Counter[str]:
    """How often each name is bound at module level, in its blocks, or by a function that declares it global."""
    import libcst as cst

    counts: Counter[str] = Counter()

    targeting = {cst.AssignTarget, cst.AnnAssign, cst.AugAssign, cst.NamedExpr, cst.For, cst.Del}
    naming = {cst.AsName, cst.MatchAs, cst.FunctionDef, cst.ClassDef}
    scopes = {cst.FunctionDef, cst.ClassDef}  # the names bound inside are not the module's

    class Bindings(cst.CSTVisitor):
        depth = 0  # of scopes

        def bind(self, target: cst.CSTNode | None) -> None:
            match target:
                case cst.Name(value=name) if self.depth == 0:
                    counts[name] += 1
                case cst.Tuple(elements=elements) | cst.List(elements=elements):
                    for element in elements:
                        self.bind(element.value)
                case _:
                    pass

        def on_visit(self, node: Any) -> bool:
            kind = type(node)
            if kind in targeting:
                self.bind(node.target)
            elif kind in naming or (kind is cst.ImportAlias and node.asname is None):
                self.bind(node.name)
            elif kind is cst.Global:
                counts.update(item.name.value for item in node.names)
            self.depth += kind in scopes
            return True

        def on_leave(self, original_node: cst.CSTNode) -> None:
            self.depth -= type(original_node) in scopes

    try:
        module.visit(Bindings())
    except RecursionError as error:
        raise KnobError.unreadable("the file", "too deeply nested") from error
    return counts


def _parts(module: cst.Module, text: str, expressions: list[cst.BaseExpression]) -> tuple[str, ...]:
    """The text around the expressions, found by printing the tree with a mark in each one's place."""
    import libcst as cst

    tag = next(number for number in range(len(text) + 1) if _HOLE.format(tag=number, place="") not in text)
    marks = {id(node): cst.Name(_HOLE.format(tag=tag, place=place)) for place, node in enumerate(expressions)}

    class Marks(cst.CSTTransformer):
        def on_visit(self, node: cst.CSTNode) -> bool:
            return isinstance(node, cst.Module | cst.SimpleStatementLine | cst.Assign | cst.AnnAssign)

        def on_leave(self, original_node: Any, updated_node: Any) -> Any:
            return marks.get(id(original_node), updated_node)

    return tuple(re.split(_HOLE.format(tag=tag, place=r"\d+"), module.visit(Marks()).code))


# --- what a comment declares ---------------------------------------------------------------------

_CHOICES = re.compile(r"\bchoices:\s*([^;#]*)")
_RANGE = re.compile(r"\brange:\s*(\S+?)\s*\.\.\s*([^\s;,#]+)")
_WORD = re.compile(r"[\w.+/-]+")


def _knob(name: str, source: str, beside: str, above: str) -> Knob | None:
    """The knob that an assignment makes, or None where its value is not one."""
    try:
        value = evaluate(source)
    except KnobError:
        return None
    declared = next((words for words in (beside, above) if _CHOICES.search(words) or _RANGE.search(words)), "")
    return Knob(name, value, source, beside or above, _choices(declared, value, source), _range(declared))


def _choices(comment: str, value: Value, source: str) -> tuple[str, ...]:
    """The declared choices as source text; bare words are strings, quoted as the present value is."""
    found = _CHOICES.search(comment)
    if found is None:
        return ()
    quote = "'" if source.lstrip().startswith("'") else '"'
    choices: list[str] = []
    for item in _items(found[1]):
        source_text = item.rstrip(".")
        try:
            choice = evaluate(source_text)
        except KnobError:
            word = _WORD.match(item)
            if word is None:
                continue
            choice = word[0].rstrip(".")
            source_text = f"{quote}{choice}{quote}"
        if isinstance(choice, str) == isinstance(value, str) and source_text not in choices:
            choices.append(source_text)
    return tuple(choices)


def _items(text: str) -> list[str]:
    """Split at the commas that stand outside brackets."""
    items, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth <= 0:
            items.append("")
        else:
            items[-1] += character
    return [item.strip() for item in items if item.strip()]


def _range(comment: str) -> tuple[float, float] | None:
    """The declared bounds, or None where there are none, or they are not two numbers in order."""
    found = _RANGE.search(comment)
    if found is None:
        return None
    try:
        low, high = evaluate(found[1]), evaluate(found[2].rstrip(".)"))
    except KnobError:
        return None
    if isinstance(low, str | tuple) or isinstance(high, str | tuple) or not low < high:
        return None
    return float(low), float(high)
