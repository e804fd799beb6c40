/** Units that somebody switched off behind the daemon's back: what runs goes on, and does not come back. */
import type { ServiceKind } from '../../namespaces/system.ts';
import type { Systemctl } from './systemctl.ts';
import { unitOf } from './unit-names.ts';

export type UnitFacts = { unit: string; subject: string; state: 'fine' | 'masked' | 'disabled' | 'missing' };

/** Those that have to come with the host; the services are started by the daemon. */
const AT_BOOT = ['turnkeepd.service', 'turnkeep-shield.service'];
const KINDS: ServiceKind[] = ['turn', 'sfu'];

/** @param namespaces those that are on. */
export function unitFacts(
  systemctl: Pick<Systemctl, 'properties'>,
  namespaces: readonly string[],
): Promise<UnitFacts[]> {
  const units = [
    ...AT_BOOT.map((unit) => ({ unit, subject: 'host', atBoot: true })),
    ...namespaces.flatMap((namespace) =>
      KINDS.map((kind) => ({ unit: unitOf({ kind, namespace }), subject: namespace, atBoot: false })),
    ),
  ];
  return Promise.all(
    units.map(async ({ unit, subject, atBoot }) => {
      const properties = await systemctl.properties(unit, ['LoadState', 'UnitFileState']);
      return { unit, subject, state: stateOf(properties, atBoot) };
    }),
  );
}

function stateOf(properties: ReadonlyMap<string, string>, atBoot: boolean): UnitFacts['state'] {
  const loaded = properties.get('LoadState') ?? '';
  const file = properties.get('UnitFileState') ?? '';
  if (loaded === 'masked' || file.startsWith('masked')) return 'masked';
  if (loaded === 'not-found') return 'missing';
  return atBoot && file !== 'enabled' ? 'disabled' : 'fine';
}
