/** What is wrong with a stream reaches the sentence of the viewer who cannot decode it. */
import t from 'tap';
import type { MediaTrack } from '../../../sfu/media/media-track.ts';
import type { Member, Room } from '../../../sfu/rooms/room.ts';
import { viewerView, type ViewerSession } from '../../../sfu/signaling/viewer-view.ts';

function sentence(hasBFrames: boolean, profileLevelId: string, decodedAtMs: number | null): string {
  const stats = { hasBFrames, profileLevelId, lastPacketAtMs: 990, keyFrames: 1 };
  const media = {
    sources: [{ stats: () => stats }],
    declared: { name: 'H264', fmtp: 'profile-level-id=42e01f' },
  } as unknown as MediaTrack;
  const track = { trackId: 't', participantId: 'camera', kind: 'video', muted: false };
  const room = { tracks: new Map([['t', track]]), sourceLost: null } as unknown as Room;
  const member = {
    ...{ participantId: 'p', identity: 'i', sessionId: 's', connected: true },
    ...{ rights: new Set(['subscribe']), wanted: new Set(['t']), undecodable: new Set() },
  } as unknown as Member;
  const session: ViewerSession = {
    openedAtMs: 100,
    figures: new Map(),
    connectionFacts: () => null,
    sentOf: () => undefined,
    trackFacts: () => ({
      ...{ paused: false, held: false, behind: false, packetAtMs: 200, keyFrameAtMs: 200 },
      ...{ decodedAtMs, reports: true },
    }),
  };
  const view = viewerView(room, member, session, { director: { track: () => media }, nowMs: 1000 });
  return view.timelines[0]!.sentence;
}

t.test('a viewer whose browser decodes nothing is told what is wrong with the stream', (t) => {
  t.match(sentence(true, '42e01f', null), /decoded no frame\. The camera sends B-frames.*Turn them off/);
  t.match(
    sentence(false, '640028', null),
    /decoded no frame\. The stream is H\.264 level 4\.0, but level 3\.1/,
  );
  t.match(sentence(false, '42e01f', null), /decoded no frame\. Packets get lost/);
  t.equal(sentence(true, '640028', 300), 'It has a picture.');
  t.end();
});
