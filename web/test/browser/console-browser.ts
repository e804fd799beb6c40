/** Chromium for the console's tests: launch, one page per theme and width, screenshots, axe, problems. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';

export const CHROMIUM = '/usr/bin/chromium';
export const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
];
const ARTIFACTS = join(import.meta.dirname, '../../../artifacts/console');
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export function chromiumMissing(): string | undefined {
  return existsSync(CHROMIUM) ? undefined : `${CHROMIUM} is missing: apt-get install chromium`;
}

export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
}

export type Look = { theme: 'light' | 'dark'; width: number; height: number };
export const LOOKS: Look[] = [
  { theme: 'dark', width: 1440, height: 900 },
  { theme: 'light', width: 1440, height: 900 },
  { theme: 'dark', width: 375, height: 812 },
];

/** A page that notes every console error, page error and CSP violation. */
export async function openPage(browser: Browser, look: Look): Promise<{ page: Page; problems: string[] }> {
  const context = await browser.newContext({
    viewport: { width: look.width, height: look.height },
    colorScheme: look.theme,
    permissions: ['clipboard-read', 'clipboard-write'],
    hasTouch: look.width < 640,
  });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(error.stack ?? error.message));
  return { page, problems };
}

/** @param options.whole also what is below the fold. */
export async function screenshot(page: Page, name: string, options: { whole?: boolean } = {}): Promise<void> {
  mkdirSync(ARTIFACTS, { recursive: true });
  await page.screenshot({ path: join(ARTIFACTS, `${name}.png`), fullPage: options.whole ?? false });
}

/** Axe's findings as short lines; none is clean. */
export async function axe(page: Page): Promise<string[]> {
  await page.evaluate(axeSource);
  return await page.evaluate(async () => {
    const runner = (
      globalThis as unknown as {
        axe: {
          run: (
            root: Document,
            options: object,
          ) => Promise<{
            violations: {
              id: string;
              help: string;
              nodes: { target: unknown; html: string; failureSummary?: string }[];
            }[];
          }>;
        };
      }
    ).axe;
    const { violations } = await runner.run(document, { resultTypes: ['violations'] });
    return violations.flatMap((violation) =>
      violation.nodes.map(
        (node) =>
          `${violation.id}: ${JSON.stringify(node.target)} ${node.html.slice(0, 160)} ${node.failureSummary ?? ''}`,
      ),
    );
  });
}

/** The page's text through shadow roots. */
export async function textOf(page: Page): Promise<string> {
  return await page.evaluate(() => {
    const deep = (root: ParentNode): string =>
      [...root.querySelectorAll('*')].reduce(
        (text, element) => (element.shadowRoot === null ? text : `${text} ${deep(element.shadowRoot)}`),
        root.textContent ?? '',
      );
    return deep(document.body).replaceAll(/\s+/g, ' ');
  });
}

export async function waitForText(page: Page, pattern: RegExp, timeoutMs = 30_000): Promise<void> {
  const startedMs = performance.now();
  for (;;) {
    const text = await textOf(page);
    if (pattern.test(text)) return;
    if (performance.now() - startedMs > timeoutMs)
      throw new Error(`never said ${pattern}: ${text.slice(0, 2000)}`);
    await page.waitForTimeout(100);
  }
}

/** Decoded frames of every video, through shadow roots. */
export async function decodedFrames(page: Page): Promise<number[]> {
  return await page.evaluate(() => {
    const found: number[] = [];
    const walk = (root: ParentNode): void => {
      for (const element of root.querySelectorAll('*')) {
        if (element instanceof HTMLVideoElement)
          found.push(element.getVideoPlaybackQuality().totalVideoFrames);
        if (element.shadowRoot !== null) walk(element.shadowRoot);
      }
    };
    walk(document);
    return found;
  });
}
