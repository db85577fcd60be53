import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startDockerd } from '@weft/docker/testing'
import Docker from 'dockerode'
import { type ComposeOptions, compose, composeProgram } from './compose.ts'
import { type ClusterState, stateVariable } from './engine-files.ts'
import { cgroupFolders, clusterLeftovers } from './leftovers.ts'

// npm run test:cluster: an engine, the images, the cluster, the tests, and the proof that nothing is left.

const root = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')
const readyMs = 300_000
const projectPrefix = 'weft-test-'
const say = (line: string): void => void process.stdout.write(`  ${line}\n`)

let passed = 0
let failed = 0
let tests: ChildProcess | undefined
const interrupted = new AbortController()

// What was brought up is taken down whatever happens; a second signal changes nothing.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    interrupted.abort(new Error(`interrupted by ${signal}`))
    tests?.kill('SIGTERM')
  })

async function main(): Promise<void> {
  composeProgram()
  const before = cgroupFolders()
  // Images are kept between runs: building all of them takes most of a minute.
  const engine = await startDockerd({ dataRoot: join(root, '.weft/dockerd') })
  say(`engine: ${engine.describe}`)
  try {
    if (engine.own) await removeStale(engine.socketPath)
    const image = await buildImage(engine.socketPath)
    say(`image: ${image}`)
    mkdirSync(join(root, '.weft'), { recursive: true })
    const workDir = mkdtempSync(join(root, '.weft/test-cluster-'))
    const project = `${projectPrefix}${randomBytes(4).toString('hex')}`
    const state: ClusterState = { socketPath: engine.socketPath, project, clusterDir: join(workDir, 'cluster') }
    await runOn({ ...state, image }, workDir, state)
    if (failed === 0) rmSync(workDir, { recursive: true, force: true })
    else say(`logs are in ${workDir}`)
  } finally {
    await engine[Symbol.asyncDispose]()
  }
  const left = [...engine.leftovers(), ...[...cgroupFolders()].filter((folder) => !before.has(folder))]
  count('the engine and the host are as before', left)
}

/** What a run that was killed has left in the kept folder of the engine. */
async function removeStale(socketPath: string): Promise<void> {
  const docker = new Docker({ socketPath })
  const stale = (labels: Record<string, string> | undefined) =>
    labels?.['com.docker.compose.project']?.startsWith(projectPrefix) === true
  for (const { Id, Labels } of await docker.listContainers({ all: true }))
    if (stale(Labels)) await docker.getContainer(Id).remove({ force: true, v: true })
  for (const { Id, Labels } of await docker.listNetworks()) if (stale(Labels)) await docker.getNetwork(Id).remove()
  for (const { Name, Labels } of (await docker.listVolumes()).Volumes)
    if (stale(Labels)) await docker.getVolume(Name).remove()
}

async function buildImage(socketPath: string): Promise<string> {
  // A plain script that runs without any build, so it has no types.
  const script: { buildImage(options: object): Promise<string> } = await import(
    new URL('../../../deploy/build-images.mjs', import.meta.url).href
  )
  return script.buildImage({ socketPath, log: say })
}

async function runOn(options: ComposeOptions, workDir: string, state: ClusterState): Promise<void> {
  const docker = new Docker({ socketPath: options.socketPath })
  const seen = new Set<string>()
  try {
    say(`project: ${options.project}`)
    await compose(options, 'up', '-d')
    await whenHealthy(docker, options.project, seen)
    say('every service is ready')
    const stateFile = join(workDir, 'state.json')
    writeFileSync(stateFile, JSON.stringify(state))
    await runTests(stateFile, join(workDir, 'report.json'))
  } catch (error) {
    failed += 1
    process.stdout.write(`${error instanceof Error ? error.message : error}\n`)
  } finally {
    for (const { Id } of await containersOf(docker, options.project)) seen.add(Id)
    if (failed > 0)
      writeFileSync(join(workDir, 'cluster.log'), await compose(options, 'logs', '--no-color', '--timestamps'))
    await compose(options, 'down', '--volumes', '--remove-orphans', '--timeout', '30')
  }
  count('the cluster leaves no container, network, volume, mount or cgroup', await clusterLeftovers(state, [...seen]))
}

const containersOf = (docker: Docker, project: string) =>
  docker.listContainers({ all: true, filters: { label: [`com.docker.compose.project=${project}`] } })

/** Resolves when every container that has a health check is healthy; rejects with what keeps the others. */
async function whenHealthy(docker: Docker, project: string, seen: Set<string>): Promise<void> {
  const deadline = performance.now() + readyMs
  for (;;) {
    const containers = await containersOf(docker, project)
    const ill: string[] = []
    for (const { Id, Names } of containers) {
      seen.add(Id)
      const { State } = await docker.getContainer(Id).inspect()
      if (State.Status === 'exited' && State.ExitCode === 0) continue
      const health = State.Health
      if (health ? health.Status !== 'healthy' : !State.Running)
        ill.push(`${Names[0]}: ${health?.Status ?? State.Status} ${health?.Log.at(-1)?.Output.trim() ?? ''}`)
    }
    if (ill.length === 0) return
    interrupted.signal.throwIfAborted()
    if (performance.now() > deadline) throw new Error(`not ready after ${readyMs} ms:\n${ill.join('\n')}`)
    await wait(500)
  }
}

async function runTests(stateFile: string, report: string): Promise<void> {
  const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'cluster']
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  tests = spawn(process.execPath, [...args, ...reporters, ...process.argv.slice(2)], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, [stateVariable]: stateFile },
  })
  const [status] = (await once(tests, 'exit')) as [number | null]
  interrupted.signal.throwIfAborted()
  if (!existsSync(report)) throw new Error('vitest wrote no report')
  const counted = JSON.parse(readFileSync(report, 'utf8')) as { numPassedTests: number; numFailedTests: number }
  passed += counted.numPassedTests
  failed += counted.numFailedTests
  if (status !== 0 && counted.numFailedTests === 0) throw new Error(`vitest ended with ${status}`)
  if (counted.numPassedTests === 0 && counted.numFailedTests === 0) throw new Error('vitest ran no test')
}

function count(what: string, left: readonly string[]): void {
  if (left.length === 0) {
    passed += 1
    say(`✓ ${what}`)
  } else {
    failed += 1
    say(`× ${what}:\n${left.map((line) => `    ${line}`).join('\n')}`)
  }
}

try {
  await main()
} catch (error) {
  failed += 1
  process.stdout.write(`cluster tests cannot run: ${error instanceof Error ? error.message : error}\n`)
}
process.stdout.write(`\n${passed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
