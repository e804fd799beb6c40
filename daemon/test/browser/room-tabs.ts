/** Tabs of a browser in which the participants of `room-page.ts` live. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import type { Test } from 'tap';
import type { SfuBehindTurn } from '../helpers/sfu-behind-turn.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { ARGUMENTS, CHROMIUM } from './browser.ts';
import { askForHeight, enterRoom, lookAround, type Entrance, type Seen } from './room-page.ts';

export const CERTUTIL = '/usr/bin/certutil';
const LIMIT_MS = 40_000;

export type Tab = {
  enter: (entrance: Entrance) => Promise<void>;
  /** @param height in lines; null: as many as there are. */
  askFor: (height: number | null) => Promise<void>;
  look: () => Promise<Seen>;
  close: () => Promise<void>;
};
/** Opens a tab on the page at `url`. */
export type OpenTab = (url: string) => Promise<Tab>;

/** An empty page on a loopback address, which browsers treat as secure: microphones work. @returns its address. */
export async function servePage(t: Test, address: string): Promise<string> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>room</title><body>');
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const bound = server.address();
  return `http://${address}:${bound === null || typeof bound === 'string' ? 0 : bound.port}/`;
}

/** @param trustedPem the authority that this Chromium's user trusts, as `certutil` puts it there. */
export async function launchChromium(t: Test, trustedPem?: string): Promise<OpenTab> {
  const home = tempDir(t);
  // Older and newer releases keep the user's certificates in different folders.
  for (const folder of ['.pki/nssdb', '.local/share/pki/nssdb']) {
    if (trustedPem !== undefined) trust(join(home, folder), trustedPem);
  }
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [...ARGUMENTS, '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
    env: { PATH: process.env['PATH'] ?? '', HOME: home },
  });
  t.teardown(() => browser.close());
  return async (url) => {
    const context = await browser.newContext({ permissions: ['microphone'] });
    const page = await context.newPage();
    await page.goto(url);
    return {
      enter: (entrance) => page.evaluate(enterRoom, entrance),
      askFor: (height) => page.evaluate(askForHeight, height),
      look: () => page.evaluate(lookAround),
      close: () => context.close(),
    };
  };
}

/** Makes a database of certificates in `directory` that trusts `pem` to sign servers' certificates. */
function trust(directory: string, pem: string): void {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, 'ca.pem');
  writeFileSync(file, pem);
  const database = `sql:${directory}`;
  execFileSync(CERTUTIL, ['-d', database, '-N', '--empty-password']);
  execFileSync(CERTUTIL, ['-d', database, '-A', '-t', 'C,,', '-n', 'test authority', '-i', file]);
}

/** Looks until `enough` is true. @throws with all that was seen, and what the SFU says. */
export async function lookUntil(
  bench: SfuBehindTurn,
  tabs: Tab[],
  enough: (seen: Seen[]) => boolean,
): Promise<Seen[]> {
  const endMs = performance.now() + LIMIT_MS;
  for (;;) {
    const seen = await Promise.all(tabs.map((tab) => tab.look()));
    if (enough(seen)) return seen;
    if (performance.now() > endMs) {
      const { drops } = await bench.sfu.control.call('status', {});
      throw new Error(
        `${JSON.stringify(seen, null, 1)}\ndrops ${JSON.stringify(drops)}\n${bench.sfu.output}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** A viewer's picture that moves, from frames decoded in this tab. */
export function showsPicture({ viewer, pictures }: Seen): boolean {
  return pictures >= 20 && (viewer?.framesDecoded ?? 0) >= 40;
}
