/** The database opens, is the file under its path, and is sound. */
import { HOST, orWell, sayAs, type Check } from './finding.ts';

const CHECK = 'database';
const say = sayAs(CHECK);

export const checkDatabase: Check = ({ database }) => {
  const { path, problems, file, corruption } = database;
  const findings = problems.map((problem) =>
    say('failure', HOST, problem, `Restore ${path} from a backup, or move it away, then restart turnkeepd.`),
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
