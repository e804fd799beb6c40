/** A logger that says nothing. */
import { createLogger, type Logger } from '../../kit/logger.ts';

export const silentLog: Logger = createLogger({ name: 'test', level: 'silent' });
