/**
 * Chromium for tests that need a picture: launch, sign in, and read the demo clip's frame numbers back from
 * decoded pixels (see scripts/demo-camera/picture.ts for the barcode).
 */
import { existsSync } from 'node:fs';
import { chromium, type Browser, type Page } from 'playwright-core';
import { ARGUMENTS, CHROMIUM } from '../../../web/test/browser/console-browser.ts';
import { BARCODE, FRAME_COUNT, HEIGHT, WIDTH } from '../../../scripts/demo-camera/picture.ts';

export { ARGUMENTS, CHROMIUM };

/** Why the browser tests cannot run here, or undefined. Under CI a missing browser is a failure. */
export function browserMissing(): string | undefined {
  if (existsSync(CHROMIUM)) return undefined;
  if (process.env['CI'] === 'true') throw new Error(`${CHROMIUM} is missing.`);
  return `${CHROMIUM} is missing: apt-get install chromium`;
}

export async function launchBrowser(t: { teardown: (fn: () => Promise<void>) => void }): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
  t.teardown(() => browser.close());
  return browser;
}

/** What one video showed: frame numbers read from pixels, with the page's clock. */
export type Reading = {
  atMs: number;
  frame: number | null;
  width: number;
  height: number;
  sinceOriginMs: number;
};

/** Installs, before any page script, the collection of peer connections and the pixel reader. */
export async function instrument(page: Page): Promise<void> {
  await page.addInitScript(
    ({ barcode, width, height }) => {
      const scope = globalThis as unknown as TestScope;
      scope.testPeerConnections = [];
      scope.deepText = (root) => {
        let text = root.textContent ?? '';
        for (const element of root.querySelectorAll('*')) {
          if (element.shadowRoot !== null) text += ` ${scope.deepText(element.shadowRoot)}`;
        }
        return text;
      };
      // innerText leaves out what is not drawn; it does not enter shadow roots by itself.
      scope.visibleText = (element) => {
        const own = element.shadowRoot === null ? [element] : [...element.shadowRoot.children];
        return own
          .map((part) => {
            const inner = [...part.querySelectorAll('*')].filter((one) => one.shadowRoot !== null);
            const text = part instanceof HTMLElement && part.tagName !== 'STYLE' ? part.innerText : '';
            return [text, ...inner.map((one) => scope.visibleText(one))].join(' ');
          })
          .join(' ');
      };
      const Native = globalThis.RTCPeerConnection;
      globalThis.RTCPeerConnection = class extends Native {
        constructor(configuration?: RTCConfiguration) {
          super(configuration);
          scope.testPeerConnections.push(this);
        }
      };
      const canvas = document.createElement('canvas');
      canvas.width = width;
      canvas.height = height;
      const context = canvas.getContext('2d', { willReadFrequently: true });
      /** All video elements, through shadow roots. */
      scope.testVideos = () => {
        const found: HTMLVideoElement[] = [];
        const walk = (root: ParentNode): void => {
          for (const element of root.querySelectorAll('*')) {
            if (element instanceof HTMLVideoElement) found.push(element);
            if (element.shadowRoot !== null) walk(element.shadowRoot);
          }
        };
        walk(document);
        return found;
      };
      scope.testReadFrame = (video) => {
        if (context === null || video.videoWidth === 0) return null;
        context.drawImage(video, 0, 0, width, height);
        let bits = 0;
        for (let cell = 0; cell < barcode.cells; cell += 1) {
          const x = barcode.left + cell * barcode.cell + barcode.cell / 2;
          const pixel = context.getImageData(x, barcode.top + barcode.height / 2, 1, 1).data;
          bits = (bits << 1) | ((pixel[1] ?? 0) > 128 ? 1 : 0);
        }
        const frame = bits >> 8;
        return (bits & 0xff) === (~frame & 0xff) ? frame : null;
      };
    },
    { barcode: BARCODE, width: WIDTH, height: HEIGHT },
  );
}

type TestScope = {
  testRecord: Recorded[];
  visibleText: (element: Element) => string;
  deepText: (root: ParentNode) => string;
  testPeerConnections: RTCPeerConnection[];
  testVideos: () => HTMLVideoElement[];
  testReadFrame: (video: HTMLVideoElement) => number | null;
};

/** Waits until the video at `index` shows a picture of the clip. @returns ms since the page's time origin. */
export async function firstPicture(page: Page, index = 0, timeoutMs = 30_000): Promise<number> {
  const handle = await page.waitForFunction(
    (at) => {
      const scope = globalThis as unknown as TestScope;
      const video = scope.testVideos()[at];
      return video !== undefined && scope.testReadFrame(video) !== null ? performance.now() : false;
    },
    index,
    { timeout: timeoutMs, polling: 'raf' },
  );
  return Number(await handle.jsonValue());
}

