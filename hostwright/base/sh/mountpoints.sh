# What is mounted where, as /proc/self/mountinfo has it.

escaped() { printf '%s' "$1" | sed 's/\\/\\134/g; s/ /\\040/g; s/	/\\011/g'; }

# device_at DIRECTORY: MAJOR:MINOR of what is mounted on it, nothing where nothing is, `unknown` where that cannot be
# told.
device_at() {
    AT=$(escaped "$1") awk 'BEGIN { if (ENVIRON["AT"] == "") exit 1 }
        $5 == ENVIRON["AT"] { found = $3 } END { if (found) print found }' /proc/self/mountinfo || echo unknown
}
