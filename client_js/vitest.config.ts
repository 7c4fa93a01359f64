import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

const source = join(import.meta.dirname, 'src')

export default defineConfig({
  resolve: {
    alias: {
      '@segue/client/react': join(source, 'react.ts'),
      '@segue/client': join(source, 'index.ts'),
    },
  },
  test: {
    include: ['tests/**/*.test.ts', 'tests/**/*.test.tsx'],
    testTimeout: 30_000,
    hookTimeout: 90_000,
    fileParallelism: false,
    unstubGlobals: true,
  },
})
