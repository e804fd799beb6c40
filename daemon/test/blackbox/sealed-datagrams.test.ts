/**
 * Packets that the addon protects on their way out, against published vectors and against the TypeScript cipher:
 * the same bytes. On real sockets, because that is the only way out.
 */
import { createSecretKey } from 'node:crypto';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import type { Addon } from '../../datagrams/addon-layout.ts';
import { dgramEngine } from '../../datagrams/dgram-engine.ts';
import { loadDatagramEngine } from '../../datagrams/load-engine.ts';
import { PATIENT, PICTURE_END, SOON, type SealedFlow, type SealKeys } from '../../datagrams/sealed-flow.ts';
import { createMediaCore } from '../../sfu/media/core/media-core.ts';
import { writeNack } from '../../sfu/media/core/rtcp-packet.ts';
import { createSrtpCipher, type SrtpCipherFactory } from '../../sfu/media/core/srtp-cipher.ts';
import type { SessionKeys } from '../../sfu/media/core/srtp-keys.ts';
import { SrtpSender } from '../../sfu/media/core/srtp-context.ts';
import type { MediaCore, SrtpProfile } from '../../sfu/media/core/types.ts';
import { nativeCiphers } from '../../sfu/media/native-cipher.ts';
import { openWire, type Wire } from '../helpers/datagram-wire.ts';
import { keyPair, START_MS } from '../sfu/media/core/loopback.ts';
import { seeded } from '../sfu/media/core/streams.ts';

const HOST = '127.0.61.2';
const ADDON = fileURLToPath(new URL('../../datagrams/native/build/datagram.node', import.meta.url));
const PROFILES: readonly SrtpProfile[] = ['AEAD_AES_128_GCM', 'AES_CM_128_HMAC_SHA1_80'];
const hex = (text: string): Buffer => Buffer.from(text, 'hex');

const { engine } = loadDatagramEngine();
const skip =
  engine.name === 'mmsg-addon' ? false : 'the datagram addon is not built: run scripts/build-native';

const open = (t: Test): Promise<Wire> => openWire(t, engine, HOST);

/** Puts a packet in whose header is whole. */
function put(flow: SealedFlow, header: Buffer, payload: Buffer, index: number, isShared = false): void {
  const at = flow.add(payload, isShared, header.length, Math.floor(index / 0x1_0000), SOON);
  if (at === -1) throw new Error('the packet cannot go out');
  for (const [offset, byte] of header.entries()) flow.view.setUint8(at + offset, byte);
}

function sessionKeys(profile: SrtpProfile, fill: number): SealKeys {
  const bytes = (length: number, from: number): Buffer =>
    Buffer.from(Array.from({ length }, (_, at) => (from + at * 7) & 0xff));
  return {
    profile,
    cipherKey: bytes(16, fill),
    salt: bytes(profile === 'AEAD_AES_128_GCM' ? 12 : 14, fill + 3),
    authKey: bytes(20, fill + 5),
  };
}

t.test('published vectors leave the socket', { skip, timeout: 60_000 }, async (t) => {
  const { socket, got, has } = await open(t);
  const vectors: { keys: SealKeys; header: string; payload: string; index: number; sealed: string }[] = [
    {
      // RFC 7714 section 16.1.
      keys: {
        profile: 'AEAD_AES_128_GCM',
        cipherKey: hex('000102030405060708090a0b0c0d0e0f'),
        salt: hex('517569642070726f2071756f'),
        authKey: Buffer.alloc(20),
      },
      header: '8040f17b8041f8d35501a0b2',
      payload: '47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573',
      index: 0xf17b,
      sealed:
        '8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833' +
        '899d7f27beb16a9152cf765ee4390cce',
    },
    {
      // From the master keys of RFC 3711 B.3, as libsrtp's self test publishes the packet.
      keys: new SrtpSender('AES_CM_128_HMAC_SHA1_80', {
        key: hex('e1f97a0d3e018be0d64fa32c06de4139'),
        salt: hex('0ec675ad498afeebb6960b3aabe6'),
      }).sealKeys(),
      header: '800f1234decafbadcafebabe',
      payload: 'ab'.repeat(16),
      index: 0x1234,
      sealed: '800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb',
    },
  ];
  for (const [at, { keys, header, payload, index, sealed }] of vectors.entries()) {
    const flow = socket.seal(keys)!;
    t.ok(flow.aim(HOST, socket.port));
    put(flow, hex(header), hex(payload), index);
    await has(at + 1);
    t.equal(got[at]!.toString('hex'), sealed, keys.profile);
    flow.close();
  }
});

