/** Structured logs on stderr-free stdout, one JSON object a line, secrets redacted by key. */
import { pino } from 'pino';

export type Logger = pino.Logger;
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Keys whose values never reach a log line, wherever they stand up to three levels deep. */
const SECRET_KEYS = ['secret', 'password', 'credential', 'token', 'ticket', 'key', 'authorization', 'cookie'];

/** The root logger of a process; components take `logger.child({ component })`. */
export function createLogger(options: { name: string; level: LogLevel }): Logger {
  return pino({
    name: options.name,
    level: options.level,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: {
      paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]),
      censor: '<redacted>',
    },
  });
}
