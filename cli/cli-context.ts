/** What every command gets: the daemon and the output, made when the command runs. */
import type { Command } from 'commander';
import { ApiClient, findSocket } from './api-client.ts';
import { Output, type Streams } from './output.ts';

export type CliContext = { client: ApiClient; output: Output };

/** Reads the global options of a command that is about to run. */
export type ContextOf = (command: Command) => CliContext;

export function contextFactory(streams: Streams, environment: Record<string, string | undefined>): ContextOf {
  return (command) => {
    const options = command.optsWithGlobals<{ socket?: string; json?: boolean }>();
    return {
      client: new ApiClient({ socketPath: findSocket(options.socket, environment) }),
      output: new Output({ json: options.json === true, streams }),
    };
  };
}
