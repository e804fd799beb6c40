/** The tree of commands. `run` is the whole command line, but for the process. */
import { createRequire } from 'node:module';
import { Command } from 'commander';
import { contextFactory } from './cli-context.ts';
import { listCommand as listAudit } from './commands/audit/list.ts';
import { verifyCommand } from './commands/audit/verify.ts';
import { createCommand as createBackup } from './commands/backup/create.ts';
import { restoreCommand } from './commands/backup/restore.ts';
import {
  checkCommand as checkConfig,
  diffCommand as diffConfig,
  reloadCommand as reloadConfig,
  showCommand as showConfig,
} from './commands/config/config.ts';
import { renewCommand as renewCertificate } from './commands/certificate/renew.ts';
import { statusCommand as certificateStatus } from './commands/certificate/status.ts';
import { addCommand } from './commands/camera/add.ts';
import { listCommand as listCameras } from './commands/camera/list.ts';
import { removeCommand } from './commands/camera/remove.ts';
import { rotateCommand } from './commands/camera/rotate.ts';
import { doctorCommand } from './commands/diagnosis/doctor.ts';
import { inspectCommand } from './commands/diagnosis/inspect.ts';
import { monitorReportCommand } from './commands/diagnosis/monitor-report.ts';
import { portsCommand } from './commands/diagnosis/ports.ts';
import { repairCommand } from './commands/diagnosis/repair.ts';
import { addCommand as addIssuer } from './commands/issuer/add.ts';
import { listCommand as listIssuers } from './commands/issuer/list.ts';
import { removeCommand as removeIssuer } from './commands/issuer/remove.ts';
import { signCommand as signToken } from './commands/issuer/sign.ts';
import { testCommand as testToken } from './commands/issuer/test.ts';
import { createCommand as createKey } from './commands/key/create.ts';
import { deleteCommand as deleteKey } from './commands/key/delete.ts';
import { listCommand as listKeys } from './commands/key/list.ts';
import { createCommand } from './commands/namespace/create.ts';
import { deleteCommand } from './commands/namespace/delete.ts';
import { disableCommand } from './commands/namespace/disable.ts';
import { enableCommand } from './commands/namespace/enable.ts';
import { listCommand as listNamespaces } from './commands/namespace/list.ts';
import { quotaCommand } from './commands/namespace/quota.ts';
import { webrtcStatusCommand } from './commands/namespace/webrtc-status.ts';
import { closeCommand as closeRoom } from './commands/room/close.ts';
import { createCommand as createRoom } from './commands/room/create.ts';
import { kickCommand } from './commands/room/kick.ts';
import { listCommand as listRooms } from './commands/room/list.ts';
import { muteCommand, unmuteCommand } from './commands/room/mute.ts';
import { showCommand as showRoom } from './commands/room/show.ts';
import { whyCommand } from './commands/room/why.ts';
import { statusCommand } from './commands/status/show.ts';
import { credentialsCommand } from './commands/turn/credentials.ts';
import { disconnectCommand } from './commands/turn/disconnect.ts';
import { drainCommand } from './commands/turn/drain.ts';
import { addKeyCommand, keysCommand, removeKeyCommand } from './commands/turn/keys.ts';
import { revokeCommand, revokedCommand, unrevokeCommand } from './commands/turn/revoke.ts';
import { rotateSecretCommand } from './commands/turn/rotate-secret.ts';
import { sessionsCommand } from './commands/turn/sessions.ts';
import { statusCommand as turnStatus } from './commands/turn/status.ts';
import {
  disableCommand as disableUser,
  enableCommand as enableUser,
  setRoleCommand,
} from './commands/user/change.ts';
import { createCommand as createUser } from './commands/user/create.ts';
import { deleteCommand as deleteUser } from './commands/user/delete.ts';
import { listCommand as listUsers } from './commands/user/list.ts';
import { resetPasswordCommand } from './commands/user/reset-password.ts';
import { signInCodeCommand } from './commands/user/sign-in-code.ts';
import { EXIT, reportFailure, type ExitCode, type Streams } from './output.ts';

const { version: VERSION } = createRequire(import.meta.url)('../package.json') as { version: string };

