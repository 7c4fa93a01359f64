/** Writes API.md from the types of the built package: what `index` and `react` export, with its comments. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const types = (module) => readFileSync(join(root, `dist/${module}.d.ts`), 'utf8')

/** Gives `[module, names]` of each line of the entry that passes names on. */
function exportsOf(entry) {
  const lines = types(entry).matchAll(/^export (type )?\{([^}]*)\} from '\.\/(.*?)';$/gm)
  return [...lines].map(([, , names, module]) => [
    module,
    names
      .split(',')
      .map((name) => name.trim().replace(/^type /, ''))
      .filter(Boolean),
  ])
}

/** Cuts a module into its declarations, each with the comment above it. */
function declarationsOf(module) {
  const pattern =
    /(?:^\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?^export (?:declare )?(?:abstract )?(?:class|interface|type|function|const) (\w+)[\s\S]*?(?=\n(?:\/\*\*|export |declare |import )|\s*$(?![\s\S]))/gm
  return new Map([...types(module).matchAll(pattern)].map(([text, name]) => [name, text]))
}

function shown(declaration) {
  const body = declaration
    .split('\n')
    .filter((line) => !/^\s+(#private;|constructor\(|private |protected )/.test(line))
    .map((line) => line.replace(/^export (declare )?/, ''))
    .join('\n')
  return `\`\`\`ts\n${body}\n\`\`\``
}

function section(name, declaration) {
  if (!declaration) throw new Error(`${name} is exported, and its declaration was not found`)
  return `### ${name}\n\n${shown(declaration)}`
}

function chapter(title, modules) {
  const sections = modules.flatMap(([module, names]) => {
    const declarations = declarationsOf(module)
    return names.map((name) => section(name, declarations.get(name)))
  })
  return `## \`${title}\`\n\n${sections.join('\n\n')}`
}

export function reference() {
  const hooks = [['react', [...declarationsOf('react').keys()]]]
  return [
    '# The client, in types',
    'Made from the source by `npm run reference`; how to use it stands in the README.',
    chapter('@segue/client', exportsOf('index')),
    chapter('@segue/client/react', hooks),
    '',
  ].join('\n\n')
}

if (process.argv[1] === import.meta.filename) writeFileSync(join(root, 'API.md'), reference())
