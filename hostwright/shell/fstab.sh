# The file /etc/fstab is replaced as a whole, by a rename, with its owner, mode and label; one line of it changes.

# replace_fstab COMMAND...: the command turns the old text into the new one.
replace_fstab() {
    fstab=$(readlink -f /etc/fstab)
    cp -a "$fstab" "$fstab.hostwright" || { why "$fstab cannot be written beside"; return 1; }
    if [ -n "$(tail -c 1 "$fstab")" ]; then
        printf %s "$("$@" <"$fstab")" >"$fstab.hostwright"
    else
        "$@" <"$fstab" >"$fstab.hostwright"
    fi && [ -s "$fstab.hostwright" ] && sync && mv "$fstab.hostwright" "$fstab" && sync || { rm -f "$fstab.hostwright"; why "$fstab could not be replaced"; return 1; }
    [ ! -d /run/systemd/system ] || systemctl daemon-reload
}

# The marker above the line holds what the line was; whoever comes after us finds it there.
new_line() {
    MARKER=$marker LINE=$line AT=$(escaped "$MOUNT") awk '
        /^# hostwright-lvm / { next }
        $0 !~ /^[ \t]*#/ && $2 == ENVIRON["AT"] && !done { print ENVIRON["MARKER"]; print ENVIRON["LINE"]; done = 1; next }
        { print }'
}

old_line() {
    LINE=$ORIGINAL AT=$(escaped "$MOUNT") awk '
        /^# hostwright-lvm / { marked = 1; next }
        marked && $0 !~ /^[ \t]*#/ && $2 == ENVIRON["AT"] { print ENVIRON["LINE"]; marked = 0; next }
        { print }'
}

# point_to SPEC OPTIONS: the boot takes home from SPEC.
point_to() {
    marker=$MARKER line="$1 $(escaped "$MOUNT") $KIND $2 0 0"
    replace_fstab new_line
}

restore_fstab() { replace_fstab old_line; }