t.test('the same bytes as the TypeScript cipher', { skip, timeout: 120_000 }, async (t) => {
  const { socket, got, failures, has } = await open(t);
  let expected = 0;
  for (const profile of PROFILES) {
    const keys = sessionKeys(profile, 11);
    const flow = socket.seal(keys)!;
    flow.aim(HOST, socket.port);
    const session = {
      cipherKey: createSecretKey(keys.cipherKey),
      salt: keys.salt,
      authKey: createSecretKey(keys.authKey),
    };
    const cipher = createSrtpCipher(profile, session, session);
    const check = async (packets: { header: Buffer; payload: Buffer; index: number }[]): Promise<boolean> => {
      const sealed = packets.map(({ header, payload, index }) => {
        const out = Buffer.alloc(header.length + payload.length + 16);
        header.copy(out);
        const ssrc = header.readUInt32BE(8);
        return out.subarray(0, cipher.sealRtp(out, out.subarray(0, header.length), payload, ssrc, index));
      });
      const from = got.length;
      for (const { header, payload, index } of packets) put(flow, header, payload, index, true);
      expected += packets.length;
      await has(expected);
      return sealed.every((one, at) => one.equals(got[from + at] ?? Buffer.alloc(0)));
    };
    // Over the wrap of the sequence number, and of the 32 bits below the rollover counter's high half.
    for (const middle of [0x1_0000, 0x1_0000_0000, 0xffff_ffff_fff0]) {
      const payload = Buffer.alloc(1100, middle % 251);
      const packets = Array.from({ length: 30 }, (_, at) => {
        const index = middle - 15 + at;
        const header = Buffer.alloc(12, 0x80);
        header.writeUInt16BE(index % 0x1_0000, 2);
        return { header, payload, index };
      });
      t.ok(await check(packets), `${profile} around index ${middle}`);
    }
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            words: fc.uint8Array({ minLength: 12, maxLength: 84 }),
            payload: fc.uint8Array({ maxLength: 1400 }),
            index: fc.maxSafeNat().map((value) => value % 2 ** 48),
          }),
          { minLength: 1, maxLength: 8 },
        ),
        (packets) =>
          check(
            packets.map(({ words, payload, index }) => {
              const header = Buffer.from(words);
              header.writeUInt16BE(index % 0x1_0000, 2);
              return { header, payload: Buffer.from(payload), index };
            }),
          ),
      ),
      { numRuns: 100 },
    );
    flow.close();
  }
  t.same(failures, []);
});

t.test('what comes in, and RTCP both ways, as the TypeScript cipher does it', { skip }, (t) => {
  for (const profile of PROFILES) {
    const raw = [sessionKeys(profile, 40), sessionKeys(profile, 90)] as const;
    const [rtp, rtcp] = raw.map(({ cipherKey, salt, authKey }) => ({
      cipherKey: createSecretKey(cipherKey),
      salt,
      authKey: createSecretKey(authKey),
    })) as [SessionKeys, SessionKeys];
    const plain = createSrtpCipher(profile, rtp, rtcp);
    const opener = nativeCiphers(engine)(profile, rtp, rtcp, 'in');
    const sealer = nativeCiphers(engine)(profile, rtp, rtcp, 'out');
    t.same(
      [opener.rtpOverheadBytes, opener.rtcpOverheadBytes],
      [plain.rtpOverheadBytes, plain.rtcpOverheadBytes],
    );
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 12, maxLength: 84 }),
        fc.uint8Array({ maxLength: 1400 }),
        fc.maxSafeNat().map((value) => value % 2 ** 48),
        fc.nat(),
        (words, bytes, index, flip) => {
          const payload = Buffer.from(bytes);
          const header = Buffer.from(words);
          header.writeUInt16BE(index % 0x1_0000, 2);
          const ssrc = header.readUInt32BE(8);
          const out = Buffer.alloc(header.length + payload.length + 16);
          header.copy(out);
          const sealed = out.subarray(
            0,
            plain.sealRtp(out, out.subarray(0, header.length), payload, ssrc, index),
          );
          const broken = Buffer.from(sealed);
          broken.writeUInt8(broken.readUInt8(flip % broken.length) ^ 1, flip % broken.length);
          const compound = Buffer.concat([header.subarray(0, 8), payload]);
          const report = plain.sealRtcp(compound, index % 2 ** 31);
          const spoilt = Buffer.from(report);
          spoilt.writeUInt8(spoilt.readUInt8(flip % spoilt.length) ^ 1, flip % spoilt.length);
          return (
            opener.openRtp(Buffer.from(broken), header.length, ssrc, index) === undefined &&
            opener.openRtp(Buffer.from(sealed), header.length, ssrc, index)?.equals(payload) === true &&
            sealer.sealRtcp(compound, index % 2 ** 31).equals(report) &&
            opener.rtcpIndex(report) === index % 2 ** 31 &&
            opener.openRtcp(spoilt) === undefined &&
            opener.openRtcp(Buffer.from(report))?.equals(compound) === true
          );
        },
      ),
      { numRuns: 300 },
    );
    opener.close();
    sealer.close();
    opener.close();
  }
  // RFC 7714 section 17.3: tagged, not encrypted.
  const tagged = hex(
    '81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef' +
      '841dd9683dd78ec92ae58790125f62b3000005d4',
  );
  const keys = {
    cipherKey: createSecretKey(hex('000102030405060708090a0b0c0d0e0f')),
    salt: hex('517569642070726f2071756f'),
    authKey: createSecretKey(Buffer.alloc(20)),
  };
  const opener = nativeCiphers(engine)('AEAD_AES_128_GCM', keys, keys, 'in');
  t.same(opener.openRtcp(Buffer.from(tagged)), tagged.subarray(0, tagged.length - 20));
  opener.close();
  t.end();
});

