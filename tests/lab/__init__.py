"""Test machines: Debian guests whose disk is laid out as CentOS does it, run by QEMU."""
