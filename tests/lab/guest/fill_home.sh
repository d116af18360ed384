# Runs in the guest: fills /home with some 30 MB of what people's directories hold.
set -eu

for person in alice bob; do
    id "$person" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$person"
done

mkdir -p /home/alice/programs /home/alice/notes /home/bob/library /home/shared/inbox
cp -a /usr/bin/[a-d]* /usr/bin/mount /home/alice/programs/
cp -a /usr/lib/*-linux-gnu/lib[a-c]*.so* /home/bob/library/

cd /home/alice/notes
number=0
while [ $number -lt 200 ]; do
    number=$((number + 1))
    echo "note $number" > "note $number.txt"
done
ln 'note 1.txt' 'the same note.txt'
ln 'note 1.txt' '/home/shared/inbox/and again.txt'
ln -s 'note 2.txt' recent
ln -s /nowhere dangling
mkfifo pipe
mkdir empty
: > 'empty file'
printf 'a name of several lines' > "$(printf 'two\nlines')"
printf 'a name that is no UTF-8' > "$(printf 'caf\351')"
touch -d '1999-12-31 23:59:59.123456789' 'note 3.txt'
chmod 0400 'note 4.txt'
setfattr -n user.origin -v 'a far country' 'note 5.txt'
setfacl -m u:bob:r 'note 6.txt'

truncate -s 1G /home/bob/disk.img
printf 'end' | dd of=/home/bob/disk.img bs=1 seek=700000000 conv=notrunc status=none

chown -R alice:alice /home/alice
chown -R bob:bob /home/bob
chown alice:bob /home/shared/inbox
chmod 2770 /home/shared/inbox
setfacl -d -m g:bob:rwx /home/shared/inbox
# A change of owner takes capabilities away, so they come last.
setcap cap_net_raw+ep /home/alice/programs/mount
sync
