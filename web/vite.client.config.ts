/** Build of the client for other people's pages: one module at a stable path, with nothing shared with the console. */
import { defineConfig } from 'vite';

export default defineConfig({
  publicDir: false,
  build: {
    target: ['chrome123', 'firefox128', 'safari17.5'],
    outDir: 'dist/client',
    sourcemap: false,
    reportCompressedSize: false,
    rolldownOptions: {
      input: 'client/turnkeep.ts',
      preserveEntrySignatures: 'strict',
      output: { entryFileNames: 'turnkeep.js' },
    },
  },
});
