# Quota limits, which come along with a copy. QUOTA: mount options for quotas.
# needs: prelude lists kinds
# given: MOUNT KIND QUOTA WORK LISTS RUN

# quota_types: those that QUOTA has on: of users, groups and projects.
quota_types() {
    case ,$QUOTA, in *,usrquota,* | *,quota,* | *,uquota,* | *,uqnoenforce,* | *,qnoenforce,*) echo u ;; esac
    case ,$QUOTA, in *,grpquota,* | *,gquota,* | *,gqnoenforce,*) echo g ;; esac
    case ,$QUOTA, in *,prjquota,* | *,pquota,* | *,pqnoenforce,*) echo p ;; esac
}

# quotas_at DIRECTORY FILE: TYPE ID and the four limits, a line for each id that has any, also of those who use nothing.
quotas_at() {
    local type
    : >"$2.unsorted" || return 1
    for type in $(quota_types); do
        of_kind "$KIND" read_quotas "$type" "$1" "$2" ||
            { why "quotas ($type) of $1 cannot be read: $(tail -n 1 "$RUN/out")"; return 1; }
    done
    sorted "$2" cat "$2.unsorted"
}

# Some tell none any more once they are read-only.
note_quotas() { [ -z "$QUOTA" ] || quotas_at "$MOUNT" "$LISTS/quotas"; }

copy_quotas() {
    # shellcheck disable=SC2046 # words
    of_kind "$KIND" set_quotas $(quota_types) || return 1
    quotas_at "$WORK/copy" "$LISTS/quotas.copy" || return 1
    cmp -s "$LISTS/quotas" "$LISTS/quotas.copy" ||
        why "quotas differ: $(comm -3 "$LISTS/quotas" "$LISTS/quotas.copy" | head -n 1)"
}
