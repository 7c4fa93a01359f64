/** Builds the npm package; what it depends on stays outside, above all Yjs, of which there may be one only. */
import { join } from 'node:path'
import { defineConfig } from 'vite'

const source = join(import.meta.dirname, 'src')

export default defineConfig({
  build: {
    outDir: 'dist',
    copyPublicDir: false,
    target: 'es2022',
    minify: false,
    lib: {
      entry: { index: join(source, 'index.ts'), react: join(source, 'react.ts') },
      formats: ['es'],
    },
    rolldownOptions: { external: /^(yjs|y-protocols|lib0|react|@hocuspocus)(\/|$)/ },
  },
})
