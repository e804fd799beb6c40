/** Rooms that were made on purpose outlive the SFU process, with their settings. */
import type { Migration } from './migration.ts';

export const roomSettingsMigration: Migration = {
  version: 6,
  title: 'settings of rooms',
  sql: 'ALTER TABLE webrtc_rooms ADD COLUMN settings TEXT;',
};