/** One camera and a viewer whose core gets the same datagrams and the same chances on both ways out. */
function world(
  profile: SrtpProfile,
  send: (datagram: Buffer) => void,
  openOutlet?: (keys: SealKeys) => SealedFlow | undefined,
  createCipher?: SrtpCipherFactory,
): { core: MediaCore; publish: (at: number) => void; ask: (numbers: number[]) => void; first: number } {
  const random = seeded(5);
  let draws = 0;
  const core = createMediaCore({
    // The first number that is drawn for the downlink is close to the wrap that RFC 3711 is careful about.
    random: () => (draws++ < 8 ? 0.999_99 : random()),
    ...(createCipher === undefined ? {} : { createCipher }),
    events: {
      sourceFlowing: () => undefined,
      sourceStalled: () => undefined,
      sourceParameters: () => undefined,
      downlinkHeld: () => undefined,
    },
  });
  const camera = keyPair(profile, 1);
  const viewer = keyPair(profile, 2);
  const publisher = core.addPeer({ id: 'camera', keys: camera.ours, send: () => undefined }, START_MS);
  const source = publisher.addSource({
    trackId: 'track',
    kind: 'video',
    codec: 'VP8',
    clockRate: 90_000,
    payloadType: 96,
    rtxPayloadType: undefined,
    ssrc: 77,
    rtxSsrc: undefined,
    mid: '0',
    midExtensionId: undefined,
    transportCcExtensionId: undefined,
    audioLevelExtensionId: undefined,
    feedback: { nack: false, pli: false, transportCc: false },
  });
  const options = { id: 'viewer', keys: viewer.ours, send };
  const watcher = core.addPeer(openOutlet === undefined ? options : { ...options, openOutlet }, START_MS);
  watcher
    .addDownlink({
      kind: 'video',
      payloadType: 102,
      rtxPayloadType: 103,
      ssrc: 0xf000_0001,
      rtxSsrc: 0xf000_0002,
      mid: 'video-section',
      midExtensionId: 4,
      transportCcExtensionId: 3,
      cname: 'test',
      nack: true,
    })
    .setSource(source, START_MS);
  const camerasEnd = new SrtpSender(profile, camera.theirs.local);
  const viewersEnd = new SrtpSender(profile, viewer.theirs.local);
  const header = Buffer.alloc(12);
  const out = Buffer.alloc(200);
  return {
    core,
    first: Math.floor(0.999_99 * 0x8000),
    publish: (at) => {
      const index = 5000 + at;
      const isKey = at % 3000 === 0;
      header.writeUInt16BE(0x80e0, 0);
      header.writeUInt16BE(index % 0x1_0000, 2);
      header.writeUInt32BE((at * 300) >>> 0, 4);
      header.writeUInt32BE(77, 8);
      header.copy(out);
      // VP8: start of a partition, then the picture's own first byte with the key frame bit clear or set.
      const payload = Buffer.alloc(10 + (at % 40), at % 256);
      payload.writeUInt8(0x10, 0);
      payload.writeUInt8(isKey ? 0x10 : 0x11, 1);
      if (isKey) hex('02009d012a8002e001').copy(payload, 1);
      const bytes = camerasEnd.protectRtp(out, out.subarray(0, 12), payload, 77, index);
      const nowMs = START_MS + at;
      publisher.receive(out.subarray(0, bytes), nowMs);
      core.tick(nowMs);
    },
    ask: (numbers) => {
      const wish = viewersEnd.protectRtcp(writeNack(1, 0xf000_0001, numbers))!;
      watcher.receive(wish, START_MS + 1_000_000);
    },
  };
}

