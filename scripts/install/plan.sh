# shellcheck shell=bash
# Sourced by install.sh: the configuration of this host, and what is about to be done, shown before anything is.

# The addresses and ports: of the installation that is there, else as the options say, else as this host has them.
choose_config() {
  if [ -e $ETC/turnkeep.yaml ]; then
    [ -z "$PUBLIC$BIND$SHIELD$CONSOLE_PORT$TUNNEL_PORT" ] ||
      fail "$ETC/turnkeep.yaml is there already: addresses and ports are chosen at the first installation." "Change them in that file, then: systemctl restart turnkeepd"
    return 0
  fi
  CONSOLE_PORT=${CONSOLE_PORT:-8080}
  TUNNEL_PORT=${TUNNEL_PORT:-8443}
  if [ -n "$BIND" ]; then
    has_address "$BIND" || fail "No interface of this machine has $BIND." "Name one of: $(ip -4 -o address show scope global | awk '{ sub("/.*", "", $4); print $4 }' | xargs)"
  else
    BIND=$(ip -4 route get 192.0.2.1 2>/dev/null | sed -n 's/.* src \([0-9.]*\).*/\1/p')
    [ -n "$BIND" ] || BIND=$(ip -4 -o address show scope global | awk '{ sub("/.*", "", $4); print $4; exit }')
    [ -n "$BIND" ] || fail "This machine has no IPv4 address that others can reach." "Configure one, or name it with --bind-address."
  fi
  PUBLIC=${PUBLIC:-$BIND}
  if [ -z "$SHIELD" ]; then
    SHIELD=10.83.254.1
    [ -z "$(ip -4 -o address show to 10.83.254.0/24)" ] || fail "This machine already uses 10.83.254.0/24." "Name a free private address with --shield-address."
  fi
  is_ipv4 "$PUBLIC" || fail "--public-address $PUBLIC is no IPv4 address." "For example: --public-address 192.0.2.10"
  is_ipv4 "$SHIELD" || fail "--shield-address $SHIELD is no IPv4 address." "For example: --shield-address 10.83.254.1"
}

is_ipv4() {
  local part parts
  [[ $1 =~ ^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$ ]] || return 1
  IFS=. read -r -a parts <<<"$1"
  for part in "${parts[@]}"; do [ "$part" -le 255 ] || return 1; done
}

has_address() {
  [ -n "$(ip -o address show to "$1" 2>/dev/null)" ]
}

new_config() {
  cat <<YAML
# Made by install.sh. Every key is explained in $PREFIX/current/config/turnkeep.example.yaml.
dataDir: $STATE
api:
  listen: 0.0.0.0:$CONSOLE_PORT
  publicUrl: https://$PUBLIC:$CONSOLE_PORT
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
    listen: 0.0.0.0:$TUNNEL_PORT
    advertise: $PUBLIC:$TUNNEL_PORT
firewall:
  manager: $FIREWALL
services:
  manager: systemd
  stopOnExit: false
YAML
}

# The version that is about to be installed reads the configuration first: what it refuses, it would refuse after all.
check_config() {
  local file=$ETC/turnkeep.yaml made='' problems remedy addresses
  remedy="Correct $file, then run install.sh again; nothing was changed."
  if [ ! -e "$file" ]; then
    made=$(mktemp)
    file=$made
    new_config >"$file"
    remedy="Choose other addresses or ports: install.sh --help"
  fi
  problems=$("$SOURCE/cli/turnkeep" config check "$file" 2>&1) || {
    rm -f "$made"
    say "$problems" >&2
    [ -z "$made" ] || file="this configuration"
    fail "This version does not start with $file." "$remedy"
  }
  addresses=$("$SOURCE/runtime/node" "$SOURCE/daemon/config-addresses.ts" "$file")
  rm -f "$made"
  SHIELD=$(sed -n 1p <<<"$addresses")
  RELAYS=$(sed -n 2p <<<"$addresses")
}

show_plan() {
  local now
  now=$(basename "$(readlink $PREFIX/current 2>/dev/null || true)")
  say "Turnkeep $RELEASE on ${PRETTY_NAME:-this machine}"
  say
  case "$now" in
    '') ;;
    "$RELEASE") say "  now       this version is installed" ;;
    *) say "  now       $now, which comes back if this version does not become ready" ;;
  esac
  say "  program   $PREFIX (runtime, packages and console included), /usr/local/bin/turnkeep"
  say "  config    $ETC/turnkeep.yaml"
  say "  data      $STATE"
  say "  user      turnkeep (system user without a shell)"
  say "  units     turnkeepd.service, turnkeep-turn@, turnkeep-sfu@, turnkeep-shield, turnkeep-boot and turnkeep-firewall, turnkeep.slice"
  say "  rights    polkit rule: the daemon may start and stop its own turnkeep-*@ units, and its firewall helper"
  [ -e $ETC/turnkeep.yaml ] || show_firewall
  say "  network   $SHIELD on turnkeep0 (private, for SFUs and relays)${PUBLIC:+; viewers reach $PUBLIC}"
  say "  kernel    net.core.rmem_max and wmem_max at least 8 MiB"
  [ -e /usr/share/polkit-1 ] || say "  packages  polkitd"
  say
  ask "Install?"
}

show_firewall() {
  case "$FIREWALL" in
    none) say "  firewall  left alone: open the TURN ports of namespaces that are on yourself (turnkeep ports)" ;;
    *) say "  firewall  $FIREWALL opens the TURN ports of namespaces that are on" ;;
  esac
  if ufw_is_on; then
    say "            ufw is on; if it closes them, open console and tunnels yourself: ufw allow $CONSOLE_PORT/tcp; ufw allow $TUNNEL_PORT/tcp"
  fi
}
