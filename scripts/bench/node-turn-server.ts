/** Starts npm's node-turn for the benchmark: `node node-turn-server.ts PACKAGE_FOLDER JSON_OPTIONS`. */
import { createRequire } from 'node:module';

const [folder = '', options = '{}'] = process.argv.slice(2);
const NodeTurn = createRequire(import.meta.url)(folder) as new (options: unknown) => { start(): void };
new NodeTurn(JSON.parse(options)).start();
