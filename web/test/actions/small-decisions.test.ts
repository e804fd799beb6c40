/** Routes, announcements, commands, words, journey: the small decisions. */
import t from 'tap';
import { Announcements } from '../../src/actions/announcements.ts';
import { shellCommand, systemdDropIn } from '../../src/actions/producer-command.ts';
import { cameraPath, localPath, parseRoute, wallPath } from '../../src/actions/route.ts';
import {
  alternatives,
  bitRate,
  countdown,
  dayAndTime,
  duration,
  grouped,
  percent,
} from '../../src/actions/wording.ts';

t.test('routes, both ways', (t) => {
  t.same(parseRoute('/', ''), { page: 'wall', density: 'auto', number: 0, show: null, namespace: null });
  t.same(parseRoute('/', '?n=9&page=2&show=live&ns=demo'), {
    page: 'wall',
    density: 9,
    number: 1,
    show: 'live',
    namespace: 'demo',
  });
  t.match(parseRoute('/', '?n=7&page=-3'), { density: 'auto', number: 0 });
  t.same(parseRoute('/cameras', ''), { page: 'cameras' });
  t.same(parseRoute('/cameras/new', ''), { page: 'add-camera' });
  t.same(parseRoute(cameraPath('a/b c'), ''), { page: 'camera', id: 'a/b c' });
  t.same(parseRoute('/cameras/%E0', ''), { page: 'camera', id: '%E0' });
  t.equal(parseRoute('/else', '').page, 'not-found');
  t.equal(parseRoute('/cameras/a/b', '').page, 'not-found');
  const wall = { density: 4, number: 2, show: 'offline', namespace: 'demo' } as const;
  const path = wallPath(wall);
  t.match(parseRoute('/', path.slice(1)), wall);
  t.equal(wallPath({ density: 'auto', number: 0, show: null, namespace: null }), '/');
  t.end();
});

t.test('sign-in leads to a page of this console only', (t) => {
  t.equal(localPath('/cameras?x=1'), '/cameras?x=1');
  for (const path of [
    '//evil.example',
    '/\\evil.example',
    'https://evil.example',
    'javascript:1',
    '/sign-in',
    null,
  ]) {
    t.equal(localPath(path), '/', String(path));
  }
  t.end();
});

t.test('announcements: after 1 s, one per 5 s, not the first state, not twice', (t) => {
  const polite = (text: string) => ({ text, politeness: 'polite' as const });
  const all = new Announcements();
  all.enter('a', '16', null, 0);
  all.enter('b', '16', null, 0);
  all.enter('a', '5', polite('a: offline'), 1000);
  all.enter('a', '5', polite('a: offline'), 1500);
  all.enter('b', '12', polite('b: interrupted'), 1000);
  t.equal(all.due(1500), null, 'not at once');
  t.equal(all.due(2000)?.text, 'a: offline');
  t.equal(all.due(2500), null, 'one per 5 s');
  all.enter('b', '16', null, 3000);
  t.equal(all.due(8000), null, 'a state that did not last is not said');
  all.enter('c', '5', polite('c: offline'), 8000);
  t.equal(all.due(10_000), null, 'the first state of a tile is not news');
  t.end();
});

t.test('producer commands', (t) => {
  const options = { apiUrl: 'https://keep.example', secret: 'dev_abc-1', hasOwnCa: true };
  const command = shellCommand(options);
  t.ok(
    command.split('\n').every((line) => line.startsWith(' ')),
    'kept out of the history',
  );
  t.match(
    command,
    / API_URL=https:\/\/keep\.example \\\n SSL_CERT_FILE=\.\/turnkeep-ca\.pem \\\n DEVICE_SECRET=dev_abc-1 \\/,
  );
  t.notMatch(shellCommand({ ...options, hasOwnCa: false }), /SSL_CERT_FILE/);
  t.match(shellCommand({ ...options, secret: "a'b;c" }), /DEVICE_SECRET='a'\\''b;c'/, 'nothing breaks out');
  t.match(systemdDropIn(options), /\[Service\]\nEnvironment=API_URL/);
  t.end();
});

t.test('words', (t) => {
  const now = new Date(2026, 8, 14, 14, 2, 31).getTime();
  t.equal(dayAndTime(new Date(2026, 8, 14, 9, 41).getTime(), now), 'today 09:41');
  t.equal(dayAndTime(new Date(2026, 8, 13, 23, 10).getTime(), now), 'yesterday 23:10');
  t.equal(dayAndTime(new Date(2026, 7, 12, 9, 41).getTime(), now), '12 Aug 09:41');
  t.equal(dayAndTime(new Date(2025, 7, 12).getTime(), now), '12 Aug 2025');
  t.same([0, 59_999, 60_000, 3_600_000, 15_660_000, 300_000_000].map(duration), [
    '0 s',
    '59 s',
    '1 min',
    '1 h',
    '4 h 21 min',
    '3 days',
  ]);
  t.equal(bitRate(2_410_000, 2), '2.41 Mbit/s');
  t.equal(bitRate(640_400), '640 kbit/s');
  t.equal(percent(0.0421), '4.2 %');
  t.equal(grouped(8214), '8\u00a0214');
  t.equal(countdown(1500, 0), '2 s');
  t.equal(alternatives(['a', 'b', 'c']), 'a, b or c');
  t.end();
});
