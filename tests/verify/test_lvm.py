"""What `deploys/lvm.py` leaves behind: two volumes of the wanted sizes, in use as ever, and nothing else."""

import pytest
from pyinfra.api.host import Host as Target

from hostwright.base.settings import validated
from hostwright.base.verify import Host, answer, output
from hostwright.lvm.plan.sizes import extents_of
from hostwright.lvm.settings import Rebalance
from hostwright.lvm.verify.file_system import FileSystem
from hostwright.lvm.verify.mounts import device_of, fstab, mount_points, mounts, swaps
from hostwright.lvm.verify.volumes import LogicalVolume, PhysicalVolume, VolumeGroup

# Nothing is asked of a host that was not to be rebalanced.
pytestmark = pytest.mark.usefixtures("wish")


@pytest.fixture(scope="session")
def wish(target: Target) -> Rebalance:
    data = {name: target.data.get(f"lvm_{name}") for name in Rebalance.model_fields}
    if data["shrink_to"] is None:
        pytest.skip(f"{target.name} has no lvm_shrink_to: no volume of it was to shrink")
    return validated(Rebalance, data)


@pytest.fixture(scope="session")
def group(host: Host, wish: Rebalance) -> VolumeGroup:
    return VolumeGroup(host, wish.vg)


@pytest.fixture(scope="session", params=["shrink", "grow"])
def volume(request: pytest.FixtureRequest, host: Host, wish: Rebalance) -> LogicalVolume:
    """One of the two, and then the other one."""
    return LogicalVolume(host, wish.vg, getattr(wish, request.param))


def wanted_extents(text: str, group: VolumeGroup) -> int:
    return extents_of(text, extent_size=group.extent_size, group_extents=group.extents)


def test_the_volume_that_shrinks_has_its_size(host: Host, wish: Rebalance, group: VolumeGroup) -> None:
    assert LogicalVolume(host, wish.vg, wish.shrink).extents == wanted_extents(wish.shrink_to, group)


def test_the_volume_that_grows_has_its_size(host: Host, wish: Rebalance, group: VolumeGroup) -> None:
    if wish.grow_to.replace(" ", "").upper() == "100%FREE":
        assert group.free_extents == 0
    else:
        assert LogicalVolume(host, wish.vg, wish.grow).extents == wanted_extents(wish.grow_to, group)


def test_the_volume_is_in_use_where_fstab_says(host: Host, volume: LogicalVolume) -> None:
    device = device_of(host, volume.path)
    lines = [line for line in fstab(host) if device_of(host, line.spec) == device]
    assert lines, f"no line of /etc/fstab means {volume}"
    for line in lines:
        if line.kind == "swap":
            assert device in swaps(host)
        else:
            found = [mount for mount in mounts(host) if mount.point == line.point]
            assert found, f"nothing is mounted at {line.point}"
            assert device_of(host, found[-1].device) == device
            assert line.kind in (found[-1].kind, "auto")
            assert "ro" in line.options or "ro" not in found[-1].options


def test_the_volume_is_used_to_its_end(host: Host, volume: LogicalVolume) -> None:
    swap = swaps(host).get(device_of(host, volume.path))
    if swap is None:
        points = mount_points(host, volume.path)
        assert points, f"{volume} is not mounted"
        assert FileSystem(host, points[0]).fills_volume
    else:
        # Its first page is the header, and pages have 64 KiB at most.
        assert 0 < volume.size - swap <= 64 * 1024


def test_no_volume_is_left_over(group: VolumeGroup) -> None:
    assert [volume for volume in group.logical_volumes if volume.name.endswith("_hostwright")] == []


def test_no_tag_is_left_over(group: VolumeGroup) -> None:
    tagged: list[LogicalVolume | PhysicalVolume] = [*group.logical_volumes, *group.physical_volumes]
    assert [found for found in tagged if any(tag.startswith("hostwright") for tag in found.tags)] == []


def test_fstab_is_as_before(host: Host) -> None:
    assert "# hostwright-lvm" not in output(host, "cat /etc/fstab")
    assert answer(host, "ls -d /etc/fstab.hostwright*") == ""


def test_nothing_of_ours_is_mounted(host: Host) -> None:
    assert [mount for mount in mounts(host) if mount.point.startswith("/run/hostwright/")] == []


def test_no_image_is_in_use(host: Host) -> None:
    assert [line for line in output(host, "losetup -a").splitlines() if "hostwright" in line] == []
