"""What a plan says instead of steps."""


class Refusal(Exception):
    """The wish cannot be carried out safely: names the value, and what to do instead."""
