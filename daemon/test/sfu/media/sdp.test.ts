/** Reading and writing session descriptions, codecs, and the relay-only rule for candidates. */
import { EXTENSION_URI } from '../../../sfu/media/sdp/session-description.ts';
import fc from 'fast-check';
import t from 'tap';
import {
  announcedProfileLevelId,
  covers,
  h264Fmtp,
  hasSameProfile,
  PayloadTypes,
  receiveCodecs,
  slotKeyOf,
  trackCodecOf,
  usableCodecs,
} from '../../../sfu/media/codecs.ts';
import { encodingsOf, knownExtensions, sourceOptions } from '../../../sfu/media/receive-section.ts';
import { admitCandidate } from '../../../sfu/media/relay-candidate.ts';
import { RelaySet } from '../../../sfu/media/relay-set.ts';
import { parseSdp, SdpError } from '../../../sfu/media/sdp/parse-sdp.ts';
import { writeSdp } from '../../../sfu/media/sdp/write-sdp.ts';

const TRANSPORT = {
  ufrag: 'abcdefgh',
  password: 'a-password-of-some-length',
  candidates: ['candidate:1 1 udp 2130706431 10.0.0.1 20000 typ host'],
  fingerprint: { algorithm: 'sha-256', value: 'AA:'.repeat(31) + 'AA' },
};

const BROWSER_OFFER = `v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=fingerprint:sha-256 ${TRANSPORT.fingerprint.value}
a=setup:actpass
m=audio 9 UDP/TLS/RTP/SAVPF 111 63
a=mid:0
a=ice-ufrag:uuuu
a=ice-pwd:pppppppppppppppppppppp
a=sendonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
m=video 0 UDP/TLS/RTP/SAVPF 96 97 98 99 100
a=bundle-only
a=mid:1
a=ice-ufrag:uuuu
a=ice-pwd:pppppppppppppppppppppp
a=sendrecv
a=rtcp-mux
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=0;profile-level-id=42001f
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:98 VP8/90000
a=rtcp-fb:98 nack
a=rtcp-fb:98 nack pli
a=rtcp-fb:98 transport-cc
a=rtpmap:99 rtx/90000
a=fmtp:99 apt=98
a=rtpmap:100 H265/90000
a=ssrc-group:FID 11 12
a=ssrc:11 cname:x
a=ssrc:12 cname:x
a=candidate:1 1 udp 1 10.0.0.9 1500 typ relay raddr 0.0.0.0 rport 0
`;

t.test('an offer as browsers write it', (t) => {
  const offer = parseSdp(BROWSER_OFFER);
  t.same(offer.bundle, ['0', '1']);
  const [audio, video] = offer.media;
  t.match(audio, { kind: 'audio', mid: '0', direction: 'sendonly', setup: 'actpass', rtcpMux: true });
  t.equal(audio!.fingerprints.length, 1, 'session attributes hold for the sections');
  t.equal(video!.port, 9, 'bundle-only is not rejected');
  const usable = usableCodecs(video!);
  t.same(
    usable.map((one) => one.track.name),
    ['VP8', 'H264'],
    'packetization-mode 0 comes last, unknown codecs not at all',
  );
  t.match(sourceOptions(video!, usable[0]!.sdp, usable[0]!.track, { trackId: 't', bindBySsrc: true }), {
    payloadType: 98,
    rtxPayloadType: 99,
    ssrc: 11,
    rtxSsrc: 12,
    feedback: { nack: true, pli: true, transportCc: true },
  });
  t.end();
});

t.test('what we write can be read again, with everything receivers look for', (t) => {
  const codec = new PayloadTypes().codecFor(trackCodecOf({ ...codecLine('H264'), fmtp: '' })!)!;
  const sdp = writeSdp({
    sessionId: '1',
    version: 1,
    transport: TRANSPORT,
    setup: 'actpass',
    extmapAllowMixed: true,
    rtcpMuxOnly: true,
    sections: [
      {
        mid: '0',
        kind: 'video',
        protocol: 'UDP/TLS/RTP/SAVPF',
        rejected: false,
        formats: [],
        direction: 'sendonly',
        codecs: [codec],
        extensions: [{ id: 1, uri: 'urn:ietf:params:rtp-hdrext:sdes:mid' }],
        msid: 'stream track',
        sender: { ssrc: 5, rtxSsrc: 6, cname: 'c' },
      },
      {
        mid: '1',
        kind: 'video',
        protocol: 'UDP/TLS/RTP/SAVPF',
        rejected: true,
        formats: ['96'],
        direction: 'inactive',
        codecs: [],
        extensions: [],
        msid: undefined,
        sender: undefined,
      },
    ],
  });
  t.match(sdp, /a=group:BUNDLE 0\r\n/, 'a rejected section is not in the group');
  t.match(sdp, /a=rtcp-mux-only\r\n/);
  t.match(sdp, /a=msid:stream track\r\n/);
  t.notMatch(sdp, /ice-lite/);
  const read = parseSdp(sdp);
  t.match(read.media[0], { ufrag: 'abcdefgh', fidGroups: [{ ssrc: 5, rtxSsrc: 6 }], direction: 'sendonly' });
  t.equal(read.media[1]!.port, 0);
  t.end();
});

