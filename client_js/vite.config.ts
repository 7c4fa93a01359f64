/** Builds the page into the Python package: what the server serves is files of its own wheel. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig, type Plugin } from 'vite'

const web = join(import.meta.dirname, 'web')

export default defineConfig({
  root: web,
  base: '/',
  resolve: { alias: { react: 'preact/compat' } },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: join(import.meta.dirname, '../server/segue/web'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false }, // it would be a script inside the page
    rolldownOptions: {
      input: [join(web, 'index.html'), join(web, 'side-by-side.html')],
    },
  },
  plugins: [serviceWorker()],
})

/** Writes the service worker with the list of the files that the page starts from. */
function serviceWorker(): Plugin {
  return {
    name: 'service-worker',
    generateBundle(_options, bundle) {
      const files = Object.keys(bundle).filter((name) => !name.endsWith('.html'))
      const source = readFileSync(join(web, 'service-worker.js'), 'utf8')
      const filled = source.replace('/* files */', files.map((name) => `'/${name}'`).join(', '))
      this.emitFile({ type: 'asset', fileName: 'service-worker.js', source: filled })
    },
  }
}
