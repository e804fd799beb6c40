/** Upper temporal layers of VP9 and AV1 that a viewer is spared: what it gets can be decoded. */
import fc from 'fast-check';
import t from 'tap';
import { SWITCHING_POINT, TEMPORAL_SHIFT } from '../../../../sfu/media/core/codec-facts.ts';
import { FrameGate } from '../../../../sfu/media/core/frame-gate.ts';
import type { MediaPacket } from '../../../../sfu/media/core/media-packet.ts';
import { SEND_ALL, SEND_NEEDED } from '../../../../sfu/media/core/path-queue.ts';
import type { ViewerPath } from '../../../../sfu/media/core/viewer-path.ts';

/** A gate on a path whose level is set by hand. */
function gateAt(path: { level: number }): FrameGate {
  const partial = { level: () => path.level, isDrained: () => true, onSpared: () => undefined };
  return new FrameGate(partial as unknown as ViewerPath, () => 1_000_000);
}

function picture(temporal: number, isSwitchingPoint: boolean): MediaPacket {
  const facts = (temporal << TEMPORAL_SHIFT) | (isSwitchingPoint ? SWITCHING_POINT : 0);
  return { payload: Buffer.alloc(20), facts } as MediaPacket;
}

t.test('the lowest layer is never spared, an upper one begins again at a switching point', (t) => {
  const path = { level: SEND_ALL };
  const gate = gateAt(path);
  gate.onKeyFrame(0);
  const send = (temporal: number, isSwitchingPoint = false): string =>
    gate.onFrame('AV1', picture(temporal, isSwitchingPoint), 0);
  t.same([send(0), send(1), send(0)], ['send', 'send', 'send']);
  path.level = SEND_NEEDED;
  t.same([send(1), send(0), send(1)], ['spare', 'send', 'spare']);
  t.equal(send(0, true), 'send');
  t.equal(send(1), 'spare', 'there is no room yet');
  path.level = SEND_ALL;
  t.same([send(0), send(1)], ['send', 'spare'], 'built on what was spared');
  t.same([send(0, true), send(1), send(2)], ['send', 'send', 'send']);
  t.equal(gate.spared, 4);
  t.end();
});

t.test('whatever the layers and the path, no picture is sent that is built on a spared one', (t) => {
  const step = fc.record({
    temporal: fc.integer({ min: 0, max: 3 }),
    isSwitchingPoint: fc.boolean(),
    isNarrow: fc.boolean(),
    isKeyFrame: fc.integer({ min: 0, max: 9 }).map((one) => one === 0),
  });
  for (const codec of ['VP9', 'AV1'] as const) {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const path = { level: SEND_ALL };
        const gate = gateAt(path);
        // The worst that the layers allow: each picture is built on all before it of its own layer and below.
        let missing: number[] = [];
        for (const { temporal, isSwitchingPoint, isNarrow, isKeyFrame } of steps) {
          path.level = isNarrow ? SEND_NEEDED : SEND_ALL;
          if (isKeyFrame) {
            gate.onKeyFrame(0);
            missing = [];
            continue;
          }
          const endsHere = isSwitchingPoint && temporal === 0;
          if (endsHere) missing = [];
          const isSent = gate.onFrame(codec, picture(temporal, endsHere), 0) === 'send';
          if (!isSent && temporal === 0) return false;
          if (isSent && missing.some((lost) => lost <= temporal)) return false;
          if (!isSent) missing.push(temporal);
        }
        return true;
      }),
    );
  }
  t.end();
});
