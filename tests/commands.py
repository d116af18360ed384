"""The simple commands of a shell script, each as its words: as much of sh as ours is made of."""

import re
from collections.abc import Iterator

_WORD_ENDS = " \t\n;&|()<>"
_RESERVED = {"if", "then", "elif", "else", "while", "until", "do", "!", "{", "time"}
_CLOSING = {"fi", "done", "esac", "}"}


def commands(text: str) -> list[list[str]]:
    """Of the words only what stands there unquoted; what is quoted is `'`, what is expanded is `$`."""
    found: list[list[str]] = []
    tokens = list(_tokens(text, found))
    current: list[str] = []
    cases: list[str] = []
    skip = False
    for token in [*tokens, "\n"]:
        if skip:
            # The file of a redirection.
            skip = False
            continue
        if cases and cases[-1] == "pattern":
            if token == "esac":
                cases.pop()
            elif token == ")":
                cases[-1] = "body"
            continue
        if token in {"<", ">"}:
            skip = True
        elif token in {";", "&", "|", "(", ")", "\n", ";;"}:
            if current:
                found.append(current)
            current = []
            if token == ";;" and cases:
                cases[-1] = "pattern"
        elif token == "case" and not current:
            current = ["case"]
        elif current[:1] == ["case"]:
            if token == "in":
                current = []
                cases.append("pattern")
        elif not current and token in _RESERVED | _CLOSING:
            if token == "esac" and cases:
                cases.pop()
        elif current or not re.match(r"[A-Za-z_][A-Za-z_0-9]*=", token):
            current.append(token)
    return found


def _tokens(text: str, found: list[list[str]]) -> Iterator[str]:
    at = 0
    while at < len(text):
        letter = text[at]
        if letter in " \t":
            at += 1
        elif text.startswith("\\\n", at):
            at += 2
        elif letter == "#":
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif text.startswith(";;", at):
            yield ";;"
            at += 2
        elif document := re.compile(r"<<-?\s*'?([\w-]+(?: \w+)?)'?\n").match(text, at):
            at = text.index(f"\n{document[1]}", at) + len(document[1]) + 1
            yield "\n"
        elif operator := re.compile(r"\d?([<>])[>|]?(&[\d-])?").match(text, at):
            if not operator[2]:
                yield operator[1]
            at = operator.end()
        elif letter in _WORD_ENDS:
            yield letter
            at += 1
        else:
            word, at = _word(text, at, found)
            yield word


def _word(text: str, at: int, found: list[list[str]]) -> tuple[str, int]:
    word = ""
    while at < len(text) and text[at] not in _WORD_ENDS:
        part, at = _part(text, at, found)
        word += part
    return word, at


def _part(text: str, at: int, found: list[list[str]]) -> tuple[str, int]:
    if text[at] == "'":
        return "'", text.index("'", at + 1) + 1
    if text[at] == '"':
        at += 1
        while text[at] != '"':
            at = _part(text, at, found)[1] if text[at] in "$\\" else at + 1
        return "'", at + 1
    if text[at] == "\\":
        return "'", at + 2
    if text.startswith("$((", at):
        return "$", text.index("))", at) + 2
    if text.startswith("$(", at):
        end = _closing(text, at + 2)
        found += commands(text[at + 2 : end])
        return "$", end + 1
    if text.startswith("${", at):
        at += 2
        while text[at] != "}":
            at = _part(text, at, found)[1] if text[at] in "$\\'\"" else at + 1
        return "$", at + 1
    return ("$" if text[at] == "$" else text[at]), at + 1


def _closing(text: str, at: int) -> int:
    """Where the parenthesis closes that was opened before; patterns of `case` close one that was not."""
    depth = 1
    while True:
        if text[at] in "'\"\\$" and not text.startswith("$(", at):
            at = _part(text, at, [])[1]
            continue
        if text.startswith("$(", at):
            at = _part(text, at, [])[1]
            continue
        if case := re.compile(r"\bcase\b.*?\besac\b", re.DOTALL).match(text, at):
            at = case.end()
            continue
        if text[at] == "#" and text[at - 1] in " \t\n":
            at = text.index("\n", at)
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if not depth:
            return at
        at += 1
