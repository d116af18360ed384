"""Values that mean more than they seem to where they are written: in a compose file, a Dockerfile, a shell."""

from typing import Any

import pytest

from hostwright.base.refusal import Refusal
from hostwright.base.settings import validated
from hostwright.lvm.settings import Rebalance
from hostwright.mariadb.settings import Mariadb


@pytest.mark.parametrize("key", ["project_dir", "data_dir"])
@pytest.mark.parametrize(
    "path", ["/opt/$HOME", "/opt/a:b", "/opt/a\nb", "/opt/a\x1b[0m", "/opt/../etc", "/opt/a\u202eb"]
)
def test_a_path_that_leads_elsewhere_in_a_compose_file(key: str, path: str) -> None:
    with pytest.raises(Refusal, match=f"mariadb_{key} = .*: no path"):
        validated(Mariadb, {"root_password": "hush hush", key: path})


@pytest.mark.parametrize("key", ["image", "base_image"])
@pytest.mark.parametrize("name", ["$HOME", "a b", "debian\nRUN id", "-debian", "debian;id"])
def test_an_image_that_is_more_than_a_name(key: str, name: str) -> None:
    with pytest.raises(Refusal, match=f"mariadb_{key} = .*: no name of an image"):
        validated(Mariadb, {"root_password": "hush hush", key: name})


def test_names_and_paths_as_they_are() -> None:
    values: dict[str, Any] = {
        "root_password": "hush hush",
        "image": "registry.example:5000/team/mariadb:11.4@sha256:0123",
        "project_dir": "/srv/zürich #1/db/",
        "data_dir": "/srv/50% é",
    }
    taken = validated(Mariadb, values)
    assert (taken.image, taken.project_dir) == (values["image"], "/srv/zürich #1/db")


@pytest.mark.parametrize("path", ["/var/../etc", "/var/lib\n/x"])
def test_no_path_of_any_deploy_goes_back_or_over_lines(path: str) -> None:
    with pytest.raises(Refusal, match=r"lvm_staging = .*: no path as it is"):
        validated(Rebalance, {"staging": path})
