# shellcheck shell=bash
# Sourced by install.sh: an upgrade that can be taken back. What the former version left is kept in $UNDO, which only
# root reads: `previous` (its release), `files.tar`, `sysctl` and, from the moment its daemon is stopped, `data.tar`.
# It is there from before the first change until the new version is ready, so that a run that was killed is taken up.

UNDO=$PREFIX/before-upgrade

# Every file outside $PREFIX that the steps put somewhere; drop-ins of the operator are none of them.
own_files() {
  local file
  for file in $UNITS/turnkeep*.service $UNITS/turnkeep*.slice $UNITS/turnkeep-.slice.d/*limits.conf \
    $UNITS/turnkeep-sfu@.service.d/shield.conf /etc/polkit-1/rules.d/50-turnkeep.rules /etc/tmpfiles.d/turnkeep.conf \
    $SYSCTL $ETC/shield; do
    [ ! -e "$file" ] || printf '%s\n' "$file"
  done
}

# Sets PREVIOUS and IS_UPGRADE, also for an upgrade that another run began and did not end.
take_up_upgrade() {
  IS_UPGRADE=no
  PREVIOUS=$(readlink $PREFIX/current 2>/dev/null || true)
  if [ -e $UNDO/previous ]; then
    if [ "$PREVIOUS" != "$(cat $UNDO/previous)" ] && systemctl -q is-active turnkeepd.service; then
      rm -rf $UNDO # It did become ready.
    else
      PREVIOUS=$(cat $UNDO/previous)
    fi
  fi
  if [ -n "$PREVIOUS" ] && [ "$PREVIOUS" != "releases/$RELEASE" ]; then
    IS_UPGRADE=yes
  elif [ -e $UNDO/previous ]; then
    restore_former
    rm -rf $UNDO
    changed "an upgrade that was interrupted is taken back"
  fi
}

keep_files() {
  [ ! -e $UNDO/previous ] || return 0
  rm -rf $UNDO.part
  install -d -m 0700 $UNDO.part
  printf '%s\n' "$PREVIOUS" >$UNDO.part/previous
  sysctl net.core.rmem_max net.core.wmem_max >$UNDO.part/sysctl 2>/dev/null || true
  own_files | tar -C / --absolute-names -cf $UNDO.part/files.tar -T -
  rm -rf $UNDO
  mv $UNDO.part $UNDO
}

# The data as the former version left it. Services and pictures go on meanwhile. Root reads and writes nothing in a
# folder that belongs to the daemon: what lies there may be a link.
keep_data() {
  systemctl stop turnkeepd.service
  rm -rf $STATE/before-upgrade # Of former versions of this script.
  [ ! -e $UNDO/data.tar ] || return 0
  if ! as_daemon tar -C $STATE --exclude=./run -cf - . >$UNDO/data.part; then
    rm -f $UNDO/data.part
    systemctl start turnkeepd.service || true
    fail "The data in $STATE could not be copied before the upgrade; the former version runs." "Free some space in $PREFIX, then run install.sh again."
  fi
  mv $UNDO/data.part $UNDO/data.tar
}

as_daemon() {
  setpriv --reuid turnkeep --regid turnkeep --clear-groups "$@"
}

# Files, data and program as they were; the daemon is stopped then. Ends the script where that fails.
restore_former() {
  systemctl stop turnkeepd.service 2>/dev/null || true
  if [ -e $UNDO/data.tar ]; then
    rm -f $STATE/turnkeep.db-wal $STATE/turnkeep.db-shm
    as_daemon tar -C $STATE -xf - <$UNDO/data.tar || not_restored
  fi
  own_files | xargs -r rm -f
  tar --absolute-names -xf $UNDO/files.tar || not_restored
  sysctl -q -p $UNDO/sysctl >/dev/null 2>&1 || true
  switch_to "$PREVIOUS" || not_restored
  systemctl daemon-reload
  systemctl try-restart polkit.service 2>/dev/null || true
  systemctl reset-failed turnkeepd.service 2>/dev/null || true
}

not_restored() {
  fail "The former version could not be put back; what was there before is in $UNDO." "Free some space, then run the install.sh of $(basename "$PREVIOUS") again."
}

# Ends the script. Nothing in it may depend on errexit: it is called where that is off.
roll_back() {
  restore_former
  systemctl start turnkeepd.service 2>/dev/null || true
  systemctl -q is-active turnkeepd.service ||
    fail "Version $RELEASE did not become ready, and $(basename "$PREVIOUS") does not start any more either." "See: journalctl -u turnkeepd. What was there before is in $UNDO."
  is_used "$PREFIX/releases/$RELEASE" || rm -rf "$PREFIX/releases/$RELEASE"
  rm -rf $UNDO
  fail "Version $RELEASE did not become ready; $(basename "$PREVIOUS") is back, with its data." "See above for the reason, or: journalctl -u turnkeepd"
}

# The new version is ready: what no process runs any more goes, but for the version before.
forget_former() {
  local release
  for release in $PREFIX/releases/*; do
    case "$release" in
      "$PREFIX/releases/$RELEASE" | "$PREFIX/$PREVIOUS") ;;
      *) is_used "$release" || rm -rf "$release" ;;
    esac
  done
  rm -rf $UNDO
}

# is_used RELEASE: TURN and SFU services go on with the version that started them.
is_used() {
  readlink /proc/[0-9]*/exe 2>/dev/null | grep -q "^$1/"
}
