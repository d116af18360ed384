"""What is removed is asked for twice: once by present=False, once by its name."""

from hostwright.base.refusal import Refusal


def check_confirmed(what: str, lost: str, name: str, confirm: str | None) -> None:
    if confirm == name:
        return
    said = f"confirm = {confirm!r} does not name it" if confirm else "that must be asked for twice"
    raise Refusal(f"present=False would remove {what}: {lost}. {said}: confirm={name!r} does it")
