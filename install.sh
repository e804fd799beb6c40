#!/usr/bin/env bash
# Installs Turnkeep on a Debian or Ubuntu server with systemd, brings it to this version, or removes it.
#
#   sudo ./install.sh [--yes] [--public-address A] [--bind-address A] [--shield-address A]
#   sudo ./install.sh --uninstall [--purge] [--yes]
#
# Run it from a bundle (scripts/bundle makes one; no network is needed) or from a checkout (needs npm once). It shows
# its plan and asks; --yes does not ask. A second run changes nothing and says so. A version that does not become
# ready is taken back. Everything is in functions, so that a download that was cut off runs nothing.
set -euo pipefail

PREFIX=/opt/turnkeep
ETC=/etc/turnkeep
STATE=/var/lib/turnkeep
CACHE=/var/cache/turnkeep
ROOT_CACHE=/var/cache/turnkeep-firewall
UNITS=/etc/systemd/system
MIN_FREE_KIB=$((1024 * 1024))
CHANGES=()

say() { printf '%s\n' "$*"; }
fail() {
  printf '\n%s\n%s\n' "$1" "$2" >&2
  exit 1
}
changed() {
  CHANGES+=("$1")
  say "  $1"
}

usage() {
  sed -n '2,9s/^# \{0,1\}//p' "$0"
}

main() {
  local uninstall=no purge=no
  YES=no PUBLIC='' BIND='' SHIELD=''
  while [ $# -gt 0 ]; do
    case "$1" in
      --yes) YES=yes ;;
      --uninstall) uninstall=yes ;;
      --purge) purge=yes ;;
      --public-address | --bind-address | --shield-address)
        [ $# -ge 2 ] || fail "$1 needs an address." "For example: $1 192.0.2.10"
        case "$1" in
          --public-address) PUBLIC=$2 ;;
          --bind-address) BIND=$2 ;;
          *) SHIELD=$2 ;;
        esac
        shift
        ;;
      -h | --help)
        usage
        exit 0
        ;;
      *) fail "Unknown option $1." "Known: --yes, --uninstall, --purge, --public-address, --bind-address, --shield-address." ;;
    esac
    shift
  done
  [ "$purge" = no ] || [ "$uninstall" = yes ] || fail "--purge removes all data and belongs to --uninstall." "Run: install.sh --uninstall --purge"
  [ "$(id -u)" = 0 ] || fail "install.sh changes the system and needs root." "Run: sudo $0"
  if [ "$uninstall" = yes ]; then
    remove "$purge"
  else
    find_source
    check_host
    choose_addresses
    choose_firewall
    show_plan
    install_all
  fi
}

ask() {
  [ "$YES" = no ] || return 0
  [ -t 0 ] || fail "There is nobody to ask." "Run it in a terminal, or with --yes."
  local answer
  read -r -p "$1 [y/N] " answer
  [[ $answer == [yY]* ]] || fail "Nothing was changed." "Run it again when you are ready."
}

# -- What is installed, and on what ------------------------------------------------------------------

find_source() {
  SOURCE=$(dirname "$(readlink -f "$0")")
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
  if [ ! -e "$PREFIX/releases/$RELEASE" ]; then
    (cd "$SOURCE" && sha256sum --quiet --check SHA256SUMS >/dev/null 2>&1) ||
      fail "The bundle is damaged or incomplete: a checksum is wrong." "Download it again."
  fi
}

