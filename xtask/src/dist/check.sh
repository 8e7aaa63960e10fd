# In a clean Debian, as its first process, with a network of its own.
set -Eeuo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

fail() {
    echo "check.sh: line ${BASH_LINENO[0]}: $*" >&2
    [ ! -e /daemon.log ] || cat /daemon.log >&2
    exit 1
}
# That a command succeeds and says so. In a pipe, it might find nobody listening any more.
says() {
    local said
    said=$("${@:2}")
    grep -q -e "$1" <<<"$said"
}

# That a command fails: `!` alone would go unnoticed under `set -e`.
refuted() {
    if "$@" >/dev/null 2>&1; then
        fail "$* succeeds"
    fi
}

is_attached() {
    says xdp ip link show veth0
}
trap 'fail "a command failed"' ERR

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t bpf bpf /sys/fs/bpf
mount -t tmpfs tmpfs /run
ip link set lo up
ip netns add client
# Its neighbour discovery would be counted beside the pings.
echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
ip netns exec client sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6'
ip link add veth0 type veth peer name veth1 netns client
ip address add 10.0.0.1/24 dev veth0
ip link set veth0 up
ip netns exec client ip address add 10.0.0.2/24 dev veth1
ip netns exec client ip link set veth1 up

start() {
    throttler run --iface veth0 --config /etc/throttler/throttler.toml --metrics-listen 127.0.0.1:9464 "$@" 2>/daemon.log &
    daemon=$!
    for _ in $(seq 600); do
        if throttler reload >/dev/null 2>&1; then
            return
        fi
        kill -0 "$daemon" || fail "the daemon ended"
        sleep 0.1
    done
    fail "no daemon"
}

stop() {
    kill -TERM "$daemon"
    wait "$daemon"
}

# The number of packets of a scope that ended in a reason.
counted() {
    throttler dump counters -o json | tr -d ' \n' | sed -n "s/.*\"scope\":\"$1\",\"reasons\":{[^}]*\"$2\":{\"packets\":\([0-9]*\).*/\1/p"
}

# Real packets, counted; and what an operator asks.
exercise() {
    says '^throttler [0-9]' throttler --version
    says 'valid; scopes 3' throttler check /etc/throttler/throttler.toml
    says '^MemoryMax=' throttler check --systemd /etc/throttler/throttler.toml
    start "$@"
    ip netns exec client ping -c 3 -i 0.2 -q 10.0.0.1 >/dev/null
    [ "$(counted ping conforming)" = 3 ] || fail "$(throttler dump counters)"
    says veth0 throttler status
    throttler explain 10.0.0.2 --proto icmp >/dev/null
    exec 3<>/dev/tcp/127.0.0.1/9464
    printf 'GET /metrics HTTP/1.1\r\nhost: throttler\r\nconnection: close\r\n\r\n' >&3
    sed '1,/^\r$/d' <&3 >/metrics.txt
    exec 3>&-
    grep -q '^throttler_packets_total{.*reason="conforming"' /metrics.txt
    fail2ban
}

# What fail2ban would run.
fail2ban() {
    local action=/etc/fail2ban/action.d/throttler.conf
    command_of() {
        sed -n "s/^$1 = //p" "$action" | sed 's/<ip>/192.0.2.77/; s/<bantime>/600/; s/<name>/sshd/'
    }
    bash -c "$(command_of actionban)" >/dev/null
    says '192.0.2.77.*fail2ban-sshd' throttler ban list
    bash -c "$(command_of actionunban)" >/dev/null
    refuted throttler ban test 192.0.2.77
}

# What systemd finds in the unit. 252 says that it passes over Type=notify-reload, which is meant.
unit() {
    local found version
    found=$(systemd-analyze verify --man=no throttler.service 2>&1 | grep throttler || true)
    version=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
    if [ "$version" -lt 253 ]; then
        found=$(grep -v 'Failed to parse service type, ignoring: notify-reload' <<<"$found" || true)
    fi
    [ -z "$found" ] || fail "systemd-analyze verify: $found"
}

deb() {
    dpkg --install /throttler.deb >/dev/null 2>&1 || dpkg --install /throttler.deb
    getent passwd throttler >/dev/null
    for file in /usr/share/man/man8/throttler.8.gz /usr/share/man/man5/throttler.toml.5.gz \
        /lib/systemd/system/throttler.service /usr/share/bash-completion/completions/throttler; do
        dpkg-query --search "$file" >/dev/null
        [ -s "$file" ]
    done
    [ -z "$(dpkg --verify throttler)" ]
    unit
    exercise --user throttler
    [ "$(stat -c %U /var/lib/throttler)" = throttler ]

    # An upgrade keeps what an administrator wrote, and the daemon that runs.
    echo '# mine' >>/etc/throttler/throttler.toml
    dpkg --install /newer.deb >/dev/null
    says '+newer$' dpkg-query --show --showformat '${Version}' throttler
    grep -q '^# mine' /etc/throttler/throttler.toml
    kill -0 "$daemon"
    ip netns exec client ping -c 1 -q 10.0.0.1 >/dev/null
    [ "$(counted ping conforming)" = 4 ]
    stop
    start --user throttler
    [ "$(counted ping conforming)" = 4 ] || fail "the counters were not kept"
    stop

    # on_exit = "keep" has left the program; a removal takes it off.
    is_attached
    dpkg --remove throttler >/dev/null
    refuted is_attached
    [ ! -e /usr/sbin/throttler ]
    [ -e /etc/throttler/throttler.toml ]
    dpkg --purge throttler >/dev/null
    left=$(find / -xdev -path /proc -prune -o -name '*throttler*' -not -name '*.deb' -print)
    [ -z "$left" ] || fail "a purge leaves $left"
}

tarball() {
    tar --directory / --strip-components=1 --keep-directory-symlink --extract --gzip --file /throttler.tar.gz
    exercise
    stop
    throttler detach >/dev/null
    tar --list --gzip --file /throttler.tar.gz | sed 's,^[^/]*/,/,' | while read -r name; do
        [ -d "$name" ] || rm "$name"
    done
    [ ! -e /usr/sbin/throttler ]
}

"$1"
