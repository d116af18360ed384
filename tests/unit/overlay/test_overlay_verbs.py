"""Steps and the functions of sh/overlay.sh: the words of each are the other's, both ways."""

import re
from dataclasses import MISSING, fields

from hostwright.base.verbs import Verb
from hostwright.overlay import verbs
from tests.scripts import script

SH = script("overlay")
HEADER = re.compile(r"^# verb: (\w+)(.*)\n(?:# .*\n)*(\w+)\(\) (?:\{(.*)\}|\{\n((?:.*\n)*?)\})$", re.M)


def words(kind: type[Verb]) -> str:
    """Of its fields, as the header of its function has them."""
    found = []
    for one in fields(kind)[1:]:
        optional = one.default is not MISSING or one.type == str | None or kind is verbs.ChangeLine
        found.append(f"[{one.name.upper()}]" if optional else one.name.upper())
    return " ".join(found)


def test_each_step_has_its_function_and_each_function_its_step() -> None:
    kinds = [one for one in vars(verbs).values() if isinstance(one, type) and issubclass(one, Verb) and one is not Verb]
    said = {found[1]: found[2].strip() for found in HEADER.finditer(SH)}
    assert len(said) == len(re.findall("^# verb:", SH, re.M)) == 9
    assert said == {kind.sh: words(kind) for kind in kinds}


def test_a_function_takes_the_words_of_its_header() -> None:
    for name, told, function, line, lines in (found.groups() for found in HEADER.finditer(SH)):
        assert function == name
        # What is in single quotes is awk's.
        body = re.sub(r"^ *#.*$|'[^']*'", "", line or lines, flags=re.M)
        used = {int(number) for number in re.findall(r"\$\{?([1-9])", body)}
        assert used == set(range(1, len(told.split()) + 1)), name
