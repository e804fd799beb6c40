/**
 * Why a camera's picture is away, as a word for the state machine and as one sentence for people. The
 * sentences are ours: text that a camera sent never reaches a viewer.
 */

export type IngestFault =
  /** Never seen online since the daemon watches. */
  | 'offline'
  /** Was online, and its tunnel went away. */
  | 'tunnel-closed'
  | 'engine-away'
  | 'sfu-away'
  /** What was away is back; the picture is on its way. */
  | 'returning'
  | 'camera-busy'
  | 'camera-refused'
  | 'camera-timeout'
  | 'camera-unreachable'
  | 'camera-protocol'
  /** The producer ended the session, for example by closing its WebSocket. */
  | 'session-ended'
  /** No ICE and DTLS connection between camera and SFU in time. */
  | 'no-connection'
  | 'connection-lost'
  /** The TURN service began anew, so the media path is gone whatever the camera still believes. */
  | 'relays-restarted'
  /** Connected, but no RTP. */
  | 'no-picture'
  | 'sfu-refused';

const SENTENCES: Record<IngestFault, string> = {
  offline: 'The camera is offline; waiting for it to come online.',
  'tunnel-closed': "The camera's tunnel closed; waiting for it to come back.",
  'engine-away': 'The tunnel engine does not answer, so the camera is out of reach; waiting for it.',
  'sfu-away': 'The media service of this namespace does not answer; waiting for it to come back.',
  returning: 'The camera is back; its picture is on the way.',
  'camera-busy': 'The camera serves as many viewers as it can; trying again.',
  'camera-refused': 'The camera refused the session; trying again.',
  'camera-timeout': 'The camera did not answer in time; trying again.',
  'camera-unreachable': 'The camera could not be reached through its tunnel; trying again.',
  'camera-protocol': 'The camera answered in a way that is not understood; trying again.',
  'session-ended': 'The camera ended the session; connecting again.',
  'no-connection': 'The camera answered, but no media connection through the relay came up; trying again.',
  'connection-lost': "The camera's media connection was lost; connecting again.",
  'relays-restarted': 'The relay of this namespace was restarted; the picture is on its way.',
  'no-picture': 'The camera is connected but sends no picture.',
  'sfu-refused': "The media service refused the camera's stream; trying again.",
};

/** One sentence for viewers and operators, at most 300 characters, free of secrets and addresses. */
export function sentenceOf(fault: IngestFault): string {
  return SENTENCES[fault];
}

/** Faults that end by themselves when the thing that is away comes back. */
export function isAway(fault: IngestFault): boolean {
  return fault === 'offline' || fault === 'tunnel-closed' || fault === 'engine-away' || fault === 'sfu-away';
}
