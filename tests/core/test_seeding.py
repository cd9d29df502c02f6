"""Where a program's seed comes from, and how a fresh one reaches it."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_loop.core.seed import derive
from deep_loop.core.seeding import Seeding, added, rewrite, seeding, with_seed
from deep_loop.core.seedplaces import is_seed_name, numbers
from deep_loop.core.syntax import fingerprint

OPEN, CLOSED = ["train.py"], ["prepare.py"]


def found(text: str) -> list[str]:
    """The source of every hard-coded seed of a program."""
    return [ast.unparse(node) for node in numbers(ast.parse(text))]


def how(code: dict[str, str], command: str = "python train.py", seed_command: str | None = None) -> Seeding:
    return seeding(command, seed_command, code, OPEN, CLOSED)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("torch.manual_seed(42)", ["42"]),
        ("torch.cuda.manual_seed_all(-1)", ["-1"]),
        ("torch.manual_seed(1337 + rank)", ["1337"]),
        ("torch.manual_seed(2**16 + 1)", ["2 ** 16 + 1"]),
        ("random.seed(0); np.random.seed(seed=1)", ["0", "1"]),
        ("rng = np.random.default_rng(7)", ["7"]),
        ("rng = np.random.default_rng([1, 2])", ["1", "2"]),
        ("rng = random.Random(7)", ["7"]),
        ("key = jax.random.PRNGKey(0)", ["0"]),
        ("key = jax.random.key(0)", ["0"]),
        ("np.random.Generator(np.random.PCG64(5))", ["5"]),
        ("set_seed(3); seed_everything(4)", ["3", "4"]),
        ("split(x, test_size=2, random_state=9)", ["9"]),
        ("SEED = 1", ["1"]),
        ("self.seed = 1", ["1"]),
        ("RNG_SEED: int = 5", ["5"]),
        ("SEED_2 = 1; seed0 = 2", ["1", "2"]),
        ("SEEDS = (1, 2)", ["1", "2"]),
        ("rate, seed = 3, 4", ["4"]),
        ("if (seed := 4): pass", ["4"]),
        ("def main(steps=5, seed=4, *, random_state=3): pass", ["4", "3"]),
        ("config = {'seed': 8, 'steps': 9}", ["8"]),
        ("config['seed'] = 8", ["8"]),
        ("parser.add_argument('--seed', type=int, default=42)", ["42"]),
        ("parser.add_argument('--random-seed', default=42, nargs=1)", ["42"]),
    ],
)
def test_seeds_are_found(text: str, expected: list[str]) -> None:
    """Calls, keywords, names, options and dictionaries are the places where programs write a seed down."""
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "SEED = int(os.environ.get('DEEP_LOOP_SEED', '0'))",
        "torch.manual_seed(args.seed)",
        "torch.manual_seed(seeds[0])",
        "torch.manual_seed(rank * 1000)",
        "torch.manual_seed(hash(3))",
        "random.seed(None); random.seed(True); np.random.seed()",
        "num_seeds = 5; n_seed = 5; nseeds = 5; nseed = 5; seeds = 5",
        "SEED_LENGTH = 16; seed_tokens = 4; speed = 3; seeded = 2",
        "prepare.seed()",
        "cache.key(3); key(4)",
        "add_argument('--steps', default=42)",
        "GAN.Generator(100)",
        "def main(speed=4, seed=None): pass",
    ],
)
def test_what_is_no_seed_is_left_alone(text: str) -> None:
    """Counts, lengths, indices, factors and seeds that come from elsewhere."""
    assert found(text) == []


@pytest.mark.parametrize("name", ["SEED", "seed", "RANDOM_SEED", "RNGSEED", "SEED_2", "seeds", "random_state"])
def test_names_of_seeds(name: str) -> None:
    """The last word of a name decides."""
    assert is_seed_name(name)


def test_the_four_ways() -> None:
    """The command before the environment, that before numbers in the text, and those before nothing."""
    literal = {"train.py": "torch.manual_seed(42)\n"}
    reads = {"prepare.py": "import os\nseed = int(os.environ['DEEP_LOOP_SEED'])\n"}
    assert how(literal | reads, seed_command="python train.py --seed {seed}") == Seeding("command")
    assert how(literal | reads) == Seeding("environment")
    assert how(literal, command="python train.py --seed $DEEP_LOOP_SEED") == Seeding("environment")
    assert how({**literal, "run.sh": "python train.py --seed $DEEP_LOOP_SEED\n"}) == Seeding("environment")
    assert how(literal) == Seeding("rewritten", ("train.py",))
    assert how({"train.py": "print(1)\n"}) == Seeding("none")
    assert [how(code).verified for code in (literal, reads, {})] == [True, True, False]


def test_a_protected_seed_is_replaced_only_where_there_is_no_other() -> None:
    """It may be the problem's own: the split of the data must not change from run to run."""
    split = {"prepare.py": "split = random.Random(7)\n"}
    assert how({**split, "train.py": "torch.manual_seed(42)\n"}) == Seeding("rewritten", ("train.py",))
    assert how({**split, "train.py": "print(1)\n"}) == Seeding("rewritten", ("prepare.py",))
    assert how({**split, "other.py": "torch.manual_seed(42)\n"}) == Seeding("rewritten", ("prepare.py",))


