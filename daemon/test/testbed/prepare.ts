/** Makes what the boxes need before the first of them is asked for: `node daemon/test/testbed/prepare.ts`. */
import { makeBundle } from './bundle.ts';
import { ensureRootfs } from './rootfs.ts';

await ensureRootfs();
await makeBundle();
