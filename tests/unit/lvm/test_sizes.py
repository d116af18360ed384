import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostwright.base.refusal import Refusal
from hostwright.base.settings import validated
from hostwright.lvm.plan.sizes import extents_of, size_text, wished_extents
from hostwright.lvm.settings import LogicalVolumeWish, Rebalance, Shrinking
from tests.unit.lvm.hosts import storage

MIB = 1024**2


@pytest.mark.parametrize(
    ("text", "extents"),
    [
        ("50G", 12800),
        ("50g", 12800),
        ("50GiB", 12800),
        ("51200m", 12800),
        ("12800 extents", 12800),
        ("12800extents", 12800),
        ("40%VG", 819),
        ("1.5G", 384),
        ("1b", 1),
        ("8193s", 2),
        ("5M", 2),
        ("4M", 1),
    ],
)
def test_sizes_mean_what_lvm_means(text: str, extents: int) -> None:
    assert extents_of(text, extent_size=4 * MIB, group_extents=2047) == extents


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("50", "without a unit: write 50G, 50m or '50 extents'"),
        ("-100G", "relative"),
        ("+1G", "'1535 extents' (6 GiB)"),
        ("-1G", "'1023 extents' (4 GiB)"),
        ("100%FREE", "%VG"),
        ("101%VG", "more than the whole"),
        ("many", "no size"),
        ("50GB", "no size"),
        ("", "no size"),
        ("0G", "one extent"),
        ("1e3G", "no size"),
    ],
)
def test_what_is_no_final_size_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        extents_of(text, extent_size=4 * MIB, group_extents=2047, now=1279)


@pytest.mark.parametrize(("wish", "key"), [(Rebalance, "lvm_shrink_to"), (Shrinking, "size")])
def test_the_refusal_of_a_size_has_the_key_of_whoever_set_it(wish: type[Rebalance], key: str) -> None:
    (group,) = storage().groups
    assert wished_extents(wish(shrink_to="2G"), "shrink_to", group) == 512
    for look in (
        # What can be told without the host is told before it is asked.
        lambda: validated(wish, {"shrink_to": "lots"}),
        lambda: wished_extents(wish.model_construct(shrink_to="lots"), "shrink_to", group),
    ):
        with pytest.raises(Refusal) as refused:
            look()
        [one] = refused.value.each
        assert (one.key, one.value) == (key, "'lots'")
        assert str(one) == f"{key} = 'lots': no size: write 50G, 51200m, '12800 extents' or 40%VG"


@pytest.mark.parametrize("field", ["shrink_to", "grow_to"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2GB", "no size: write 2G, in LVM's binary units"),
        ("51200 mb", "no size: write 51200M, in LVM's binary units"),
        ("50%", "no size, as it does not say of what: write 50%VG for a share of the volume group"),
        ("5", "a size without a unit: write 5G, 5m or '5 extents'"),
    ],
)
def test_what_to_write_for_a_size_that_is_nearly_one(field: str, text: str, said: str) -> None:
    with pytest.raises(Refusal) as refused:
        validated(Rebalance, {field: text})
    assert str(refused.value) == f"lvm_{field} = '{text}': {said}"
    with pytest.raises(Refusal, match=f"size = '{text}': "):
        validated(LogicalVolumeWish, {"vg": "data", "name": "x", "size": text})


@given(st.integers(1, 2**62), st.sampled_from([MIB, 4 * MIB, 32 * MIB]))
def test_any_size_is_rounded_up_to_the_next_extent(size: int, extent_size: int) -> None:
    extents = extents_of(f"{size}b", extent_size=extent_size, group_extents=1)
    assert 0 <= extents * extent_size - size < extent_size


@given(st.integers(1, 10**9), st.sampled_from([MIB, 4 * MIB]))
def test_a_size_in_extents_is_taken_as_it_is(extents: int, extent_size: int) -> None:
    assert extents_of(f"{extents} extents", extent_size=extent_size, group_extents=1) == extents


def test_sizes_for_people() -> None:
    assert [size_text(size) for size in (12, 2048, 5 * MIB, 1536 * MIB)] == ["12 B", "2 KiB", "5 MiB", "1.5 GiB"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"staging": "var"}, "lvm_staging = 'var': no absolute path"),
        ({"strategy": "sideways"}, "lvm_strategy = 'sideways'"),
        ({"busy": "kill"}, "lvm_busy = 'kill'"),
    ],
)
def test_slips_of_the_pen_are_refused(values: dict[str, str], said: str) -> None:
    with pytest.raises(Refusal) as refused:
        validated(Rebalance, values)
    assert said in str(refused.value)
