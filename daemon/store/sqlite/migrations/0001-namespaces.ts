/** Namespaces, their WebRTC configuration, port claims, the operations' journal and room affinity. */
import type { Migration } from './migration.ts';

export const namespacesMigration: Migration = {
  version: 1,
  title: 'namespaces, port blocks, operations',
  sql: `
    CREATE TABLE namespaces (
      name TEXT PRIMARY KEY,
      created_at_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE webrtc_configs (
      namespace TEXT PRIMARY KEY REFERENCES namespaces (name),
      state TEXT NOT NULL CHECK (state IN ('enabling', 'enabled', 'disabling')),
      sealed_turn_secret TEXT NOT NULL CHECK (sealed_turn_secret <> ''),
      sealed_ticket_key TEXT NOT NULL CHECK (sealed_ticket_key <> ''),
      ttl_seconds INTEGER NOT NULL CHECK (ttl_seconds > 0),
      relay_scope TEXT NOT NULL CHECK (relay_scope = 'sfu'),
      domain TEXT,
      created_at_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- The ledger hands out disjoint blocks on a grid; these constraints hold even when it is bypassed.
    CREATE TABLE port_claims (
      node TEXT NOT NULL,
      namespace TEXT NOT NULL REFERENCES namespaces (name),
      sfu_signaling_port INTEGER NOT NULL CHECK (sfu_signaling_port BETWEEN 1 AND 65535),
      sfu_media_min INTEGER NOT NULL CHECK (sfu_media_min BETWEEN 1 AND 65535),
      sfu_media_max INTEGER NOT NULL CHECK (sfu_media_max BETWEEN sfu_media_min AND 65535),
      turn_relay_min INTEGER NOT NULL CHECK (turn_relay_min BETWEEN 1 AND 65535),
      turn_relay_max INTEGER NOT NULL CHECK (turn_relay_max BETWEEN turn_relay_min AND 65535),
      turn_port INTEGER NOT NULL CHECK (turn_port BETWEEN 1 AND 65535),
      turns_port INTEGER NOT NULL CHECK (turns_port BETWEEN 1 AND 65535 AND turns_port <> turn_port),
      PRIMARY KEY (node, namespace),
      UNIQUE (node, sfu_signaling_port),
      UNIQUE (node, sfu_media_min),
      UNIQUE (node, turn_relay_min),
      UNIQUE (node, turn_port),
      UNIQUE (node, turns_port)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE operations (
      id TEXT PRIMARY KEY,
      kind TEXT NOT NULL CHECK (kind IN ('enable-webrtc', 'disable-webrtc')),
      namespace TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('running', 'succeeded', 'failed')),
      started_at_ms INTEGER NOT NULL,
      ended_at_ms INTEGER,
      error_code TEXT,
      error_message TEXT
    ) STRICT;
    -- Two operations on one namespace race: one insert wins.
    CREATE UNIQUE INDEX operations_one_running ON operations (namespace) WHERE state = 'running';

    CREATE TABLE operation_steps (
      operation_id TEXT NOT NULL REFERENCES operations (id) ON DELETE CASCADE,
      position INTEGER NOT NULL,
      step_id TEXT NOT NULL,
      label TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('pending', 'running', 'done', 'failed', 'undone')),
      duration_ms INTEGER,
      note TEXT,
      PRIMARY KEY (operation_id, position),
      UNIQUE (operation_id, step_id)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE node_states (
      node TEXT PRIMARY KEY,
      state_generation INTEGER NOT NULL CHECK (state_generation >= 0)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE webrtc_rooms (
      namespace TEXT NOT NULL REFERENCES namespaces (name),
      room_id TEXT NOT NULL,
      node TEXT NOT NULL,
      updated_at_ms INTEGER NOT NULL,
      PRIMARY KEY (namespace, room_id)
    ) STRICT, WITHOUT ROWID;
  `,
};
