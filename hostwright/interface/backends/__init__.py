"""Where a host keeps the addresses of its interfaces: each of these reads them from its files, and edits those."""
