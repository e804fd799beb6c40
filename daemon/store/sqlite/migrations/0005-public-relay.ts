/** Namespaces whose TURN service relays to the internet too. */
import type { Migration } from './migration.ts';

/** SQLite cannot widen a CHECK: another column takes the place of the old one, which held `sfu` alone. */
export const publicRelayMigration: Migration = {
  version: 5,
  title: 'relay scope public',
  sql: `
    ALTER TABLE webrtc_configs
      ADD COLUMN relay TEXT NOT NULL DEFAULT 'sfu' CHECK (relay IN ('sfu', 'public'));
    ALTER TABLE webrtc_configs DROP COLUMN relay_scope;
    ALTER TABLE webrtc_configs RENAME COLUMN relay TO relay_scope;
  `,
};