/** Reads the picture every 50 ms for a while. */
export async function watchPicture(
  page: Page,
  options: { index?: number; forMs: number },
): Promise<Reading[]> {
  return await page.evaluate(
    async ({ index, forMs }) => {
      const scope = globalThis as unknown as TestScope;
      const readings: Reading[] = [];
      const startedMs = performance.now();
      while (performance.now() - startedMs < forMs) {
        const video = scope.testVideos()[index];
        readings.push({
          atMs: performance.now() - startedMs,
          sinceOriginMs: performance.now(),
          frame: video === undefined ? null : scope.testReadFrame(video),
          width: video?.videoWidth ?? 0,
          height: video?.videoHeight ?? 0,
        });
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      return readings;
    },
    { index: options.index ?? 0, forMs: options.forMs },
  );
}

/** How many frames of the clip passed between two readings, over the loop's end. */
export function framesBetween(from: number, to: number): number {
  return (to - from + FRAME_COUNT) % FRAME_COUNT;
}

/** Distinct frames seen, and the longest time in ms without a new one. */
export function motion(readings: Reading[]): {
  distinct: number;
  longestStillMs: number;
  unreadable: number;
} {
  let changedMs = readings[0]?.atMs ?? 0;
  let longestStillMs = 0;
  let previous: number | null = null;
  const seen = new Set<number>();
  for (const { atMs, frame } of readings) {
    if (frame !== null && frame !== previous) {
      seen.add(frame);
      longestStillMs = Math.max(longestStillMs, atMs - changedMs);
      changedMs = atMs;
      previous = frame;
    }
  }
  longestStillMs = Math.max(longestStillMs, (readings.at(-1)?.atMs ?? 0) - changedMs);
  return {
    distinct: seen.size,
    longestStillMs,
    unreadable: readings.filter((reading) => reading.frame === null).length,
  };
}

/** The selected candidate pairs and decoded frames of every peer connection of the page. */
export async function paths(
  page: Page,
): Promise<
  { localType: string; remoteType: string; protocol: string; url: string; framesDecoded: number }[]
> {
  return await page.evaluate(async () => {
    const scope = globalThis as unknown as TestScope;
    const found: Awaited<ReturnType<typeof paths>> = [];
    for (const connection of scope.testPeerConnections) {
      if (connection.connectionState === 'closed') continue;
      const report = await connection.getStats();
      const all = [...report.values()] as Record<string, unknown>[];
      const transport = all.find((one) => one['type'] === 'transport');
      const pair = all.find((one) => one['id'] === transport?.['selectedCandidatePairId']);
      const local = all.find((one) => one['id'] === pair?.['localCandidateId']);
      const remote = all.find((one) => one['id'] === pair?.['remoteCandidateId']);
      const decoded = all
        .filter((one) => one['type'] === 'inbound-rtp')
        .map((one) => Number(one['framesDecoded'] ?? 0));
      found.push({
        localType: String(local?.['candidateType']),
        remoteType: String(remote?.['candidateType']),
        protocol: String(local?.['relayProtocol']),
        url: String(local?.['url']),
        framesDecoded: decoded.reduce((sum, value) => sum + value, 0),
      });
    }
    return found;
  });
}

/** The page's text, through shadow roots. */
export async function pageText(page: Page): Promise<string> {
  return await page.evaluate(() => (globalThis as unknown as TestScope).deepText(document.body));
}

/** Waits until the page's text contains `part`. @returns ms waited. */
export async function waitForText(page: Page, part: string | RegExp, timeoutMs = 30_000): Promise<number> {
  const startedMs = performance.now();
  const source =
    typeof part === 'string' ? part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`) : part.source;
  await page.waitForFunction(
    (pattern) => new RegExp(pattern).test((globalThis as unknown as TestScope).deepText(document.body)),
    source,
    { timeout: timeoutMs, polling: 100 },
  );
  return performance.now() - startedMs;
}

/** One entry of the recorder: what the first video showed and what the tile said, on the page's clock. */
export type Recorded = { atMs: number; frame: number | null; said: string };

/** Starts recording, every 50 ms, the first video's frame number and the text of the element `selector`. */
export async function startRecorder(page: Page, selector: string): Promise<void> {
  await page.evaluate((wanted) => {
    const scope = globalThis as unknown as TestScope;
    scope.testRecord = [];
    const find = (root: ParentNode): Element | null => {
      for (const element of root.querySelectorAll('*')) {
        if (element.matches(wanted)) return element;
        const inner = element.shadowRoot === null ? null : find(element.shadowRoot);
        if (inner !== null) return inner;
      }
      return null;
    };
    setInterval(() => {
      const video = scope.testVideos()[0];
      const element = find(document);
      const said = element === null ? '' : scope.visibleText(element);
      scope.testRecord.push({
        atMs: performance.now(),
        frame: video === undefined ? null : scope.testReadFrame(video),
        said: said.replaceAll(/\s+/g, ' ').trim(),
      });
    }, 50);
  }, selector);
}

/** Everything recorded since `fromMs` of the page's clock. */
export async function recordedSince(page: Page, fromMs: number): Promise<Recorded[]> {
  return await page.evaluate(
    (from) => (globalThis as unknown as TestScope).testRecord.filter((one) => one.atMs >= from),
    fromMs,
  );
}

export async function pageClockMs(page: Page): Promise<number> {
  return await page.evaluate(() => performance.now());
}

/** Time in ms from `fromMs` until the picture moved again after its longest still time, and that time. */
export function standstill(records: Recorded[]): { longestMs: number; endedAtMs: number } {
  let changedMs = records[0]?.atMs ?? 0;
  let previous: number | null = null;
  let longest = { longestMs: 0, endedAtMs: 0 };
  for (const { atMs, frame } of records) {
    if (frame === null || frame === previous) continue;
    if (atMs - changedMs > longest.longestMs) longest = { longestMs: atMs - changedMs, endedAtMs: atMs };
    changedMs = atMs;
    previous = frame;
  }
  return longest;
}
