"""What hosts say, as people may see it: nothing in it steers a terminal, hides text, or begins a line of its own."""

import unicodedata

# Controls (C0, DEL, C1), formats (bidi, zero width), bytes that are no UTF-8, separators of lines and paragraphs.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def shown(text: str) -> str:
    return "".join("?" if unicodedata.category(each) in _UNSEEN and each != "\t" else each for each in text)
