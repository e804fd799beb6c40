#!/usr/bin/env bash
# Installs Turnkeep on a Debian or Ubuntu server with systemd, brings it to this version, or removes it.
#
#   sudo ./install.sh [--yes] [--public-address A] [--bind-address A] [--shield-address A] [--console-port P] [--tunnel-port P]
#   sudo ./install.sh --uninstall [--purge] [--yes]
#
# Run it from a bundle (scripts/bundle makes one; no network is needed) or from a checkout (needs npm once). It shows
# its plan and asks; --yes does not ask. A second run changes nothing and says so. A version that does not become
# ready is taken back. Its parts are in scripts/install; a download of it that was cut off runs nothing.
set -euo pipefail

PREFIX=/opt/turnkeep
ETC=/etc/turnkeep
STATE=/var/lib/turnkeep
CACHE=/var/cache/turnkeep
ROOT_CACHE=/var/cache/turnkeep-firewall
UNITS=/etc/systemd/system
SYSCTL=/etc/sysctl.d/60-turnkeep.conf
CHANGES=()

say() { printf '%s\n' "$*"; }
# fail WHAT REMEDY
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
  YES=no PUBLIC='' BIND='' SHIELD='' CONSOLE_PORT='' TUNNEL_PORT=''
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
      --console-port | --tunnel-port)
        [ $# -ge 2 ] || fail "$1 needs a port." "For example: $1 9443"
        case "$1" in
          --console-port) CONSOLE_PORT=$2 ;;
          *) TUNNEL_PORT=$2 ;;
        esac
        shift
        ;;
      -h | --help)
        usage
        exit 0
        ;;
      *) fail "Unknown option $1." "install.sh --help names all of them." ;;
    esac
    shift
  done
  [ "$purge" = no ] || [ "$uninstall" = yes ] || fail "--purge removes all data and belongs to --uninstall." "Run: install.sh --uninstall --purge"
  [ "$(id -u)" = 0 ] || fail "install.sh changes the system and needs root." "Run: sudo $0"
  SOURCE=$(dirname "$(readlink -f "$0")")
  [ -e "$SOURCE/scripts/install/host.sh" ] ||
    fail "This is neither a bundle nor a checkout of Turnkeep." "Unpack a bundle, and run the install.sh in it."
  exec 9</etc
  flock --nonblock 9 || fail "Another install.sh runs." "Wait until it has ended."
  # shellcheck source=scripts/install/host.sh
  . "$SOURCE/scripts/install/host.sh"
  # shellcheck source=scripts/install/plan.sh
  . "$SOURCE/scripts/install/plan.sh"
  # shellcheck source=scripts/install/steps.sh
  . "$SOURCE/scripts/install/steps.sh"
  # shellcheck source=scripts/install/upgrade.sh
  . "$SOURCE/scripts/install/upgrade.sh"
  # shellcheck source=scripts/install/remove.sh
  . "$SOURCE/scripts/install/remove.sh"
  if [ "$uninstall" = yes ]; then
    remove "$purge"
  else
    find_source
    check_host
    choose_config
    check_ports
    choose_firewall
    check_bundle
    check_config
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

# In braces: what was cut off in here, too, is no command.
{
  main "$@"
  exit
}