/** Runs one command line (without node and script). Never throws. @returns the exit code. */
export async function run(
  argv: string[],
  streams: Streams,
  environment: Record<string, string | undefined>,
): Promise<ExitCode> {
  const json = argv.includes('--json');
  // What commander says beside its error is for people.
  const help: Streams = {
    out: (text) => {
      streams.out(text);
    },
    err: (text) => {
      if (!json) streams.err(text);
    },
  };
  try {
    await buildProgram(streams, environment, help).parseAsync(argv, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    return reportFailure(error, { streams, json });
  }
}

/** The tree itself. @param help where commander writes help and wrong usage. */
export function buildProgram(
  streams: Streams,
  environment: Record<string, string | undefined>,
  help: Streams = streams,
): Command {
  const contextOf = contextFactory(streams, environment);
  const program = new Command('turnkeep')
    .description('Runs your private WebRTC camera platform.')
    .option('--socket <path>', 'unix socket of the daemon (TURNKEEP_SOCKET)')
    .option('--json', "print the API's JSON unchanged; a failure is JSON on standard error")
    .version(VERSION, '--version', 'print the version')
    .addHelpText(
      'after',
      `
First steps:
  turnkeep status                                        is it up?
  turnkeep namespace create demo                         make a tenant
  turnkeep namespace enable webrtc --namespace demo      bring up its TURN and SFU
  turnkeep camera add "Loading dock" --namespace demo    get a camera's one-time secret
  turnkeep user sign-in-code                             sign in to the console
  turnkeep doctor                                        does a viewer get through?

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the daemon cannot be reached, 4 conflict with what is there.
With --json the answer is one document on standard output; a failure without an answer is one on standard error:
{"error", "message", "details"}, with the codes of the API, "usage" or "unreachable".
The daemon's socket is --socket, else TURNKEEP_SOCKET, else /run/turnkeep/turnkeepd.sock on a server that Turnkeep is
installed on, else ./var/run/turnkeepd.sock. Whoever may open it may do everything: use sudo, or the daemon's user.
`,
    );
  const noun = (name: string, description: string, commands: Command[]): void => {
    const parent = new Command(name).description(description);
    for (const command of commands) parent.addCommand(command);
    program.addCommand(parent);
  };
  program.addCommand(statusCommand(contextOf));
  noun('monitor', 'how the services of all namespaces are', [monitorReportCommand(contextOf)]);
  program.addCommand(portsCommand(contextOf));
  program.addCommand(inspectCommand(contextOf));
  program.addCommand(repairCommand(contextOf));
  program.addCommand(doctorCommand(contextOf));
  noun('namespace', 'tenants and their WebRTC', [
    createCommand(contextOf),
    listNamespaces(contextOf),
    deleteCommand(contextOf),
    enableCommand(contextOf),
    disableCommand(contextOf),
    webrtcStatusCommand(contextOf),
    quotaCommand(contextOf),
  ]);
  noun('camera', 'cameras and their secrets', [
    addCommand(contextOf),
    listCameras(contextOf),
    removeCommand(contextOf),
    rotateCommand(contextOf),
  ]);
  noun('turn', 'the TURN service of a namespace', [
    turnStatus(contextOf),
    sessionsCommand(contextOf),
    disconnectCommand(contextOf),
    credentialsCommand(contextOf),
    drainCommand(contextOf),
    rotateSecretCommand(contextOf),
    revokeCommand(contextOf),
    unrevokeCommand(contextOf),
    revokedCommand(contextOf),
    addKeyCommand(contextOf),
    keysCommand(contextOf),
    removeKeyCommand(contextOf),
  ]);
  noun('room', 'rooms of a namespace: who is in them, and what they send', [
    listRooms(contextOf),
    showRoom(contextOf),
    whyCommand(contextOf),
    createRoom(contextOf),
    kickCommand(contextOf),
    muteCommand(contextOf),
    unmuteCommand(contextOf),
    closeRoom(contextOf),
  ]);
  noun('user', 'users of the console', [
    listUsers(contextOf),
    createUser(contextOf),
    deleteUser(contextOf),
    resetPasswordCommand(contextOf),
    signInCodeCommand(contextOf),
    setRoleCommand(contextOf),
    disableUser(contextOf),
    enableUser(contextOf),
  ]);
  noun('key', "API keys of tenants' applications", [
    createKey(contextOf),
    listKeys(contextOf),
    deleteKey(contextOf),
  ]);
  noun('issuer', "whose tokens (JWT) are accepted from tenants' users", [
    addIssuer(contextOf),
    listIssuers(contextOf),
    removeIssuer(contextOf),
    testToken(contextOf),
    signToken(contextOf),
  ]);
  noun('certificate', 'certificates of an ACME authority', [
    certificateStatus(contextOf),
    renewCertificate(contextOf),
  ]);
  noun('config', 'the configuration of the daemon', [
    checkConfig(contextOf),
    showConfig(contextOf),
    diffConfig(contextOf),
    reloadConfig(contextOf),
  ]);
  noun('backup', 'everything this server knows, in one encrypted file', [
    createBackup(contextOf),
    restoreCommand(contextOf),
  ]);
  noun('audit', 'who did what, and whether the record is whole', [
    listAudit(contextOf),
    verifyCommand(contextOf),
  ]);
  quiet(program, help);
  return program;
}

/** Errors become exceptions and output goes where ours goes, in every command of the tree. */
function quiet(command: Command, streams: Streams): void {
  command
    .exitOverride()
    .showHelpAfterError('(--help shows how)')
    .configureOutput({
      writeOut: (text) => {
        streams.out(text);
      },
      writeErr: (text) => {
        streams.err(text);
      },
    });
  for (const child of command.commands) quiet(child, streams);
}
