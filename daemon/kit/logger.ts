/** Structured logs on stderr-free stdout, one JSON object a line, secrets redacted by key. */
import { pino } from 'pino';

export type Logger = pino.Logger;
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

const { debug, info, warn, error } = pino.levels.values as Record<Exclude<LogLevel, 'silent'>, number>;
const SMALLEST: Record<LogLevel, number> = { debug, info, warn, error, silent: Infinity };

/** Keys whose values never reach a log line, wherever they stand up to three levels deep. */
const SECRET_KEYS = ['secret', 'password', 'credential', 'token', 'ticket', 'key', 'authorization', 'cookie'];

/**
 * The root logger of a process; components take `logger.child({ component })`.
 * @param options.level a function is asked for each line, of the children too: the level may change.
 */
export function createLogger(options: { name: string; level: LogLevel | (() => LogLevel) }): Logger {
  const { name, level } = options;
  return pino({
    name,
    ...(typeof level === 'function' ? { level: 'debug', hooks: { logMethod: gate(level) } } : { level }),
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: {
      paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]),
      censor: '<redacted>',
    },
  });
}

/** Children copy pino's own level when they are made; what they all share is this hook. */
function gate(
  level: () => LogLevel,
): (this: Logger, args: Parameters<pino.LogFn>, method: pino.LogFn, number: number) => void {
  return function (args, method, number) {
    if (number >= SMALLEST[level()]) method.apply(this, args);
  };
}
