/** Index estimate, replay, bounds: what werift's contexts get wrong across the sequence wrap. */
import fc from 'fast-check';
import t from 'tap';
import { ReplayWindow } from '../../../../sfu/media/core/replay-window.ts';
import {
  estimateIndex,
  MAX_SSRCS_PER_PEER,
  REPLAY_WINDOW_PACKETS,
  SrtpReceiver,
  SrtpSender,
} from '../../../../sfu/media/core/srtp-context.ts';
import type { SrtpProfile } from '../../../../sfu/media/core/types.ts';
import { FUZZ_RUNS, seeded } from './streams.ts';

const PROFILES: SrtpProfile[] = ['AEAD_AES_128_GCM', 'AES_CM_128_HMAC_SHA1_80'];

function pair(profile: SrtpProfile): {
  receiver: SrtpReceiver;
  protect: (ssrc: number, index: number, payload?: Buffer) => Buffer;
  sender: SrtpSender;
} {
  const master = {
    key: Buffer.alloc(16, 7),
    salt: Buffer.alloc(profile === 'AEAD_AES_128_GCM' ? 12 : 14, 9),
  };
  const sender = new SrtpSender(profile, master);
  const receiver = new SrtpReceiver(profile, master);
  return {
    sender,
    receiver,
    protect(ssrc, index, payload = Buffer.from('payload')) {
      const out = Buffer.alloc(100);
      out.writeUInt16BE(index % 65536, 2);
      out.writeUInt32BE(ssrc, 8);
      return out.subarray(0, sender.protectRtp(out, out.subarray(0, 12), payload, ssrc, index));
    },
  };
}

const open = (receiver: SrtpReceiver, packet: Buffer): string =>
  receiver.unprotectRtp(packet, 12, packet.readUInt32BE(8), packet.readUInt16BE(2)).toString();

for (const profile of PROFILES) {
  t.test(`${profile}: heavy loss and reordering across many wraps`, (t) => {
    const { receiver, protect } = pair(profile);
    const random = seeded(3);
    let opened = 0;
    let sent = 0;
    for (let index = 65_000; index < 400_000; index += 1 + Math.floor(random() ** 6 * 20_000)) {
      // Now and then an older packet comes after newer ones.
      const late = random() < 0.2 ? Math.floor(random() * 100) : 0;
      if (index - late < 65_000) continue;
      sent += 1;
      const result = open(receiver, protect(1, index - late));
      if (result === 'payload') opened += 1;
      else t.equal(result, 'srtp-replayed');
    }
    t.ok(sent > 100 && opened > sent * 0.8, `${opened} of ${sent}`);
    t.equal(receiver.ssrcCount, 1);
    t.end();
  });

  t.test(`${profile}: a hole of 30 000 packets over the wrap`, (t) => {
    const { receiver, protect } = pair(profile);
    t.equal(open(receiver, protect(1, 60_000)), 'payload');
    t.equal(open(receiver, protect(1, 90_000)), 'payload');
    t.equal(open(receiver, protect(1, 90_000)), 'srtp-replayed');
    t.equal(open(receiver, protect(1, 89_000)), 'payload', 'late, inside the window');
    t.equal(open(receiver, protect(1, 90_000 - REPLAY_WINDOW_PACKETS)), 'srtp-replayed', 'behind the window');
    t.end();
  });

  t.test(`${profile}: forged bytes are refused and change nothing`, (t) => {
    const { receiver, protect, sender } = pair(profile);
    const packet = protect(1, 5);
    const rtcp = sender.protectRtcp(Buffer.from('80c90001000000010000000000000000', 'hex'))!;
    for (let at = 0; at < packet.length; at += 1) {
      const forged = Buffer.from(packet);
      forged.writeUInt8(forged.readUInt8(at) ^ 0x40, at);
      t.equal(open(receiver, forged), 'srtp-not-authentic', `byte ${at}`);
    }
    for (let at = 0; at < rtcp.length; at += 1) {
      const forged = Buffer.from(rtcp);
      forged.writeUInt8(forged.readUInt8(at) ^ 0x40, at);
      t.equal(receiver.unprotectRtcp(forged), 'srtp-not-authentic', `rtcp byte ${at}`);
    }
    t.equal(receiver.ssrcCount, 0);
    t.equal(open(receiver, packet), 'payload');
    t.equal(receiver.unprotectRtcp(rtcp).length, 16);
    t.end();
  });

  t.test(`${profile}: SSRC state is bounded`, (t) => {
    const { receiver, protect } = pair(profile);
    for (let ssrc = 0; ssrc < MAX_SSRCS_PER_PEER; ssrc += 1) open(receiver, protect(ssrc, 1));
    t.equal(open(receiver, protect(9999, 1)), 'srtp-too-many-ssrcs');
    t.equal(open(receiver, protect(0, 2)), 'payload');
    t.equal(receiver.ssrcCount, MAX_SSRCS_PER_PEER);
    t.end();
  });

  t.test(`${profile}: random bytes never throw`, (t) => {
    const { receiver } = pair(profile);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 12, maxLength: 60, size: 'max' }), (bytes) => {
        const packet = Buffer.from(bytes);
        const rtcp = receiver.unprotectRtcp(packet);
        return open(receiver, packet).startsWith('srtp-') && typeof rtcp === 'string';
      }),
      { numRuns: FUZZ_RUNS / 20 },
    );
    t.equal(receiver.ssrcCount, 0);
    t.end();
  });
}

t.test('estimateIndex finds every index within half a cycle', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 65_536, max: 2 ** 40 }),
      fc.integer({ min: -32_767, max: 32_767 }),
      (highest, step) => {
        return estimateIndex(highest, (highest + step) % 65_536) === highest + step;
      },
    ),
    { numRuns: 20_000 },
  );
  t.ok(estimateIndex(5, 65_535) < 0, 'from before the first packet');
  t.end();
});

t.test('ReplayWindow is the set of the newest indexes', (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat(400), { maxLength: 60 }), (indexes) => {
      const window = new ReplayWindow(64);
      const seen = new Set<number>();
      for (const index of indexes) {
        const highest = Math.max(-1, ...seen);
        const expected = seen.has(index) || index <= highest - 64;
        if (window.has(index) !== expected) return false;
        window.add(index);
        if (index > highest - 64) seen.add(index);
      }
      return true;
    }),
    { numRuns: 5000 },
  );
  t.end();
});
