/** What the running product says of itself: the report, the ports, and every fault that is put into it by hand. */
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import t, { type Test } from 'tap';
import type { DoctorReport, Finding, Inspection, MonitorReport, PortMap } from '../../contract/diagnosis.ts';
import { COMMANDS, ROWS } from '../../../cli/test/command-rows.ts';
import { run } from '../../../cli/program.ts';
import { decodeStateFile, encodeStateFile } from '../../namespaces/state-file.ts';
import { loadOrCreateLocalCa } from '../../system/local-ca.ts';
import { Appliance } from '../helpers/appliance.ts';
import { tempDir } from '../helpers/temp-dir.ts';

t.setTimeout(170_000);

const ADDRESS = '127.0.54.31';

/** The command line as people run it. */
async function cli(appliance: Appliance, ...args: string[]): Promise<{ code: number; out: string }> {
  const argv = ['cli/turnkeep.ts', '--socket', appliance.api.socketPath, ...args];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, argv, { timeout: 60_000 });
    return { code: 0, out: stdout };
  } catch (error) {
    const { code, stdout } = error as { code: number; stdout: string };
    return { code, out: stdout };
  }
}

t.test('a healthy appliance', async (t) => {
  const appliance = await Appliance.start(t, ADDRESS);
  t.equal((await appliance.enableNamespace('demo')).state, 'succeeded');

  const report = JSON.parse((await cli(appliance, 'monitor', 'report', '--json')).out) as MonitorReport;
  t.match(report.namespaces, [
    {
      namespace: 'demo',
      state: 'enabled',
      sfu_up: true,
      turn_up: true,
      sessions: 0,
      sfu_pps: 0,
      turn_pps: 0,
    },
  ]);
  const map = JSON.parse((await cli(appliance, 'ports', '--json')).out) as PortMap;
  t.equal(map.freePlaces, 19);
  const [demo] = map.namespaces;
  t.same(demo?.ports, report.namespaces[0]?.ports);
  t.ok(demo?.listeners.some(({ transport, open }) => transport === 'udp' && open));

  const failures = async (): Promise<Finding[]> => {
    const { findings } = await appliance.api.get<Inspection>('/v1/inspect');
    return findings.filter(({ severity }) => severity === 'failure');
  };
  const fails = async (t: Test, check: string, sentence: RegExp): Promise<void> => {
    const found = await failures();
    const finding = found.find((one) => one.check === check && sentence.test(one.sentence));
    t.ok(finding, JSON.stringify({ wanted: [check, String(sentence)], found }));
    t.ok(finding?.remedy, 'there is a remedy');
  };
  const file = (...path: string[]): string => join(appliance.dir, ...path);
  const healthy = await cli(appliance, 'inspect');
  t.equal(healthy.code, 0, healthy.out);
  t.match(healthy.out, /ok +relay: 1 relay proven/);

  await t.test('the doctor', async (t) => {
    const { code, out } = await cli(appliance, 'doctor', '--probes', '20', '--json');
    t.equal(code, 0, out);
    const report = JSON.parse(out) as DoctorReport;
    t.strictSame(
      report.transports.map(({ transport, host, port, ok, sent, lost }) => [
        transport,
        host,
        port,
        ok,
        sent,
        lost,
      ]),
      [
        ['udp', ADDRESS, 3478, true, 20, 0],
        ['tcp', ADDRESS, 3478, true, 20, 0],
        ['tls', ADDRESS, 5349, true, 20, 0],
        ['dtls', ADDRESS, 5349, true, 20, 0],
      ],
    );
    t.ok(report.transports.every(({ rttMs }) => rttMs !== null && rttMs.max > 0));
    const attacked = await cli(appliance, 'doctor', '--attack', '--json');
    t.equal(attacked.code, 0, attacked.out);
    const [row] = (JSON.parse(attacked.out) as DoctorReport).attacks;
    t.ok(row !== undefined && row.tried > 400 && row.refused === row.tried, JSON.stringify(row));
    t.match(await cli(appliance, 'doctor', '--namespace', 'none'), { code: 1 });
  });

  await t.test('every command names a namespace that is not there', async (t) => {
    for (const { path, words, command } of COMMANDS) {
      if (!command.options.some(({ long, mandatory }) => long === '--namespace' && mandatory)) continue;
      const argv = [...words, ...(ROWS[path] ?? [])].map((word) => (word === 'a' ? 'nowhere' : word));
      if (path === 'issuer add' || path === 'turn add-key') continue; // May be there later; the token is none.
      let said = '';
      const err = (text: string): void => {
        said += text;
      };
      const code = await run(argv, { out: err, err }, { TURNKEEP_SOCKET: appliance.api.socketPath });
      t.strictSame([code, said], [1, 'There is no namespace "nowhere".\n'], path);
    }
  });

  await t.test('the state file', async (t) => {
    const path = file('cluster_state.json');
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.slice(0, -100));
    await fails(t, 'state file', /cut off/);
    writeFileSync(path, text.replace('3478', '3479'));
    await fails(t, 'state file', /checksum does not match/);
    const decoded = decodeStateFile(text);
    if (!decoded.ok) throw new Error(decoded.problem);
    const { state } = decoded;
    writeFileSync(path, encodeStateFile({ ...state, saved_at: '2199-01-01T00:00:00.000Z' }));
    await fails(t, 'clock', /The clock is behind/);
    writeFileSync(path, encodeStateFile({ ...state, namespaces: [] }));
    await fails(t, 'state file', /"demo" is enabled in the database, but not in the state file/);
    writeFileSync(path, text);
    t.same(await failures(), []);
  });

  await t.test('the database and the ledger', async (t) => {
    const path = file('turnkeep.db');
    renameSync(path, `${path}.away`);
    await fails(t, 'database', /is gone/);
    renameSync(`${path}.away`, path);
    const database = new Database(path);
    t.teardown(() => database.close());
    const move = database.prepare('UPDATE port_claims SET turn_port = ?');
    move.run(3500);
    await fails(t, 'state file', /3500 in the database, 3478 in the state file/);
    await fails(t, 'ledger', /listens on port 3478, but the ledger gives it 3500/);
    move.run(3478);
    t.same(await failures(), []);
  });

  await t.test('a certificate', async (t) => {
    const names = ['server.pem', 'server.key'];
    const before = names.map((name) => readFileSync(file('ca', name), 'utf8'));
    const old = tempDir(t);
    const nowMs = Date.now() - 500 * 86_400_000;
    const pair = await loadOrCreateLocalCa(old, { names: [], addresses: [ADDRESS], nowMs });
    writeFileSync(file('ca', 'server.pem'), 'nothing');
    await fails(t, 'certificates', /server certificate .* cannot be used/);
    writeFileSync(file('ca', 'server.pem'), pair.certPem);
    await fails(t, 'certificates', /server certificate .* belongs to another certificate/);
    writeFileSync(file('ca', 'server.key'), pair.keyPem);
    await fails(t, 'certificates', /server certificate .* ended on/);
    names.forEach((name, at) => writeFileSync(file('ca', name), before[at]!));
    t.same(await failures(), []);
  });

  // The last: what is down here stays down.
  await t.test('a service that was killed and stays down, and a stranger on its port', async (t) => {
    const config = file('services', 'turn-demo.json');
    renameSync(config, `${config}.away`);
    const pid = (await appliance.status('demo')).turn?.pid;
    process.kill(pid!, 'SIGKILL');
    const stranger = createSocket('udp4');
    t.teardown(() => stranger.close());
    await appliance.until('TURN is down', async () => (await appliance.status('demo')).turn?.up === 'down');
    await new Promise<void>((resolve) => stranger.bind(demo!.ports.turn, ADDRESS, resolve));
    await fails(t, 'services', /TURN service of "demo" is down/);
    await fails(t, 'sockets', new RegExp(`TURN port 3478 .* stranger: .*process ${process.pid}`));
    const { code, out } = await cli(appliance, 'inspect');
    t.equal(code, 1);
    t.match(out, /FAIL +services: The TURN service of "demo" is down/);
    const doctor = await cli(appliance, 'doctor');
    t.equal(doctor.code, 1);
    t.match(
      doctor.out,
      /FAIL +demo tcp: Nothing answers at tcp 127\.0\.54\.31:3478.*\n +Nothing listens there/,
    );
    const report = await appliance.api.get<MonitorReport>('/v1/monitor');
    t.match(report.namespaces[0], { turn_up: false, sfu_up: true });
  });
});
