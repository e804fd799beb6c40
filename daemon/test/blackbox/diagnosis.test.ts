/** What the running product says of itself: the report, the ports. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';
import type { MonitorReport, PortMap } from '../../contract/diagnosis.ts';
import { Appliance } from '../helpers/appliance.ts';

t.setTimeout(170_000);

const ADDRESS = '127.0.54.1';

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
});
