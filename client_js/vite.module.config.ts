/** Builds `/client.js`: the library and Yjs as one ES module, for pages without a bundler. */
import { join } from 'node:path'
import { defineConfig } from 'vite'

export default defineConfig({
  build: {
    outDir: join(import.meta.dirname, '../server/segue/web'),
    emptyOutDir: false,
    copyPublicDir: false,
    target: 'es2022',
    lib: {
      entry: join(import.meta.dirname, 'src/index.ts'),
      formats: ['es'],
      fileName: () => 'client.js',
    },
  },
})
