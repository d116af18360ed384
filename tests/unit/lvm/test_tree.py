"""A comparison that overlooks something would make every test of a copy worthless."""

from typing import Any

import pytest

from tests.lab.tree import Entry, differences

FILE: Entry = {
    "type": "file",
    "mode": "0644",
    "uid": 0,
    "mtime_ns": 1,
    "xattrs": {"user.lab": "00"},
    "size": 4096,
    "allocated": 4096,
}


def test_equal_listings_have_no_differences() -> None:
    assert differences({"a": FILE}, {"a": dict(FILE)}) == []


def test_names_that_went_and_came() -> None:
    assert differences({"old": FILE}, {"new": FILE}) == ["'old' is gone", "'new' is new"]


@pytest.mark.parametrize(("key", "value"), [("mode", "4644"), ("mtime_ns", 2), ("xattrs", {}), ("uid", 70000)])
def test_each_attribute_counts(key: str, value: Any) -> None:
    assert differences({"a": FILE}, {"a": {**FILE, key: value}}) == [f"'a': {key} was {FILE[key]!r}, is {value!r}"]


def test_an_attribute_that_only_one_side_has_counts() -> None:
    link: Entry = {"type": "file", "same_as": "a"}
    assert differences({"b": link}, {"b": {"type": "file"}}) == ["'b': same_as was 'a', is None"]
    assert differences({"b": {"type": "file"}}, {"b": link}) == ["'b': same_as was None, is 'a'"]


def test_a_file_may_take_less_space_and_little_more() -> None:
    for allocated in (0, 4096 + 1024**2):
        assert differences({"a": FILE}, {"a": {**FILE, "allocated": allocated}}) == []


def test_a_sparse_file_that_was_filled() -> None:
    assert differences({"a": FILE}, {"a": {**FILE, "allocated": 4097 + 1024**2}}) == [
        "'a': takes 1052673 bytes, took 4096"
    ]


def test_names_that_no_terminal_shows_can_be_printed() -> None:
    for line in differences({"\udcff\n": FILE}, {}):
        assert line.encode("ascii").decode() == "'\\udcff\\n' is gone"
