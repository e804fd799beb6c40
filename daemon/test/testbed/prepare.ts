/** Makes what the boxes need before the first of them is asked for: `node daemon/test/testbed/prepare.ts rootfs|bundle`. */
import { makeBundle } from './bundle.ts';
import { ensureRootfs } from './rootfs.ts';

if (process.argv[2] === 'rootfs') await ensureRootfs();
else await makeBundle();
