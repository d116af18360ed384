# Observes what LVM has kept of a group's metadata: its archives, and the backup of what it is now.
# Each file is a section of the output; what is no text becomes "?". The last section says that nothing is lacking.
# needs: prelude
# header: NONCE VG
export LVM_SUPPRESS_FD_WARNINGS=1
cd / || exit 1

# kept_in KEY: a directory that lvm.conf may have moved.
kept_in() { lvm dumpconfig --type full "backup/$1" 2>/dev/null | sed -n 's/^ *[a-z_]*="\(.*\)"$/\1/p'; }

archives=$(kept_in archive_dir) backups=$(kept_in backup_dir)
archives=${archives:-/etc/lvm/archive} backups=${backups:-/etc/lvm/backup}
for file in "$archives/$VG"_*.vg "$backups/$VG"; do
    [ -e "$file" ] || continue
    section "file $file"
    head -c 1048576 "$file" | tr -c '\11\12\40-\176' '?'
done
section 'looked in'
printf '%s\n%s\n' "$archives" "$backups"
