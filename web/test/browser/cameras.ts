/** The cameras of the mockups in the double: one of each state a tile and a row can have. */
import type { ConsoleDouble } from '../double/console-double.ts';

/** @returns the one the tests take away and bring back. */
export function addCameras(double: ConsoleDouble): { silo: ReturnType<ConsoleDouble['add']> } {
  double.add('Yard gate', { media: live(1) });
  double.add('Loading dock 2', { media: live(3) });
  double.add('Aisle 7 high bay', { media: live(1) });
  double.add('Line 3 palletiser', { media: live(2) });
  double.add('Barn 2 stalls', { namespace: 'hofgut', media: live(1) });
  double.add(
    'Corridor B',
    { namespace: 'klinik-west', media: { ...live(1), state: 'connecting' } },
    { published: false },
  );
  const silo = double.add('Silo yard', { namespace: 'hofgut', media: live(1) });
  const hours = Date.now() - (4 * 60 + 21) * 60_000;
  double.add('Cold store', {
    state: 'offline',
    lastSeenAt: new Date(hours).toISOString(),
    onlineSince: null,
    media: { ...live(0), state: 'idle', producer: null },
  });
  double.add(
    'Sample lab',
    { namespace: 'klinik-west', media: { ...live(1), state: 'no-picture', sinceMs: Date.now() - 12_000 } },
    { published: false },
  );
  double.add('Packing robot 4', { state: 'unknown', media: live(0) }, { published: false });
  double.add('Weighbridge', {
    state: 'offline',
    lastSeenAt: null,
    onlineSince: null,
    media: { ...live(0), state: 'idle', producer: null },
  });
  double.add('Robot 5', { media: live(1) }, { mimeType: 'video/X-NEW' });
  return { silo };
}

/** The media of a camera that sends, with this many viewers. */
export function live(watching: number) {
  return {
    state: 'live' as const,
    sinceMs: Date.now() - 60_000,
    message: null,
    producer: 'whep' as const,
    watching,
  };
}
