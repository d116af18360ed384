"""Physical volumes, volume groups and logical volumes, and space that moves between them."""
