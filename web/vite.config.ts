/** Build of the console: hashed files, nothing inline (the CSP forbids it), every page but the wall loaded when opened. */
import { defineConfig } from 'vite';

export default defineConfig({
  base: '/',
  build: {
    target: ['chrome123', 'firefox128', 'safari17.5'],
    // A data: URL would be refused by the CSP for anything but pictures.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    reportCompressedSize: false,
    manifest: 'manifest.json',
  },
});
