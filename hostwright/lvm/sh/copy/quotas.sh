# Quota limits, which come along with a copy. QUOTA: mount options for quotas.
# needs: prelude lists
# given: MOUNT KIND QUOTA WORK LISTS RUN

# quota_types: those that QUOTA has on, as xfs_quota(8) calls them.
quota_types() {
    case ,$QUOTA, in *,usrquota,* | *,quota,* | *,uquota,* | *,uqnoenforce,* | *,qnoenforce,*) echo u ;; esac
    case ,$QUOTA, in *,grpquota,* | *,gquota,* | *,gqnoenforce,*) echo g ;; esac
    case ,$QUOTA, in *,prjquota,* | *,pquota,* | *,pqnoenforce,*) echo p ;; esac
}

# quotas_at DIRECTORY FILE: TYPE ID and the four limits, a line for each id that has any, also of those who use nothing.
# Either tool begins with a head: without one it told nothing.
quotas_at() {
    local type
    : >"$2.unsorted" || return 1
    for type in $(quota_types); do
        case $KIND in
            xfs)
                xfs_quota -x -c "dump -$type" "$1" >"$2.told" 2>"$RUN/out" && grep -q '^fs = ' "$2.told" &&
                    awk -v type=$type '/^[0-9]/ && $2 $3 $4 $5 != "0000" { print type, $1, $2, $3, $4, $5 }' \
                        "$2.told" >>"$2.unsorted"
                ;;
            *)
                repquota -nvp"$(echo $type | tr p P)" "$1" >"$2.told" 2>"$RUN/out" &&
                    grep -q '^\*\*\* Report for' "$2.told" && awk -v type=$type '
                        /^#/ && $4 $5 $8 $9 != "0000" { print type, substr($1, 2), $4, $5, $8, $9 }' \
                        "$2.told" >>"$2.unsorted"
                ;;
        esac || { why "quotas ($type) of $1 cannot be read: $(tail -n 1 "$RUN/out")"; return 1; }
    done
    sorted "$2" cat "$2.unsorted"
}

# Quotas of ext4 cannot be read any more once it is read-only.
note_quotas() { [ -z "$QUOTA" ] || quotas_at "$MOUNT" "$LISTS/quotas"; }

copy_quotas() {
    local type id limits
    case $KIND in
        xfs)
            for type in $(quota_types); do
                grep -q "^$type" "$LISTS/quotas" || continue
                awk -v at="$WORK/copy" '$2 == at { print "fs = " $1 }' /proc/mounts >"$LISTS/quota" &&
                    sed -n "s/^$type //p" "$LISTS/quotas" >>"$LISTS/quota" || return 1
                try xfs_quota -x -c "restore -$type -f $LISTS/quota" "$WORK/copy" || return 1
            done
            ;;
        ext*)
            while read -r type id limits; do
                try setquota "-$(echo "$type" | tr p P)" "$id" $limits "$WORK/copy" </dev/null || return 1
            done <"$LISTS/quotas"
            ;;
    esac
    quotas_at "$WORK/copy" "$LISTS/quotas.copy" || return 1
    cmp -s "$LISTS/quotas" "$LISTS/quotas.copy" ||
        why "quotas differ: $(comm -3 "$LISTS/quotas" "$LISTS/quotas.copy" | head -n 1)"
}
