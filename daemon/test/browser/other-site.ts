/**
 * Somebody else's web site: a plain page on an origin of its own that loads the client module from the server, and a
 * back end that holds the API key and gives the page tickets.
 */
import { createServer } from 'node:http';
import type { Test } from 'tap';

export type OtherSite = {
  url: string;
  /** How many tickets its page asked for. */
  tickets: () => number;
};

/** @param options.page the whole HTML. */
export async function otherSite(
  t: Test,
  options: { address: string; server: string; apiKey: string; ticket: object; page: string },
): Promise<OtherSite> {
  let tickets = 0;
  const site = createServer((request, response) => {
    if (!request.url?.startsWith('/ticket')) {
      response.setHeader('content-type', 'text/html; charset=utf-8');
      // What such a page must allow, and no more.
      const { host } = new URL(options.server);
      response.setHeader(
        'content-security-policy',
        `default-src 'none'; script-src 'unsafe-inline' http://${host}; connect-src 'self' ws://${host}; media-src blob:`,
      );
      response.end(options.page);
      return;
    }
    tickets += 1;
    fetch(`${options.server}/v1/webrtc/tickets`, {
      method: 'POST',
      headers: { 'x-api-key': options.apiKey, 'content-type': 'application/json' },
      body: JSON.stringify(options.ticket),
    })
      .then(async (answer) => {
        const { ticket, message } = (await answer.json()) as { ticket?: string; message?: string };
        response.statusCode = answer.status;
        response.end(ticket ?? message);
      })
      .catch((error: unknown) => {
        response.statusCode = 502;
        response.end(String(error));
      });
  });
  await new Promise<void>((resolve) => site.listen(0, options.address, resolve));
  t.teardown(() => {
    site.closeAllConnections();
    site.close();
  });
  const bound = site.address();
  const port = bound === null || typeof bound === 'string' ? 0 : bound.port;
  return { url: `http://${options.address}:${port}/`, tickets: () => tickets };
}
