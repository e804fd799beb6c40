/** The types of the client library as pages get them: one file, which the compiler takes and which holds what it says. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import ts from 'typescript';

const FILE = join(import.meta.dirname, '../dist/client/turnkeep.d.ts');

/** What a page writes; each line that must be wrong says so. */
const PAGE = `
import { connect, RefusedError, RequestError, type JoinedRoom, type RemoteTrack } from './turnkeep.js';
const client = connect({ ticket: async () => (await fetch('/ticket')).text(), server: 'https://box.example.com' });
const room: JoinedRoom = client.join('lobby', { subscribe: 'none' });
const stop: () => void = room.on('track', (track: RemoteTrack) => {
  const width: number | null | undefined = track.attach(document.createElement('video')) && null;
  track.setHeight(width ?? 360);
  track.on('stats', ({ freezes, lossRate, roundTripMs }) => [freezes, lossRate, roundTripMs].map(Number));
});
stop();
room.on('active-speaker', (who) => who?.name.toUpperCase());
room.on('muted', ({ participantId, forced }) => (forced ? participantId.length : 0));
room.on('participant-kicked', ({ participant, reason }) => participant.identity + reason);
room.on('left', ({ reason }) => reason?.length);
room.on('data', ({ data, topic, participantId }) => [topic, participantId, typeof data === 'string' ? data : data.byteLength]);
void room.sendData('hello', { topic: 'chat' }).then(() => room.sendData(new Uint8Array(4), { reliable: false }));
room.kick('p_1', { forSeconds: 60 }).catch((error: unknown) => error instanceof RequestError && error.code);
void room.mute('p_1', true, 'audio').then(() => room.close());
client.on('stats', (all) => all.map(({ track, figures }) => track.trackId + String(figures.framesDecoded)));
client.on('error', ({ code, message, roomId }) => [code, message, roomId]);
const media = new MediaStream().getTracks()[0]!;
const publication = room.publish(media, { source: 'screen', encodings: [{ rid: 'l' }] });
publication.on('forced', (forced: boolean) => void forced);
throw new RefusedError({ code: 'forbidden', message: 'No.', retryAfterMs: null });
// @ts-expect-error no such event
room.on('nobody', () => undefined);
// @ts-expect-error a ticket is needed
connect({});
// @ts-expect-error sound or picture
void room.mute('p_1', true, 'smell');
// @ts-expect-error text or bytes
void room.sendData(4);
// @ts-expect-error what the library does by itself is not the page's
room.forgetSession();
// @ts-expect-error rooms are joined, not made
new JoinedRoom();
`;

t.test(
  'the types of the client library',
  { skip: existsSync(FILE) ? false : 'not built: npm run build' },
  (t) => {
    const types = readFileSync(FILE, 'utf8');
    t.notMatch(
      types,
      /\bimport\b[^.]|from '|@internal|Signaling(?:Session|Socket)\b|\bPublisher\b/,
      'one file, nothing of the inside',
    );
    const options: ts.CompilerOptions = {
      ...{ strict: true, noEmit: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 },
      ...{
        moduleResolution: ts.ModuleResolutionKind.Bundler,
        types: [],
        skipDefaultLibCheck: true,
        noUncheckedIndexedAccess: true,
      },
      lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
    };
    const host = ts.createCompilerHost(options);
    const page = join(FILE, '../page.ts');
    const disk = { ...host };
    host.fileExists = (path) => path === page || disk.fileExists(path);
    host.readFile = (path) => (path === page ? PAGE : disk.readFile(path));
    host.getSourceFile = (path, version, ...rest) =>
      path === page ? ts.createSourceFile(path, PAGE, version) : disk.getSourceFile(path, version, ...rest);
    const program = ts.createProgram([page], options, host);
    t.same(
      ts
        .getPreEmitDiagnostics(program)
        .map(
          (one) =>
            `${one.file?.fileName ?? ''}:${one.start ?? 0} ${ts.flattenDiagnosticMessageText(one.messageText, ' ')}`,
        ),
      [],
    );
    t.end();
  },
);