t.test(
  'a core makes the same datagrams on both ways, over the wrap',
  { skip, timeout: 120_000 },
  async (t) => {
    const source = await open(t);
    for (const profile of PROFILES) {
      const end = await open(t);
      const expected: Buffer[] = [];
      const plain = world(profile, (datagram) => expected.push(Buffer.from(datagram)));
      const sealed = world(
        profile,
        (datagram) => {
          source.socket.sendCopy(datagram, end.socket.port, HOST);
        },
        (keys) => {
          const flow = source.socket.seal(keys);
          flow?.aim(HOST, end.socket.port);
          return flow;
        },
        nativeCiphers(engine),
      );
      let at = 0;
      for (let chunk = 0; chunk < 90; chunk += 1) {
        for (const until = at + 400; at < until; at += 1) {
          plain.publish(at);
          sealed.publish(at);
        }
        await end.has(expected.length);
      }
      const numbers = Array.from({ length: 16 }, (_, back) => (plain.first + at - 20 + back) & 0xffff);
      plain.ask(numbers);
      sealed.ask(numbers);
      await end.has(expected.length);
      t.ok(plain.first + at > 0x1_0000, 'the sequence number wrapped');
      t.ok(expected.length > at + 16, `${expected.length} datagrams with reports and retransmissions`);
      const differs = expected.findIndex((one, place) => !one.equals(end.got[place]!));
      t.equal(differs, -1, `${profile}: the same, byte for byte`);
      t.same(plain.core.totals(), sealed.core.totals());
      t.same([end.failures, source.failures], [[], []]);
    }
  },
);

t.test(
  'packets that wait for their picture leave in order, and leave without its end',
  { skip },
  async (t) => {
    const { socket, got, has } = await open(t);
    const flow = socket.seal(sessionKeys('AEAD_AES_128_GCM', 1))!;
    flow.aim(HOST, socket.port);
    const add = (number: number, pace: typeof SOON | typeof PATIENT | typeof PICTURE_END): void => {
      const at = flow.add(Buffer.alloc(100), false, 12, 0, pace);
      flow.view.setUint32(at, 0x8060_0000 + number);
      flow.view.setUint32(at + 8, 1);
    };
    const numbers = (): number[] => got.map((one) => one.readUInt16BE(2));
    for (let at = 0; at < 20; at += 1) add(at, PATIENT);
    socket.sendCopy(Buffer.from([0x80, 200, 0, 20]), socket.port, HOST);
    await has(21);
    t.same(
      numbers(),
      Array.from({ length: 21 }, (_, at) => at),
      'nobody ended the picture',
    );
    for (let at = 21; at < 40; at += 1) add(at, PATIENT);
    add(40, PICTURE_END);
    await has(41);
    t.same(
      numbers(),
      Array.from({ length: 41 }, (_, at) => at),
    );
    flow.close();
    t.equal(flow.add(Buffer.alloc(1), false, 12, 0, SOON), -1, 'closed');
    flow.close();
  },
);

t.test('more than the memory holds', { skip, timeout: 60_000 }, async (t) => {
  const source = await open(t);
  const end = await open(t);
  const flow = source.socket.seal(sessionKeys('AES_CM_128_HMAC_SHA1_80', 1))!;
  flow.aim(HOST, end.socket.port);
  for (let round = 1; round <= 4; round += 1) {
    const payload = Buffer.alloc(1100, round);
    for (let at = 0; at < 700; at += 1) {
      const place = flow.add(payload, true, 12, 0, PATIENT);
      flow.view.setUint32(place, 0x8060_0000 + (round - 1) * 700 + at);
      flow.view.setUint32(place + 8, 1);
    }
    await end.has(round * 700);
  }
  t.same(
    end.got.map((one) => one.readUInt16BE(2)),
    Array.from({ length: 2800 }, (_, at) => at),
  );
  t.equal(flow.add(Buffer.alloc(65_600), false, 12, 0, SOON), -1, 'too long');
  t.equal(flow.aim('no address', 1), false);
  t.equal(flow.add(Buffer.alloc(10), false, 12, 0, SOON), -1, 'no address');
  await source.socket.close();
  flow.aim(HOST, end.socket.port);
  t.equal(flow.add(Buffer.alloc(10), false, 12, 0, SOON), -1, 'no socket');
  flow.close();
});