t.test('payload types: one per configuration, none twice', (t) => {
  const types = new PayloadTypes();
  const profiles = ['42e01f', '64001f', '4d001f'].map((profile) =>
    trackCodecOf({ ...codecLine('H264'), fmtp: `profile-level-id=${profile}` })!,
  );
  const given = profiles.map((codec) => types.codecFor(codec)!.payloadType);
  t.equal(new Set(given).size, 3);
  t.equal(types.codecFor(profiles[1]!)!.payloadType, given[1]);
  t.equal(slotKeyOf(profiles[0]!), slotKeyOf(profiles[1]!), 'decoders take profiles as they come');
  const offered = [...receiveCodecs('video'), ...receiveCodecs('audio')].flatMap((codec) => [
    codec.payloadType,
    ...(codec.rtxPayloadType === undefined ? [] : [codec.rtxPayloadType]),
  ]);
  t.equal(new Set(offered).size, offered.length, 'audio and video of one offer do not collide');
  t.ok(offered.every((type) => type >= 96 && type <= 127));
  t.end();
});

t.test('the profile that viewers are told follows the SPS', (t) => {
  t.equal(announcedProfileLevelId('42c028'), '42e028', 'constrained baseline, level 4.0');
  t.equal(announcedProfileLevelId('420028'), '420028');
  t.equal(announcedProfileLevelId('4D401F'), '4d001f');
  t.equal(announcedProfileLevelId('640c1f'), '640c1f');
  t.equal(announcedProfileLevelId('640032'), '640032');
  t.end();
});

t.test('only relays of this namespace pass as candidates', (t) => {
  const relays = new RelaySet([{ address: '10.0.0.9', minPort: 1000, maxPort: 1999 }]);
  const verdict = (text: string): string => {
    const one = admitCandidate(text, relays);
    return one.ok ? one.candidate : one.drop;
  };
  const line = (type: string, address = '10.0.0.9', port = 1500): string =>
    `candidate:7 1 UDP 41885439 ${address} ${port} typ ${type} raddr 1.2.3.4 rport 5 generation 0`;
  t.equal(verdict(line('relay')), 'candidate:7 1 udp 41885439 10.0.0.9 1500 typ relay');
  t.equal(verdict(line('relay', '::ffff:10.0.0.9')), 'candidate:7 1 udp 41885439 10.0.0.9 1500 typ relay');
  for (const type of ['host', 'srflx', 'prflx']) t.equal(verdict(line(type)), 'candidate-not-relay');
  t.equal(verdict(line('relay', '10.0.0.9', 2000)), 'candidate-foreign-relay');
  t.equal(verdict(line('relay', '169.254.169.254', 80)), 'candidate-foreign-relay');
  t.equal(verdict(line('relay', 'a.local')), 'candidate-malformed');
  t.equal(verdict('candidate:'), 'candidate-malformed');
  t.equal(verdict(line('relay').replace('UDP', 'TCP')), 'candidate-malformed');
  // Firefox offers a path for RTCP of its own too, until it has read that RTCP is multiplexed.
  t.equal(verdict(line('relay').replace(' 1 UDP', ' 2 UDP')), 'candidate-rtcp');
  t.end();
});

t.test('no text makes the parser fail in another way than by SdpError', (t) => {
  const lines = BROWSER_OFFER.split('\n');
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(lines.length - 1), fc.string({ maxLength: 60 })), { maxLength: 8 }),
      (changes) => {
        const changed = [...lines];
        for (const [at, text] of changes) changed[at] = text.startsWith('m') ? `m=${text}` : `a=${text}`;
        try {
          for (const media of parseSdp(changed.join('\n')).media) usableCodecs(media);
        } catch (error) {
          return error instanceof SdpError;
        }
        return true;
      },
    ),
    { numRuns: 3000 },
  );
  t.throws(() => parseSdp('v=0\n' + 'a=x\n'.repeat(9000)), SdpError);
  t.throws(() => parseSdp('v=0\n' + 'm=audio 9 UDP/TLS/RTP/SAVPF 0\n'.repeat(300)), SdpError);
  t.throws(() => parseSdp(BROWSER_OFFER.replace('a=mid:1', 'a=mid:0')), SdpError);
  t.end();
});