check_host() {
  local free arch
  [ -d /run/systemd/system ] || fail "systemd does not run this machine." "Use a server whose PID 1 is systemd; scripts/quickstart needs none."
  # shellcheck source=/dev/null
  . /etc/os-release
  case " ${ID:-} ${ID_LIKE:-} " in
    *" debian "* | *" ubuntu "*) ;;
    *) fail "This is ${PRETTY_NAME:-an unknown system}; Turnkeep installs on Debian 12 and Ubuntu 22.04, or newer." "Use one of them." ;;
  esac
  arch=$(uname -m)
  "$SOURCE/runtime/node" -e 0 2>/dev/null || fail "The bundle's Node does not run on this machine ($arch)." "Use the bundle for $arch, and install libstdc++6 and libatomic1."
  for folder in /opt /var; do
    free=$(df --output=avail -k "$folder" | tail -1)
    [ "$free" -ge $MIN_FREE_KIB ] || fail "$folder has $((free / 1024)) MiB left; 1024 are needed." "Free some space."
  done
  if [ "$(date +%s)" -lt "$(stat -c %Y "$SOURCE/RELEASE")" ]; then
    fail "The clock of this machine is wrong: $(date -u '+%F %T') UTC is before this version was made." "Set it, for example with timedatectl set-ntp true."
  fi
  check_ports
}

# Ports somebody else holds, before the first installation: afterwards they are ours.
check_ports() {
  [ ! -e $UNITS/turnkeepd.service ] || return 0
  local use holder
  for use in tcp:8080 tcp:8443; do
    holder=$(ss -Hlntp "sport = :${use#*:}" | sed -n 's/.*users:((\(.*\)))$/\1/p; t; s/.*/another program/p' | head -1)
    [ -z "$holder" ] || fail "Port ${use#*:} ($use) is taken by $holder." "Stop it, or install first and choose other ports in $ETC/turnkeep.yaml."
  done
}

# Our nftables table closes the ports of `ports.turn` and `ports.turns` that no namespace has: not with others in there.
strangers_in_range() {
  [ ! -e $UNITS/turnkeepd.service ] || return 1
  ss -Hlntu | awk '{ n = split($5, part, ":"); port = part[n] + 0
    if ((port >= 3478 && port <= 3678) || (port >= 5349 && port <= 5549)) found = 1 } END { exit !found }'
}

# Who opens the ports of namespaces: the firewall this machine already uses.
choose_firewall() {
  if command -v ufw >/dev/null && ufw status 2>/dev/null | grep -q '^Status: active'; then
    FIREWALL=ufw
  elif command -v nft >/dev/null && ! strangers_in_range; then
    FIREWALL=nftables
  else
    FIREWALL=none
  fi
}

choose_addresses() {
  if [ -e $ETC/turnkeep.yaml ]; then
    SHIELD=$(cat $ETC/shield)
    return 0
  fi
  [ -n "$BIND" ] || BIND=$(ip -4 route get 192.0.2.1 2>/dev/null | sed -n 's/.* src \([0-9.]*\).*/\1/p')
  [ -n "$BIND" ] || BIND=$(ip -4 -o address show scope global | awk '{ sub("/.*", "", $4); print $4; exit }')
  [ -n "$BIND" ] || fail "This machine has no IPv4 address that others can reach." "Configure one, or name it with --bind-address."
  [ -n "$PUBLIC" ] || PUBLIC=$BIND
  if [ -z "$SHIELD" ]; then
    SHIELD=10.83.254.1
    [ -z "$(ip -4 -o address show to 10.83.254.0/24)" ] || fail "This machine already uses 10.83.254.0/24." "Name a free private address with --shield-address."
  fi
  [[ $BIND$PUBLIC$SHIELD =~ ^[0-9.]+$ ]] || fail "Addresses are IPv4 addresses." "For example --public-address 192.0.2.10"
}

show_plan() {
  say "Turnkeep $RELEASE on ${PRETTY_NAME:-this machine}"
  say
  say "  program   $PREFIX (runtime, packages and console included)"
  say "  config    $ETC/turnkeep.yaml"
  say "  data      $STATE"
  say "  user      turnkeep (system user without a shell)"
  say "  units     turnkeepd.service, turnkeep-turn@, turnkeep-sfu@, turnkeep-shield, turnkeep-boot and turnkeep-firewall, turnkeep.slice"
  say "  rights    polkit rule: the daemon may start and stop its own turnkeep-*@ units, and its firewall helper"
  [ -e $ETC/turnkeep.yaml ] || say "  firewall  $FIREWALL opens the TURN ports of namespaces that are on"
  say "  network   $SHIELD on turnkeep0 (private, for SFUs and relays)${PUBLIC:+; viewers reach $PUBLIC}"
  say "  kernel    net.core.rmem_max and wmem_max at least 8 MiB"
  [ -e /usr/share/polkit-1 ] || say "  packages  polkitd"
  say
  ask "Install?"
}

