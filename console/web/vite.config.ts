import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

const steersman = 'http://127.0.0.1:8420';

// assetsInlineLimit 0: a data: URL would need a hole in the Content-Security-Policy.
export default defineConfig({
  plugins: [react()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    chunkSizeWarningLimit: 1200,
  },
  server: { proxy: { '/steersman': steersman, '/api': steersman, '/login': steersman } },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
