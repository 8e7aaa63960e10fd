# In a clean Debian that systemd has booted.
set -Eeuo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

fail() {
    echo "boot.sh: line ${BASH_LINENO[0]}: $*"
    systemctl status throttler --no-pager --lines=0 || true
    journalctl --unit throttler --no-pager | tail -40
    exit 1
}
trap 'fail "a command failed"' ERR

# That a command succeeds and says so. In a pipe, it might find nobody listening any more.
says() {
    local said
    said=$("${@:2}")
    grep -q -e "$1" <<<"$said"
}

property() {
    systemctl show --property="$1" --value throttler
}

generation() {
    throttler dump counters -o json | tr -d ' \n' | sed -n 's/.*"generation":\([0-9]*\).*/\1/p'
}

is_attached() {
    says xdp ip link show veth0
}

# Waits until a command succeeds.
await() {
    for _ in $(seq 300); do
        if "$@"; then
            return
        fi
        sleep 0.1
    done
    fail "never: $*"
}

is_another() {
    local now
    now=$(property MainPID)
    [ "$now" != 0 ] && [ "$now" != "$1" ] && [ "$(property ActiveState)" = active ]
}

ip link add veth0 type veth peer name veth1
ip link set veth0 up
ip link set veth1 up
dpkg --install /throttler.deb
# An installation alone touches no interface.
[ "$(property ActiveState)" = inactive ]
sed -i 's/^THROTTLER_IFACE=$/THROTTLER_IFACE=veth0/' /etc/default/throttler
mkdir -p /etc/systemd/system/throttler.service.d
printf '[Service]\nWatchdogSec=2s\n' >/etc/systemd/system/throttler.service.d/check.conf
throttler check --systemd /etc/throttler/throttler.toml >/etc/systemd/system/throttler.service.d/memory.conf
systemctl daemon-reload

# Started is enforcing.
systemctl start throttler
is_attached
[ "$(property StatusText)" = "monitoring on veth0 (generation 1)" ]
[ "$(property MemoryMax)" != infinity ]

# It is confined as the unit says.
pid=$(property MainPID)
for line in 'CapPrm:.*000000c000001000' 'CapEff:.*000000c000001000' 'CapBnd:.*000000c000001000' 'CapAmb:.*0000000000000000' \
    'NoNewPrivs:.*1' 'Seccomp:.*2'; do
    grep -q "^$line\$" "/proc/$pid/status" || fail "$line: $(cat "/proc/$pid/status")"
done
[ "$(sed -n 's/^Uid:\t\([0-9]*\).*/\1/p' "/proc/$pid/status")" = "$(id -u throttler)" ]
[ "$(ls "/proc/$pid/root/sys/fs/bpf")" = throttler ]
# Root's alone, as before (and sticky, as always).
[ "$(stat -c %a /sys/fs/bpf)" = 1700 ]

# One reload is one publish.
systemctl reload throttler
[ "$(generation)" = 2 ]
[ "$(property StatusText)" = "monitoring on veth0 (generation 2)" ]

# A daemon that hangs is replaced, and what it enforced goes on.
throttler ban add 192.0.2.9 --for 1h
kill -STOP "$pid"
is_attached
await is_another "$pid"
says 192.0.2.9 throttler ban list
says 'Watchdog timeout' journalctl --unit throttler --no-pager
says 'adopted the pinned maps' journalctl --unit throttler --no-pager

systemctl restart throttler
says 192.0.2.9 throttler ban list
systemctl stop throttler
is_attached

# What root runs by hand in between, the service takes over again.
throttler run --iface veth0 --config /etc/throttler/throttler.toml &
await throttler reload
kill -TERM $!
wait $!
systemctl start throttler
is_attached
says 192.0.2.9 throttler ban list

dpkg --purge throttler
if is_attached; then
    fail "a purge leaves the program"
fi
[ -z "$(property FragmentPath)" ]
touch /boot.done
