/** The signaling address of a server. Pure. */

/**
 * @param server any http(s) address on it; path and query are not used.
 * @returns the WebSocket's address, such as `wss://box.example.com/v1/webrtc/signal`.
 * @throws TypeError when it is no http(s) address.
 */
export function signalUrl(server: string | URL): string {
  const { href } = new URL('/v1/webrtc/signal', server);
  if (!href.startsWith('http')) throw new TypeError(`server: "${href}" is no http or https address.`);
  return href.replace('http', 'ws');
}
