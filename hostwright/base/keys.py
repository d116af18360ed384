"""Keys that somebody misspelt: of the data, of a mapping in it, and arguments of an operation."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from hostwright.base.refusal import Refusal, Refusals

FOREIGN = "hostwright_foreign"
_SHORT = 6


def edits(one: str, other: str) -> int:
    """How many letters were put in, left out, replaced, or changed places with their neighbours."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        last, row = row, [i]
        for j, wanted in enumerate(other, 1):
            least = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                least = min(least, before[j - 2] + 1)
            row.append(least)
        before = last
    return row[-1]


def nearest(said: str, known: Iterable[str]) -> str:
    """The known word that is probably meant, if any is near: two edits away, a short one by one edit only."""
    near = ((edits(said, word), word) for word in known if abs(len(said) - len(word)) < 3)
    return min((one for one in near if one[0] <= (1 if len(one[1]) <= _SHORT else 2)), default=(0, ""))[1]


def misspelt(data: Mapping[str, object], known: Mapping[str, Collection[str]]) -> Iterator[Refusal]:
    """Keys that are nearly ours; all others may be somebody else's.

    + known: our keys without their prefix, by prefix
    """
    foreign = data.get(FOREIGN) or ()
    if not isinstance(foreign, (list, tuple, str)):
        yield Refusal("no list of keys", f"write it as in {FOREIGN}: [lvm_vgs]", key=FOREIGN)
        return
    excepted = foreign.replace(",", " ").strip("[] ").split() if isinstance(foreign, str) else foreign
    ours = {f"{prefix}{name}" for prefix, names in known.items() for name in names}
    unset = {prefix: [name for name in names if data.get(f"{prefix}{name}") is None] for prefix, names in known.items()}
    for key in data:
        if key in ours or key in excepted or not isinstance(key, str):
            continue
        if meant := _meant(key, unset):
            # The value is not said: it may be a password.
            why = f"no key of this deploy; {meant} was probably meant"
            yield Refusal(why, f"write {meant}, or {FOREIGN}: [{key}] where another role takes it", key=key)


def _meant(key: str, known: Mapping[str, Collection[str]]) -> str:
    for prefix, names in known.items():
        if key.startswith(prefix):
            found = nearest(key.removeprefix(prefix), names)
        else:
            # A prefix is misspelt, too; a short one is left alone, as it may be somebody else's.
            long = len(prefix.rstrip("_")) > _SHORT
            found = next((one for one in names if long and key.endswith(f"_{one}") and _slipped(key, prefix, one)), "")
        if found:
            return f"{prefix}{found}"
    return ""


def _slipped(key: str, prefix: str, name: str) -> bool:
    said = key.removesuffix(name)
    return abs(len(said) - len(prefix)) < 2 and edits(said, prefix) == 1


def no_key(said: str, known: Collection[str]) -> tuple[str, str]:
    """What is wrong with a key that is none of these, and what to write."""
    meant = nearest(said, known)
    others = f"there are: {', '.join(known)}"
    return f"{said} is no key here", f"{meant} was probably meant; {others}" if meant else others


def check_arguments(said: Iterable[str], own: Collection[str], common: Collection[str]) -> None:
    """Refuses arguments that neither the operation takes nor pyinfra takes for every one.

    + own, common: names of those that they take
    """
    wrong = [name for name in said if name not in own and name not in common]
    if wrong:
        raise Refusals(_argument(name, own, common) for name in wrong)


def _argument(name: str, own: Collection[str], common: Collection[str]) -> Refusal:
    meant = nearest(name, [*own, *common])
    remedy = f"write {meant}" if meant else f"there are: {', '.join(own)}, and pyinfra's own"
    return Refusal("no argument of this operation", remedy, key=name)
