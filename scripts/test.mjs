// npm test: sets the machine up, checks types, style and imports, runs every test, and closes with `N passed, N failed`.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { nodeBinary, setUp } from './lib/setup.mjs'
import { atTheEdge, Refusal, root } from './lib/steps.mjs'

const results = join(root, '.weft/test-results')
let passed = 0
let failed = 0
const failures = []

function check(title, program, args, env) {
  process.stdout.write(`\n── ${title}\n`)
  const { status } = spawnSync(program, args, { cwd: root, stdio: 'inherit', env })
  if (status === 0) passed += 1
  else {
    failed += 1
    failures.push(title)
  }
}

function vitest(project, env) {
  process.stdout.write(`\n── ${project} tests\n`)
  const report = join(results, `${project}.json`)
  rmSync(report, { force: true })
  const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', project]
  const { status } = spawnSync(
    nodeBinary(),
    [...args, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    {
      cwd: root,
      stdio: 'inherit',
      env,
    },
  )
  if (!existsSync(report)) {
    failed += 1
    failures.push(`${project}: vitest wrote no report`)
    return
  }
  const counted = JSON.parse(readFileSync(report, 'utf8'))
  passed += counted.numPassedTests
  failed += counted.numFailedTests
  if (counted.numFailedTests > 0) failures.push(`${project} tests: ${counted.numFailedTests} failed`)
  else if (status !== 0) {
    // A file that could not be loaded, or an error outside any test.
    failed += 1
    failures.push(`${project} tests: vitest ended with ${status}`)
  }
}

await atTheEdge(async () => {
  if (process.getuid?.() !== 0) throw new Refusal('the tests build real sandboxes and need root: run `sudo npm test`')
  setUp({ docker: true, brokers: true, languages: true, clients: true, networks: true, isolation: true, images: true })
  mkdirSync(results, { recursive: true })
  const env = {
    ...process.env,
    PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}`,
    TURBO_TELEMETRY_DISABLED: '1',
  }
  check('types', 'tsc', ['--noEmit', '-p', 'tsconfig.json'], env)
  check('lint', 'biome', ['check', '.'], env)
  check('imports point down', nodeBinary(), ['scripts/check-boundaries.mjs'], env)
  vitest('unit', env)
  vitest('integration', env)
  check('cluster', nodeBinary(), ['scripts/test-cluster.mjs'], env)
  if (failures.length > 0) process.stdout.write(`\nfailed:\n${failures.map((line) => `  ${line}`).join('\n')}\n`)
  process.stdout.write(`\n${passed} passed, ${failed} failed\n`)
  return failed === 0 && passed > 0 ? 0 : 1
})
