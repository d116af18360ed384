# Runs in the guest: what people may do to files between two looks, in the directory $1 (made by work_on.sh begin).
# Usage: work_on.sh begin|go-on DIRECTORY
set -eu
cd "$2"
case $1 in
    begin)
        for number in $(seq 1 60); do
            mkdir -p "d$((number % 10))"
            echo "$number" >"d$((number % 10))/f$number"
        done
        ln d1/f1 d2/linked
        echo same >size
        echo mtime >back
        mkdir 'with
newline'
        echo in >'with
newline/in'
        echo tab >'tab	name'
        echo slash >'back\slash'
        ;;
    go-on)
        # The content alone changes: neither the size nor the mtime.
        touch -r back "/run/mtime"
        echo MTIME >back
        touch -r "/run/mtime" back
        rm "/run/mtime"
        echo SAME >size
        chmod 600 d3/f3
        chown 5:6 d3/f13
        rm d4/f4
        rm -r d5
        mkdir new
        echo new >new/new
        mv d6 moved
        ln d7/f7 d7/second
        rm d2/linked
        # What was a directory is a link that leads out of home.
        rm -r d8
        ln -s /etc d8
        setfattr -n user.a -v b d9/f9
        chattr +i d9/f19
        rm d9/f29
        mkdir d9/f29
        echo in >d9/f29/in
        rm d0/f10
        mkfifo d0/f10
        touch -a -d '2001-01-01 00:00:00.123456789' d0/f20
        touch -d 1999-01-01 d1
        setfacl -m u:7:r d0/f30
        rm -r 'with
newline'
        echo new >'new
line'
        echo more >>'tab	name'
        echo more >>'back\slash'
        truncate -s 300M holey
        ln holey holey.too
        ;;
esac
