"""How what we leave on hosts is named: written here alone, and handed to sh in its header.

Newer runs find what older ones left by these names: none changes.
"""

PROCEDURE = "lvm"
"""as its jobs are called after it"""

TAG = "hostwright."
"""begins all tags of ours"""
COPY_TAG = "hostwright.copy"
LISTS_TAG = "hostwright.lists"
NEW_TAG = "hostwright.new"
"""of a volume that we made, and that has no file system yet"""
COVER_TAG = "hostwright.cover."
"""begins the tag of a group that says below which volume's mount a run has made the directory immutable"""
WIPE_TAG = "hostwright.wipe."
"""begins the tag of a lent disk that says how many bytes of it are used"""

LENT = "hostwr-ight-"
"""begins the UUID of a physical volume on a disk that is lent to us"""
COVER_XATTR = "trusted.hostwright.cover"
MARK = "# hostwright-lvm"
"""begins the comment above home's line in fstab, while that is not what it has always been"""

COPY_SUFFIX = "_hostwright"
LISTS_SUFFIX = "_hostwright_lists"
DEFAULT_STAGING = "/var/lib"

HEADER = {
    "COPY_TAG": COPY_TAG,
    "LISTS_TAG": LISTS_TAG,
    "NEW_TAG": NEW_TAG,
    "COVER_TAG": COVER_TAG,
    "WIPE_TAG": WIPE_TAG,
    "LENT": LENT,
    "COVER_XATTR": COVER_XATTR,
    "MARK": MARK,
    "LISTS_SUFFIX": LISTS_SUFFIX,
}
"""what jobs know of this"""


def copy_name(volume: str) -> str:
    return f"{volume}{COPY_SUFFIX}"


def lists_volume(volume: str) -> str:
    return f"{volume}{LISTS_SUFFIX}"


def image_path(staging: str, vg: str, volume: str) -> str:
    """Where the staged copy is, or would be."""
    return f"{staging.rstrip('/')}/hostwright/{vg}-{volume}.img"


def lists_directory(image: str) -> str:
    """Where the lists are, or would be, that lie beside an image or in its place."""
    return f"{image.removesuffix('.img')}.lists"
