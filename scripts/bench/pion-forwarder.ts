/**
 * Builds the Go program in `pion-forwarder/` from Debian's packages into `.cache/`. Only the benchmark uses it:
 * where Go or the library is missing, it says what to install and the benchmark goes on without that row.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const DEBIAN_GOPATH = '/usr/share/gocode';
const LIBRARY = join(DEBIAN_GOPATH, 'src/github.com/pion/srtp/v2');
const PACKAGE = 'golang-github-pion-srtp.v2-dev';
/** A cold build takes some ten seconds on two cores. */
const BUILD_LIMIT_MS = 180_000;

const inRepository = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** The program and what to call it, or a sentence on what to install. @throws Error when the build fails. */
export function buildPionForwarder(): { path: string; name: string } | { missing: string } {
  const go = spawnSync('go', ['env', 'GOVERSION'], { encoding: 'utf8' });
  if (go.status !== 0 || !existsSync(LIBRARY)) {
    return { missing: `Left out Pion: its row needs apt-get install golang-go ${PACKAGE}` };
  }
  const path = inRepository('.cache/bench/pion-forwarder');
  const build = spawnSync('go', ['build', '-o', path, '.'], {
    cwd: inRepository('scripts/bench/pion-forwarder'),
    encoding: 'utf8',
    timeout: BUILD_LIMIT_MS,
    env: {
      ...process.env,
      // Debian's sources are a GOPATH tree, and nothing is to come from the network.
      GOPATH: DEBIAN_GOPATH,
      GO111MODULE: 'off',
      GOTOOLCHAIN: 'local',
      GOFLAGS: '',
      CGO_ENABLED: '0',
      GOCACHE: inRepository('.cache/go-build'),
    },
  });
  if (build.status !== 0) throw new Error(`go build of pion-forwarder failed: ${build.stderr}`);
  const version = spawnSync('dpkg-query', ['-W', '-f', '${Version}', PACKAGE], { encoding: 'utf8' }).stdout;
  return { path, name: `pion/srtp ${version}, ${go.stdout.trim()}` };
}
