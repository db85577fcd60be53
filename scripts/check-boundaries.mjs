// Imports point down: every package may use only the packages of lower floors, must declare what it uses, and no file
// reaches into another package's folder.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { root } from './lib/steps.mjs'

const floors = [
  ['contracts'],
  ['platform', 'runtimes'],
  ['registry', 'policy', 'admission', 'placement', 'delivery', 'sandbox', 'aws', 'archive'],
  ['invoke', 'nats', 'docker', 'brokers', 'cli'],
  [
    'frontend-service',
    'placement-service',
    'worker-service',
    'poller-service',
    'async-queue-service',
    'metrics-service',
    'admin-service',
  ],
  ['embedded', 'cluster-init'],
  ['kit'],
  ['cluster-tests', 'bench', 'sim', 'chaos'],
]
const floorOf = new Map(floors.flatMap((names, floor) => names.map((name) => [`@weft/${name}`, floor])))
/** Test tools stand on adapters, not on what they test; tests of any floor may use them. */
const testTools = '@weft/kit'

const folders = ['libs', 'services', 'deploy', 'test'].flatMap((top) =>
  readdirSync(join(root, top), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(root, top, entry.name)),
)
const sources = (folder) =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(ts|tsx|mjs)$/.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((path) => !/\/(node_modules|gen|dist)\//.test(path))

const problems = []
for (const folder of folders) {
  let manifest
  try {
    manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  } catch (error) {
    if (error.code === 'ENOENT') continue
    throw error
  }
  const floor = floorOf.get(manifest.name)
  if (floor === undefined) problems.push(`${manifest.name} has no floor in scripts/check-boundaries.mjs`)
  const declared = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies }
  for (const path of sources(folder)) {
    const isTest = /\.test\.ts$|\/testing\//.test(path)
    const where = relative(root, path)
    const text = readFileSync(path, 'utf8')
    for (const [, specifier] of text.matchAll(
      /^\s*(?:import|export)\b[^'"\n]*(?:\n[^'"\n;]*)*?from\s+['"]([^'"]+)['"]/gm,
    )) {
      if (specifier.startsWith('.')) {
        if (relative(folder, resolve(dirname(path), specifier)).startsWith('..'))
          problems.push(`${where} reaches out of its package: ${specifier}`)
        continue
      }
      if (!specifier.startsWith('@weft/')) continue
      const used = specifier.split('/').slice(0, 2).join('/')
      if (used === manifest.name) continue
      if (!(used in declared)) problems.push(`${where} uses ${used}, which ${manifest.name} does not declare`)
      if (isTest && used === testTools) continue
      const usedFloor = floorOf.get(used)
      if (usedFloor === undefined) problems.push(`${where} uses unknown ${used}`)
      else if (floor !== undefined && usedFloor >= floor)
        problems.push(`${where}: ${manifest.name} may not use ${used}`)
    }
  }
}
for (const problem of problems) process.stderr.write(`${problem}\n`)
process.stdout.write(`${folders.length} packages, ${problems.length} problems\n`)
process.exitCode = problems.length > 0 ? 1 : 0