# -- Steps: each looks first, and says what it changed -------------------------------------------------

install_all() {
  install_packages
  install_user
  install_release
  install_config
  install_units
  start_all
}

install_packages() {
  [ ! -e /usr/share/polkit-1 ] || return 0
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends polkitd >/dev/null ||
    fail "The package polkitd could not be installed." "Run: apt-get update && apt-get install polkitd"
  changed "package polkitd installed"
}

install_user() {
  if ! getent passwd turnkeep >/dev/null; then
    useradd --system --user-group --home-dir $STATE --no-create-home --shell /usr/sbin/nologin turnkeep
    changed "user turnkeep made"
  fi
}

install_release() {
  local target=$PREFIX/releases/$RELEASE
  PREVIOUS=$(readlink $PREFIX/current 2>/dev/null || true)
  mkdir -p $PREFIX/releases
  if [ ! -e "$target" ]; then
    rm -rf "$target.part"
    cp -r "$SOURCE" "$target.part"
    chown -R root:root "$target.part"
    chmod -R go-w "$target.part"
    find "$target.part" -type d -exec chmod 0755 {} + -o -type f -exec chmod a+r {} +
    mv "$target.part" "$target"
    changed "program copied to $target"
  fi
}

install_config() {
  install -d -m 0750 -o root -g turnkeep $ETC
  [ -e $ETC/shield ] || printf '%s\n' "$SHIELD" >$ETC/shield
  [ ! -e $ETC/turnkeep.yaml ] || return 0
  cat >$ETC/turnkeep.yaml.part <<YAML
# Made by install.sh. Every key is explained in $PREFIX/current/config/turnkeep.example.yaml.
dataDir: $STATE
api:
  listen: 0.0.0.0:8080
  publicUrl: https://$PUBLIC:8080
  tls: local-ca
  socket: /run/turnkeep/turnkeepd.sock
public:
  addresses: [$PUBLIC]
turn:
  bindAddresses: [$BIND]
shield:
  address: $SHIELD
tunnels:
  embedded:
    listen: 0.0.0.0:8443
    advertise: $PUBLIC:8443
firewall:
  manager: $FIREWALL
services:
  manager: systemd
  stopOnExit: false
YAML
  chown root:turnkeep $ETC/turnkeep.yaml.part
  chmod 0640 $ETC/turnkeep.yaml.part
  mv $ETC/turnkeep.yaml.part $ETC/turnkeep.yaml
  changed "configuration written to $ETC/turnkeep.yaml"
}

# put FILE TARGET MODE: installs a file when it differs.
put() {
  if ! cmp -s "$1" "$2"; then
    install -D -m "$3" "$1" "$2"
    changed "$2"
    UNITS_CHANGED=yes
  fi
}

