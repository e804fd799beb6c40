# shellcheck shell=bash
# Sourced by install.sh: the steps of an installation. Each looks first, and says what it changed.

install_all() {
  take_up_upgrade
  install_packages
  install_user
  install_release
  if [ "$IS_UPGRADE" = yes ]; then keep_files; fi
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
  [ ! -e "$target" ] || return 0
  # What a copy that was interrupted left.
  rm -rf $PREFIX/releases/*.part
  mkdir -p $PREFIX/releases
  cp -r "$SOURCE" "$target.part" || {
    rm -rf "$target.part"
    fail "The program could not be copied to $PREFIX." "Free some space, then run install.sh again."
  }
  chown -R root:root "$target.part"
  chmod -R go-w "$target.part"
  find "$target.part" -type d -exec chmod 0755 {} + -o -type f -exec chmod a+r {} +
  mv "$target.part" "$target"
  changed "program copied to $target"
}

install_config() {
  install -d -m 0750 -o root -g turnkeep $ETC
  if [ ! -e $ETC/turnkeep.yaml ]; then
    new_config >$ETC/turnkeep.yaml.part
    chown root:turnkeep $ETC/turnkeep.yaml.part
    chmod 0640 $ETC/turnkeep.yaml.part
    mv $ETC/turnkeep.yaml.part $ETC/turnkeep.yaml
    changed "configuration written to $ETC/turnkeep.yaml"
  fi
  # For the unit of the address; an operator may have chosen another one since.
  if [ "$(cat $ETC/shield 2>/dev/null)" != "$SHIELD" ]; then
    [ ! -e $ETC/shield ] || systemctl stop turnkeep-shield.service 2>/dev/null || true
    printf '%s\n' "$SHIELD" >$ETC/shield
    changed "shield address $SHIELD"
  fi
}

# put FILE TARGET MODE: installs a file when it differs.
put() {
  if ! cmp -s "$1" "$2"; then
    install -D -m "$3" "$1" "$2.part"
    mv "$2.part" "$2"
    changed "$2"
    UNITS_CHANGED=yes
  fi
}

install_units() {
  local from=$PREFIX/releases/$RELEASE/systemd work unit
  UNITS_CHANGED=no
  work=$(mktemp -d)
  for unit in "$from"/*.service "$from"/*.slice; do
    put "$unit" "$UNITS/$(basename "$unit")" 0644
  done
  # Sorted before what `systemctl set-property` writes, which has to win.
  put "$from/turnkeep-.slice.d/10-limits.conf" $UNITS/turnkeep-.slice.d/10-limits.conf 0644
  rm -f $UNITS/turnkeep-.slice.d/limits.conf
  printf '# Made by install.sh: the shield, and this host itself.\n[Service]\nIPAddressAllow=%s localhost%s\n' \
    "$SHIELD" "${RELAYS:+ $RELAYS}" >"$work/shield.conf"
  put "$work/shield.conf" $UNITS/turnkeep-sfu@.service.d/shield.conf 0644
  put "$from/turnkeep.polkit.rules" /etc/polkit-1/rules.d/50-turnkeep.rules 0644
  put "$from/turnkeep.tmpfiles.conf" /etc/tmpfiles.d/turnkeep.conf 0644
  systemd-tmpfiles --create /etc/tmpfiles.d/turnkeep.conf
  # A former installation of the same data may have had another user number.
  chown -R turnkeep:turnkeep $STATE $CACHE
  install_sysctl "$from/turnkeep.sysctl.conf" "$work/sysctl.conf"
  rm -rf "$work"
  if [ $UNITS_CHANGED = yes ]; then
    systemctl daemon-reload
    systemctl try-restart polkit.service 2>/dev/null || true
  fi
}

# install_sysctl WANTED WORK: only what is too low is raised; what we raised once stays ours.
install_sysctl() {
  local line key wanted value
  while read -r line; do
    key=${line%% =*} wanted=${line##*= }
    value=$(sysctl -n "$key" 2>/dev/null || echo "$wanted")
    if [ "$value" -lt "$wanted" ] || grep -qs "^$key = " $SYSCTL; then printf '%s\n' "$line"; fi
  done < <(grep '^net' "$1") >"$2"
  [ -s "$2" ] && ! cmp -s "$2" $SYSCTL || return 0
  put "$2" $SYSCTL 0644
  sysctl -q -p $SYSCTL >/dev/null 2>&1 || true
  while read -r line; do
    [ "$(sysctl -n "${line%% =*}" 2>/dev/null)" = "${line##*= }" ] && continue
    say "  The kernel buffers cannot be raised here; a busy service may drop packets. Where this is a container, set on"
    say "  its host: $(paste -sd, $SYSCTL)"
    return 0
  done <$SYSCTL
}

switch_to() {
  ln -sfn "$1" $PREFIX/current.new
  mv -T $PREFIX/current.new $PREFIX/current
}

start_all() {
  if [ ! -e /usr/local/bin/turnkeep ]; then
    mkdir -p /usr/local/bin
    ln -sfn $PREFIX/current/cli/turnkeep /usr/local/bin/turnkeep
    changed "/usr/local/bin/turnkeep"
  fi
  if [ "$(readlink $PREFIX/current 2>/dev/null)" != "releases/$RELEASE" ]; then
    if [ "$IS_UPGRADE" = yes ]; then keep_data; fi
    switch_to "releases/$RELEASE"
    changed "version $RELEASE is current"
  fi
  systemctl -q is-enabled turnkeepd.service 2>/dev/null && systemctl -q is-enabled turnkeep-shield.service 2>/dev/null || {
    systemctl -q enable turnkeepd.service turnkeep-shield.service
    changed "units enabled"
  }
  systemctl -q is-active turnkeep-shield.service || systemctl start turnkeep-shield.service ||
    fail "The address $SHIELD could not be set up." "See: systemctl status turnkeep-shield"
  STARTED=$(date +%s)
  if [ ${#CHANGES[@]} -gt 0 ] && systemctl -q is-active turnkeepd.service; then
    systemctl restart turnkeepd.service 2>/dev/null || true
  elif ! systemctl -q is-active turnkeepd.service; then
    systemctl start turnkeepd.service 2>/dev/null || true
    CHANGES+=("turnkeepd started")
  fi
  is_ready || {
    if [ "$IS_UPGRADE" = yes ]; then roll_back; fi
    fail "turnkeepd does not become ready." "See above, and: journalctl -u turnkeepd. Then run install.sh again."
  }
  if [ "$IS_UPGRADE" = yes ]; then forget_former; fi
  finish
}

# A daemon that cannot read its data starts, too, and serves what the state file says: that is not enough.
is_ready() {
  if ! systemctl -q is-active turnkeepd.service; then
    last_words
    return 1
  fi
  /usr/local/bin/turnkeep --json user list >/dev/null 2>&1 || {
    /usr/local/bin/turnkeep inspect 2>&1 | grep -A1 '^FAIL  database' >&2 || true
    return 1
  }
}

# What the daemon said as it ended, each line once.
last_words() {
  journalctl --quiet --no-pager --output=cat --since="@$STARTED" _SYSTEMD_UNIT=turnkeepd.service | grep -v '^{' |
    awk '!seen[$0]++' | tail -20 >&2 || true
}

finish() {
  if [ ${#CHANGES[@]} = 0 ]; then
    say "Nothing to change: Turnkeep $RELEASE is installed and running."
    return 0
  fi
  say
  say "Turnkeep $RELEASE is running."
  if [ "$IS_UPGRADE" = yes ]; then
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
