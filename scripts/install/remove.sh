# shellcheck shell=bash
# Sourced by install.sh: removal.

# remove PURGE
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
  if [ -e $PREFIX/current ]; then
    $PREFIX/current/runtime/node $PREFIX/current/daemon/firewall-helper.ts --remove ||
      say "  Some firewall rules could not be removed: look for the comment \"turnkeep\"."
    if [ -e $ETC/turnkeep.yaml ] && getent passwd turnkeep >/dev/null; then
      as_daemon $PREFIX/current/runtime/node $PREFIX/current/daemon/dns-withdraw.ts --config $ETC/turnkeep.yaml ||
        say "  DNS records may lead to this host still: remove turnkeep's names from the zone."
    fi
  fi
  rm -rf /run/systemd/system.control/turnkeep-*.slice.d
  systemctl stop turnkeep-boot.service 2>/dev/null || true
  systemctl disable --quiet --now turnkeep-shield.service 2>/dev/null || true
  systemctl stop turnkeep.slice 2>/dev/null || true
  rm -rf $UNITS/turnkeepd.service* $UNITS/turnkeep-*.service* $UNITS/turnkeep.slice* $UNITS/turnkeep-*.slice.d \
    /etc/polkit-1/rules.d/50-turnkeep.rules /etc/tmpfiles.d/turnkeep.conf $SYSCTL \
    /usr/local/bin/turnkeep $PREFIX $CACHE $ROOT_CACHE /run/turnkeep
  systemctl daemon-reload
  systemctl reset-failed 'turnkeep*' 2>/dev/null || true
  if getent passwd turnkeep >/dev/null; then userdel turnkeep; fi
  if [ "$purge" = yes ]; then rm -rf $ETC $STATE; fi
  say "Turnkeep is removed."
}
