# Asks a MariaDB in a container what databases and users it has, and changes nothing. `data` prints the SQL, as base64;
# CLIENT is the command line of its client there, HIDING the sed that takes away what is secret.
# needs: prelude snap
# header: NONCE CONTAINER CLIENT HIDING
section accounts
data | base64 -d | docker exec -i "$CONTAINER" sh -c "$CLIENT" 2>/dev/null | sed "$HIDING"
