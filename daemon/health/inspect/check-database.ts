/** The database opens, is the file under its path, and is sound. */
import { NO_DISK_BYTES } from './check-resources.ts';
import { HOST, orWell, sayAs, type Check } from './finding.ts';

const CHECK = 'database';
const say = sayAs(CHECK);

export const checkDatabase: Check = ({ database, resources }) => {
  const { path, problems, file, corruption } = database;
  const findings = problems.map((problem) =>
    say(
      'failure',
      HOST,
      problem,
      resources.disk !== null && (resources.disk.readOnly || resources.disk.freeBytes < NO_DISK_BYTES)
        ? 'The disk takes nothing: see there. When it does again, the database is opened by itself.'
        : `Restore ${path} from a backup, or move it away, then restart turnkeepd.`,
    ),
  );
  if (problems.length === 0 && file !== 'same') {
    const what = file === 'missing' ? 'is gone' : 'is another file now';
    findings.push(
      say(
        'failure',
        HOST,
        `The database ${path} ${what}, while turnkeepd still writes to the one it opened: what changes now is lost with the process.`,
        'Make a backup of users and cameras from the console now, then restart turnkeepd: namespaces come back from the state file.',
      ),
    );
  }
  const [first] = corruption;
  if (first !== undefined) {
    findings.push(
      say(
        'failure',
        HOST,
        `The database ${path} is damaged: ${first}.`,
        'Restore it from a backup, then restart turnkeepd.',
      ),
    );
  }
  return orWell(CHECK, findings, `The database ${path} is open and sound.`);
};