install_units() {
  local from=$PREFIX/releases/$RELEASE/systemd work
  UNITS_CHANGED=no
  work=$(mktemp -d)
  for unit in "$from"/*.service "$from"/*.slice; do
    put "$unit" "$UNITS/$(basename "$unit")" 0644
  done
  # Sorted before what `systemctl set-property` writes, which has to win.
  put "$from/turnkeep-.slice.d/10-limits.conf" $UNITS/turnkeep-.slice.d/10-limits.conf 0644
  rm -f $UNITS/turnkeep-.slice.d/limits.conf
  printf '# Made by install.sh: the shield, and this host itself.\n[Service]\nIPAddressAllow=%s localhost%s\n' \
    "$(cat $ETC/shield)" "${BIND:+ $BIND}" >"$work/shield.conf"
  # Later runs do not know the address; what is there was made for the configuration.
  [ -z "$BIND" ] || put "$work/shield.conf" $UNITS/turnkeep-sfu@.service.d/shield.conf 0644
  put "$from/turnkeep.polkit.rules" /etc/polkit-1/rules.d/50-turnkeep.rules 0644
  put "$from/turnkeep.tmpfiles.conf" /etc/tmpfiles.d/turnkeep.conf 0644
  systemd-tmpfiles --create /etc/tmpfiles.d/turnkeep.conf
  # A former installation of the same data may have had another user number.
  chown -R turnkeep:turnkeep $STATE $CACHE
  # Only what is too low is raised.
  if [ ! -e /etc/sysctl.d/60-turnkeep.conf ]; then
    while read -r line; do
      key=${line%% =*} wanted=${line##*= }
      [ "$(sysctl -n "$key" 2>/dev/null || echo "$wanted")" -ge "$wanted" ] || printf '%s\n' "$line"
    done < <(grep '^net' "$from/turnkeep.sysctl.conf") >"$work/sysctl.conf"
    if [ -s "$work/sysctl.conf" ]; then
      put "$work/sysctl.conf" /etc/sysctl.d/60-turnkeep.conf 0644
      sysctl -q -p /etc/sysctl.d/60-turnkeep.conf 2>/dev/null || say "  The kernel buffers cannot be raised here; a busy service may drop packets."
    fi
  fi
  rm -rf "$work"
  if [ $UNITS_CHANGED = yes ]; then
    systemctl daemon-reload
    systemctl try-restart polkit.service 2>/dev/null || true
  fi
}

switch_to() {
  ln -sfn "$1" $PREFIX/current.new
  mv -T $PREFIX/current.new $PREFIX/current
}

start_all() {
  local upgrade=no
  if [ ! -e /usr/local/bin/turnkeep ]; then
    mkdir -p /usr/local/bin
    ln -s $PREFIX/current/cli/turnkeep /usr/local/bin/turnkeep
    changed "/usr/local/bin/turnkeep"
  fi
  if [ "$PREVIOUS" != "releases/$RELEASE" ]; then
    [ -z "$PREVIOUS" ] || upgrade=yes
    # The data as the old version left it, should the new one not come up. Services and pictures go on meanwhile.
    if [ $upgrade = yes ]; then
      systemctl stop turnkeepd.service
      rm -rf $STATE/before-upgrade
      install -d -m 0700 -o turnkeep -g turnkeep $STATE/before-upgrade
      find $STATE -maxdepth 1 \( -name 'turnkeep.db*' -o -name 'cluster_state.json*' \) -exec cp -p {} $STATE/before-upgrade/ \;
    fi
    switch_to "releases/$RELEASE"
    changed "version $RELEASE is current"
  fi
  systemctl -q is-enabled turnkeepd.service 2>/dev/null || {
    systemctl -q enable turnkeepd.service turnkeep-shield.service
    changed "units enabled"
  }
  systemctl -q is-active turnkeep-shield.service || systemctl start turnkeep-shield.service ||
    fail "The address $SHIELD could not be set up." "See: systemctl status turnkeep-shield"
  if [ ${#CHANGES[@]} -gt 0 ] && systemctl -q is-active turnkeepd.service; then
    systemctl restart turnkeepd.service || true
  else
    systemctl start turnkeepd.service || true
  fi
  if ! systemctl -q is-active turnkeepd.service; then
    [ $upgrade = yes ] && roll_back
    journalctl --quiet --no-pager --output=cat --lines=20 _SYSTEMD_UNIT=turnkeepd.service | grep -v '^{' >&2 || true
    fail "turnkeepd does not become ready." "See: journalctl -u turnkeepd. Then run install.sh again."
  fi
  finish $upgrade
}

roll_back() {
  systemctl stop turnkeepd.service || true
  journalctl --quiet --no-pager --output=cat --lines=20 _SYSTEMD_UNIT=turnkeepd.service | grep -v '^{' >&2 || true
  rm -f $STATE/turnkeep.db-wal $STATE/turnkeep.db-shm
  find $STATE/before-upgrade -type f -exec cp -p {} $STATE/ \;
  switch_to "$PREVIOUS"
  for unit in "$PREFIX/current/systemd"/*.service "$PREFIX/current/systemd"/*.slice; do
    install -m 0644 "$unit" "$UNITS/$(basename "$unit")"
  done
  # What the former version has no unit for.
  for unit in "$PREFIX/releases/$RELEASE/systemd"/*.service; do
    [ -e "$PREFIX/current/systemd/$(basename "$unit")" ] || rm -f "$UNITS/$(basename "$unit")"
  done
  systemctl daemon-reload
  systemctl reset-failed turnkeepd.service 2>/dev/null || true
  systemctl start turnkeepd.service || true
  rm -rf "$PREFIX/releases/$RELEASE"
  fail "Version $RELEASE did not become ready; $(basename "$PREVIOUS") is back, with its data." "See above for the reason, or: journalctl -u turnkeepd"
}

finish() {
  if [ ${#CHANGES[@]} = 0 ]; then
    say "Nothing to change: Turnkeep $RELEASE is installed and running."
    return 0
  fi
  say
  say "Turnkeep $RELEASE is running."
  if [ "$1" = yes ]; then
    say "TURN and SFU services that were running go on with the former version, so no picture was lost; they change when"
    say "they are next started: systemctl restart 'turnkeep-*@*'"
    return 0
  fi
  say
  local url code
  url=$(sed -n 's/^  publicUrl: //p' $ETC/turnkeep.yaml)
  code=$(/usr/local/bin/turnkeep --json user sign-in-code admin 2>/dev/null | sed -n 's/.*"code": *"\([^"]*\)".*/\1/p' || true)
  say "  Console  $url${code:+/sign-in#code=$code}"
  say "           Signs you in once, within 15 minutes; another code: turnkeep user sign-in-code admin"
  say "           Its certificate is of this machine's own CA: $url/v1/ca.pem"
  say
  say "Next: turnkeep namespace create NAME && turnkeep namespace enable webrtc --namespace NAME"
}

