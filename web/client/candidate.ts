/** A candidate as it is told to the server and to the browser: its four parts, null where one is not known. */
export function plainCandidate({
  candidate = '',
  sdpMid = null,
  sdpMLineIndex = null,
  usernameFragment = null,
}: {
  candidate?: string | undefined;
  sdpMid?: string | null | undefined;
  sdpMLineIndex?: number | null | undefined;
  usernameFragment?: string | null | undefined;
}): {
  candidate: string;
  sdpMid: string | null;
  sdpMLineIndex: number | null;
  usernameFragment: string | null;
} {
  return { candidate, sdpMid, sdpMLineIndex, usernameFragment };
}