t.test('what a receiver was told covers the same profile at no higher level', (t) => {
  const h264 = (profileLevelId: string) => ({
    ...({ name: 'H264', kind: 'video', clockRate: 90_000, channels: undefined } as const),
    fmtp: h264Fmtp(profileLevelId),
  });
  const cases: [string, string, boolean, boolean][] = [
    ['42e01f', '42e01f', true, true],
    ['42e028', '42e01f', true, true],
    ['42e01f', '42e028', false, true],
    ['42e01f', '4d001f', false, false],
    ['640028', '640c1f', false, false],
  ];
  for (const [offered, now, isCovered, isSame] of cases) {
    t.equal(covers(h264(offered), h264(now)), isCovered, `${offered} covers ${now}`);
    t.equal(hasSameProfile(h264(offered), h264(now)), isSame);
  }
  t.notOk(covers({ name: 'VP8', fmtp: '' }, h264('42e01f')));
  t.end();
});

function codecLine(name: string) {
  return { payloadType: 96, name, clockRate: 90_000, channels: undefined, fmtp: '', feedback: [] };
}

const SIMULCAST_OFFER = `v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=fingerprint:sha-256 ${TRANSPORT.fingerprint.value}
a=setup:actpass
m=video 9 UDP/TLS/RTP/SAVPF 98 99
a=mid:0
a=ice-ufrag:uuuu
a=ice-pwd:pppppppppppppppppppppp
a=sendonly
a=rtcp-mux
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
a=rtpmap:98 VP8/90000
a=rtcp-fb:98 nack
a=rtcp-fb:98 nack pli
a=rtpmap:99 rtx/90000
a=fmtp:99 apt=98
a=rid:h send
a=rid:m send
a=rid:l send
a=simulcast:send h;m,x;~l recv z
`;

t.test('an offer with several encodings (RFC 8853)', (t) => {
  const [video] = parseSdp(SIMULCAST_OFFER).media;
  t.same(video!.rids, ['h', 'm', 'l'], 'first alternatives; one that starts paused counts');
  const [choice] = usableCodecs(video!);
  t.same(encodingsOf(video!, choice!.track), ['h', 'm', 'l']);
  t.match(sourceOptions(video!, choice!.sdp, choice!.track, { trackId: 't', bindBySsrc: false, rid: 'm' }), {
    rid: 'm',
    ridExtensionId: 10,
    repairedRidExtensionId: 11,
    rtxPayloadType: 99,
    ssrc: undefined,
  });
  const vp9 = parseSdp(SIMULCAST_OFFER.replaceAll('VP8', 'VP9')).media[0]!;
  t.same(encodingsOf(vp9, usableCodecs(vp9)[0]!.track), [], 'VP9 carries its layers inside');
  const noMid = parseSdp(SIMULCAST_OFFER.replace('sdes:mid', 'sdes:other')).media[0]!;
  t.same(encodingsOf(noMid, choice!.track), [], 'encodings of two sections could not be told apart');
  for (const line of [
    'a=simulcast:recv h;m',
    'a=simulcast:send',
    'a=simulcast:send h',
    'a=simulcast:send !;"',
  ]) {
    const one = parseSdp(SIMULCAST_OFFER.replace('a=simulcast:send h;m,x;~l recv z', line)).media[0]!;
    t.same(encodingsOf(one, choice!.track), [], line);
  }
  const written = writeSdp({
    sessionId: '1',
    version: 1,
    transport: TRANSPORT,
    setup: 'passive',
    extmapAllowMixed: false,
    rtcpMuxOnly: false,
    sections: [
      {
        mid: '0',
        kind: 'video',
        protocol: 'UDP/TLS/RTP/SAVPF',
        rejected: false,
        formats: [],
        direction: 'recvonly',
        codecs: [],
        extensions: [],
        msid: undefined,
        rids: ['h', 'm', 'l'],
        sender: undefined,
      },
    ],
  });
  t.match(written, 'a=rid:h recv\r\na=rid:m recv\r\na=rid:l recv\r\na=simulcast:recv h;m;l\r\n');
  t.end();
});

t.test('the dependency descriptor is taken of AV1 only, and only where both forms may be mixed', (t) => {
  const descriptor = `a=extmap:12 ${EXTENSION_URI.dependencyDescriptor}\r\n`;
  const offer = (codec: string, mixed: string): string =>
    `v=0\r\n${mixed}m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 ${codec}/90000\r\n${descriptor}`;
  const idOf = (sdp: string): number | undefined => {
    const media = parseSdp(sdp).media[0]!;
    const { sdp: codec, track } = usableCodecs(media)[0]!;
    const options = sourceOptions(media, codec, track, { trackId: 't', bindBySsrc: true });
    t.same(
      knownExtensions(media, track.name).map(({ id }) => id),
      options.dependencyDescriptorExtensionId === undefined ? [] : [12],
      'what is answered is what is read',
    );
    return options.dependencyDescriptorExtensionId;
  };
  t.equal(idOf(offer('AV1', 'a=extmap-allow-mixed\r\n')), 12);
  t.equal(idOf(`${offer('AV1', '')}a=extmap-allow-mixed\r\n`), 12, 'said by the section');
  t.equal(idOf(offer('AV1', '')), undefined, 'it could come in part only');
  t.equal(idOf(offer('VP8', 'a=extmap-allow-mixed\r\n')), undefined);
  t.end();
});
