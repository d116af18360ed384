"""What is removed is asked for twice: once by present=False, once by its name."""

from hostwright.base.refusal import Refusal
from hostwright.lvm.settings import Block


def check_confirmed(what: str, lost: str, name: str, wish: Block) -> None:
    if wish.confirm == name:
        return
    remedy = f"what is removed is asked for twice: say confirm={name!r}"
    if wish.confirm:
        why = f"it does not name what would be removed, {what}: {lost}"
        raise Refusal(why, remedy, key=wish.key("confirm"), value=wish.confirm)
    raise Refusal(f"it would remove {what}: {lost}", remedy, key=wish.key("present"), value=wish.present)
