"""How much file systems take of a name, and of a path."""

NAME_BYTES, PATH_BYTES = 255, 4095


def short_path(path: str) -> str:
    """ValueError: no file system has it."""
    names = path.split("/")
    if len(path.encode()) > PATH_BYTES or any(len(name.encode()) > NAME_BYTES for name in names):
        raise ValueError(f"too long for a path: {NAME_BYTES} bytes for each name in it, and {PATH_BYTES} in all")
    return path


def file_here(path: object) -> str:
    """The path of a file that the controller is to write. ValueError: it is none."""
    if not isinstance(path, str) or not path.strip() or not path.isprintable():
        raise ValueError("no path of a file: one line of text, as in plan.json")
    return short_path(path)
