# shellcheck shell=bash
# Sourced by install.sh: what is installed, and whether this host can take it.

MIN_FREE_KIB=$((1024 * 1024))

find_source() {
  if [ ! -e "$SOURCE/RELEASE" ]; then
    [ -x "$SOURCE/scripts/bundle" ] || fail "This is neither a bundle nor a checkout of Turnkeep." "Download the bundle again."
    say "Preparing the packages ..."
    WORK=$(mktemp -d)
    trap 'rm -rf "$WORK"' EXIT
    "$SOURCE/scripts/bundle" "$WORK/turnkeep" >/dev/null
    SOURCE=$WORK/turnkeep
  fi
  RELEASE=$(cat "$SOURCE/RELEASE")
  [[ $RELEASE =~ ^[0-9A-Za-z.-]+$ ]] || fail "The file RELEASE is damaged." "Download the bundle again."
}

# The release is named after the list of checksums, and the list names every file.
check_bundle() {
  local sum
  [ ! -e "$PREFIX/releases/$RELEASE" ] || return 0
  sum=$(sha256sum "$SOURCE/SHA256SUMS" 2>/dev/null | cut -c1-12)
  [ "${RELEASE##*-}" = "$sum" ] && (cd "$SOURCE" && sha256sum --quiet --check SHA256SUMS >/dev/null 2>&1) ||
    fail "The bundle is damaged or incomplete: a checksum is wrong." "Download it again."
  "$SOURCE/runtime/node" -e 0 2>/dev/null ||
    fail "The bundle's Node does not run on this machine ($(uname -m))." "Use the bundle for $(uname -m), and install libstdc++6 and libatomic1."
}

check_host() {
  [ -d /run/systemd/system ] || fail "systemd does not run this machine." "Use a server whose PID 1 is systemd; scripts/quickstart needs none."
  check_system
  check_disk
  if [ "$(date +%s)" -lt "$(stat -c %Y "$SOURCE/RELEASE")" ]; then
    fail "The clock of this machine is wrong: $(date -u '+%F %T') UTC is before this version was made." "Set it, for example with timedatectl set-ntp true."
  fi
}

# Older ones have a polkit that knows no rules files: the daemon could start nothing.
check_system() {
  local least=0
  # shellcheck source=/dev/null
  . /etc/os-release
  case " ${ID:-} ${ID_LIKE:-} " in
    " debian "*) least=12 ;;
    " ubuntu "*) least=24.04 ;;
    *" debian "* | *" ubuntu "*) ;;
    *) fail "This is ${PRETTY_NAME:-an unknown system}; Turnkeep installs on Debian 12 and Ubuntu 24.04, or newer." "Use one of them." ;;
  esac
  # Testing versions have no number.
  [ "$(printf '%s\n' "$least" "${VERSION_ID:-99}" | sort -V | head -1)" = "$least" ] ||
    fail "This is ${PRETTY_NAME:-${ID:-} ${VERSION_ID:-}}; Turnkeep installs on Debian 12 and Ubuntu 24.04, or newer." "Upgrade the system first."
}

check_disk() {
  local folder free
  for folder in /opt /var; do
    free=$(df --output=avail -k "$folder" | tail -1)
    [ "$free" -ge $MIN_FREE_KIB ] || fail "$folder has $((free / 1024)) MiB left; 1024 are needed." "Free some space."
  done
}

# Ports somebody else holds, before the first installation: afterwards they are ours.
check_ports() {
  [ ! -e $ETC/turnkeep.yaml ] || return 0
  port_is_free "$CONSOLE_PORT" --console-port
  port_is_free "$TUNNEL_PORT" --tunnel-port
  [ "$CONSOLE_PORT" != "$TUNNEL_PORT" ] || fail "Console and tunnels cannot both have port $CONSOLE_PORT." "Choose another one for one of them: --console-port, --tunnel-port"
}

# port_is_free PORT OPTION
port_is_free() {
  local holder
  [[ $1 =~ ^[1-9][0-9]{0,4}$ ]] && [ "$1" -le 65535 ] || fail "$2 $1 is no port." "Choose one from 1 to 65535."
  holder=$(ss -Hlntp "sport = :$1" | head -1)
  [ -n "$holder" ] || return 0
  holder=$(sed -n 's/.*pid=\([0-9]*\).*/\1/p' <<<"$holder")
  holder=${holder:+$(readlink "/proc/$holder/exe" || echo "a program") (process $holder)}
  fail "Port $1 (tcp) is taken by ${holder:-another program}." "Stop it, or choose another port, for example: $2 $(($1 % 64000 + 1000))"
}

# Our nftables table closes the ports of `ports.turn` and `ports.turns` that no namespace has: not with others in there.
strangers_in_range() {
  [ ! -e $UNITS/turnkeepd.service ] || return 1
  ss -Hlntu | awk '{ n = split($5, part, ":"); port = part[n] + 0
    if ((port >= 3478 && port <= 3678) || (port >= 5349 && port <= 5549)) found = 1 } END { exit !found }'
}

# Who opens the ports of namespaces: the firewall this machine already uses.
choose_firewall() {
  if ufw_is_on; then
    FIREWALL=ufw
  elif command -v nft >/dev/null && ! strangers_in_range; then
    FIREWALL=nftables
  else
    FIREWALL=none
  fi
}

ufw_is_on() {
  command -v ufw >/dev/null && ufw status 2>/dev/null | grep -q '^Status: active'
}