# -- Removal -------------------------------------------------------------------------------------------

remove() {
  local purge=$1
  say "Removing Turnkeep: its units, rules, user, interface and program."
  if [ "$purge" = yes ]; then
    say "Its configuration and ALL DATA, too: $ETC, $STATE."
  else
    say "Configuration and data stay: $ETC, $STATE."
  fi
  ask "Remove?"
  systemctl disable --quiet --now turnkeepd.service 2>/dev/null || true
  systemctl stop 'turnkeep-turn@*.service' 'turnkeep-sfu@*.service' 2>/dev/null || true
  if [ -e $PREFIX/current ] && [ -e $ETC/turnkeep.yaml ]; then
    $PREFIX/current/runtime/node $PREFIX/current/daemon/firewall-helper.ts --config $ETC/turnkeep.yaml --remove ||
      say "  Some firewall rules could not be removed: look for the comment \"turnkeep\"."
  fi
  rm -rf /run/systemd/system.control/turnkeep-*.slice.d
  systemctl stop turnkeep-boot.service 2>/dev/null || true
  systemctl disable --quiet --now turnkeep-shield.service 2>/dev/null || true
  systemctl stop turnkeep.slice 2>/dev/null || true
  rm -rf $UNITS/turnkeepd.service* $UNITS/turnkeep-*.service* $UNITS/turnkeep.slice* $UNITS/turnkeep-*.slice.d \
    /etc/polkit-1/rules.d/50-turnkeep.rules /etc/tmpfiles.d/turnkeep.conf /etc/sysctl.d/60-turnkeep.conf \
    /usr/local/bin/turnkeep $PREFIX $CACHE $ROOT_CACHE /run/turnkeep
  systemctl daemon-reload
  systemctl reset-failed 'turnkeep*' 2>/dev/null || true
  if getent passwd turnkeep >/dev/null; then userdel turnkeep; fi
  if [ "$purge" = yes ]; then rm -rf $ETC $STATE; fi
  say "Turnkeep is removed."
}

main "$@"
