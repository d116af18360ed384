# Observes who uses overlays that are to be unmounted, and changes nothing. TARGETS are paths, one a line.
# needs: prelude holders
# header: NONCE TARGETS

login=$(own_login) || exit 1
printf '%s\n' "$TARGETS" | while IFS= read -r target; do
    section "holders $target"
    steady_holders "$target" "$login" || exit 1
done || exit 1
section told
