// Builds AWS's runtime interface client for Node.js (npm package aws-lambda-ric) with its native part, for the test that
// runs it unmodified as a custom runtime. It compiles curl and aws-lambda-cpp: some minutes, and Debian's cmake, g++,
// make, autoconf, automake, libtool and xz-utils.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { missingPackages } from './lib/apt.mjs'
import { nodeBinary } from './lib/setup.mjs'
import { Refusal, root, run, step } from './lib/steps.mjs'

const version = '4.0.2'
const folder = join(root, '.weft/tools/aws-lambda-ric')
const built = join(folder, 'node_modules/aws-lambda-ric/rapid-client.node')

const missing = missingPackages(['cmake', 'g++', 'make', 'autoconf', 'automake', 'libtool', 'xz-utils'])
if (existsSync(built)) console.log(`${built} is there`)
else if (missing.length > 0) {
  console.error(`aws-lambda-ric cannot be built here: install the Debian packages ${missing.join(', ')}`)
  process.exitCode = 1
} else
  step('aws-lambda-ric', () => {
    mkdirSync(folder, { recursive: true })
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({ private: true, dependencies: { 'aws-lambda-ric': version } }),
    )
    const node = dirname(nodeBinary())
    // The headers that came with Node.js, where they did; else node-gyp fetches them.
    const headers = existsSync(join(node, '../include/node/node_api.h')) ? { npm_config_nodedir: join(node, '..') } : {}
    run('npm', ['install', '--foreground-scripts', '--loglevel=error'], {
      cwd: folder,
      env: { ...process.env, ...headers, PATH: `${node}:${process.env.PATH}` },
    })
    if (!existsSync(built)) throw new Refusal('npm installed aws-lambda-ric without its native part')
  })
