# Docker may have come as a snap.
# needs: prelude
PATH=$PATH:/snap/bin