@pytest.mark.parametrize(
    "text", ["# reads DEEP_LOOP_SEED\nX = 1\n", '"""Set DEEP_LOOP_SEED."""\n', 'def f():\n    "DEEP_LOOP_SEED"\n']
)
def test_talking_of_the_variable_is_not_reading_it(text: str) -> None:
    """A comment or a docstring seeds nothing."""
    assert how({"train.py": text}) == Seeding("none")


def test_replacing_touches_nothing_else() -> None:
    """Comments, spelling, line ends and other numbers stay; equal seeds stay equal, different ones different."""
    text = '\ufeffé = "ü"  ;  torch.manual_seed( 42 ) # 42\r\nLAYERS = 42\r\nnp.random.seed(42)\rrandom.seed(0x7)\n'
    other = str(derive(99, "literal", 1))
    expected = text.replace("( 42 )", "( 99 )").replace("seed(42)", "seed(99)").replace("0x7", other)
    assert rewrite({"train.py": text}, 99) == {"train.py": expected}
    assert rewrite({"a.py": "SEED = 1\n", "b.py": "SEED = 1\nSEED_2 = 2\n"}, 5) == {
        "a.py": "SEED = 5\n",
        "b.py": f"SEED = 5\nSEED_2 = {derive(5, 'literal', 1)}\n",
    }


def test_what_does_not_parse_or_is_no_python_stays() -> None:
    """There is nothing to be found in it."""
    files = {"a.py": "SEED = = 1\n", "b.sh": "SEED=1\n", "c.py": ""}
    assert rewrite(files, 5) == files


def test_a_command_gets_its_seed() -> None:
    """Only the one place; other braces are the shell's."""
    assert with_seed("x=${HOME} python t.py {seed} {a}", 12) == "x=${HOME} python t.py 12 {a}"


def test_hard_coding_a_seed_is_seen() -> None:
    """One that is new, in whatever file; one that moved is not."""
    before = {"train.py": "rng = default_rng(prepare.seed())\nprobe = Random(3)\n"}
    assert added(before, {"train.py": "rng = default_rng(137)\nprobe = Random(3)\n"}) == ("train.py",)
    assert added(before, {**before, "more.py": "rng = default_rng(4)\n"}) == ("more.py",)
    assert added(before, {"train.py": "rng = default_rng(prepare.seed())\n", "probe.py": "p = Random(3)\n"}) == ()


seeds = st.integers(0, 2**31 - 1)


@given(seeds, seeds, st.text("abé \t#\n", max_size=20), st.sampled_from(["manual_seed({})", "SEED = {}", "f(seed={})"]))
def test_programs_that_differ_in_their_seed_are_the_same_code(one: int, other: int, text: str, place: str) -> None:
    """Replacing a seed changes the fingerprint with seeds, and never the one without."""
    program = f"T = {text!r}; {place.format(one)}  # é\nK = {one}\n"
    again = rewrite({"t.py": program}, other)["t.py"]
    assert again == f"T = {text!r}; {place.format(other)}  # é\nK = {one}\n"
    assert fingerprint({"t.py": again}) == fingerprint({"t.py": program})
    same = fingerprint({"t.py": again}, seeds=True) == fingerprint({"t.py": program}, seeds=True)
    assert same == (one == other)


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    """Whatever a file holds, nothing is raised, and a text without seeds stays as it is."""
    assert rewrite({"t.py": text}, 1)["t.py"] == text or "=" in text or "(" in text
    how({"train.py": text})
    fingerprint({"t.py": text})