t.test('node:dgram has no such way', async (t) => {
  const socket = await dgramEngine.open({
    address: HOST,
    port: 0,
    onDatagram: () => undefined,
    onFailure: () => undefined,
    onError: () => undefined,
  });
  t.equal(socket.seal(sessionKeys('AEAD_AES_128_GCM', 1)), undefined);
  await socket.close();
});

t.test('the addon checks what is to be protected', { skip, timeout: 60_000 }, async (t) => {
  const native = createRequire(import.meta.url)(ADDON) as Addon;
  const end = await open(t);
  const keys = sessionKeys('AEAD_AES_128_GCM', 9);
  const openContext = (): number => native.openContext(0, keys.cipherKey, keys.salt, keys.authKey, false);
  for (const [profile, key, salt, auth] of [
    [2, 16, 12, 20],
    [-1, 16, 12, 20],
    [0, 15, 12, 20],
    [0, 16, 14, 20],
    [1, 16, 12, 20],
    [1, 16, 14, 19],
  ] as const) {
    t.throws(() =>
      native.openContext(profile, Buffer.alloc(key), Buffer.alloc(salt), Buffer.alloc(auth), false),
    );
  }
  t.throws(() => native.openContext(0, {} as Buffer, keys.salt, keys.authKey, false));
  const context = openContext();
  const closed = openContext();
  native.closeContext(closed);
  native.closeContext(closed);
  const reused = openContext();
  t.not(reused, closed, 'a number is not given again');
  t.equal(reused & 0xffff, closed & 0xffff, 'but its place is');
  const index = native.open(HOST, 0, 1 << 20, true);
  const sends = new Int32Array(native.sends);
  const control = new Int32Array(native.control);
  const bytes = native.memory.byteLength;
  const host = new Int32Array(Uint8Array.from(HOST.split('.'), Number).buffer)[0]!;
  const at = native.arenaAt;
  /** A packet of 100 bytes with a header of 12. */
  const good = [context, 0, 12, at + 1000];
  let refused = 0;
  const flush = (seal: number[], offset = at, length = 100): void => {
    sends.set([index, end.socket.port, host, 0, 0, 0, 0, 0, offset, length, ...seal]);
    control[0] = 1;
    native.flush();
    refused += 1;
  };
  flush(good);
  refused = 0;
  await end.has(1);
  t.equal(end.got[0]!.length, 100);
  flush([closed, 0, 12, at]);
  flush([-1, 0, 12, at]);
  flush([context + 1000, 0, 12, at]);
  flush([0x7fff_ffff, 0, 12, at]);
  for (const header of [-1, 0, 11, 85, 101, 0x7fff_ffff, -0x8000_0000])
    flush([context, 0, header, at + 1000]);
  for (const payload of [-1, bytes, bytes - 99, 0x7fff_ffff]) flush([context, 0, 12, payload]);
  flush(good, bytes - 99);
  flush(good, at, 27);
  flush([reused, 0, 84, bytes - 100], bytes - 100);
  await end.has(2);
  t.equal(end.got.length, 2, `${refused - 1} were refused, and a packet without payload was not`);
  const word = fc.oneof(
    fc.constantFrom(0, 1, 11, 12, 16, 28, -1, 0x7fffffff, -0x80000000, bytes, at, context, closed),
    fc.integer({ min: -0x80000000, max: 0x7fffffff }),
  );
  fc.assert(
    fc.property(fc.array(word, { minLength: 6, maxLength: 6 }), word, (words, length) => {
      // Discarded by the kernel: no address has port 0.
      sends.set([index, 0, host, 0, 0, 0, 0, 0, words[0]!, length, ...words.slice(1, 5)]);
      control[0] = 1;
      control[3] = words[5]!;
      control[4] = words[5]!;
      native.flush();
      return control[0] === 0 && control[3] === 0 && control[4] === 0;
    }),
    { numRuns: 3000 },
  );
  const opens = native.openContext(0, keys.cipherKey, keys.salt, keys.authKey, true);
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      word,
      word,
      fc.constantFrom(opens, context, closed, 0, -1),
      (bytes, a, b, which) => {
        const packet = Buffer.from(bytes);
        const opened = native.openRtp(which, packet, a, b) + native.openRtcp(which, packet);
        const sealed = native.sealRtcp(which, packet, a);
        return opened === -1 && (sealed === 0 || (which === context && packet.length >= 28));
      },
    ),
    { numRuns: 3000 },
  );
  t.equal(native.openRtcp(opens, 'no buffer' as unknown as Buffer), -1);
  native.closeContext(opens);
  native.closeContext(context);
  native.closeContext(reused);
  native.close(index);
});
