import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { join } from 'node:path'
import { buildLayer, pythonBase, pythonConfig } from '@weft/kit'
import { seccompProfile } from '@weft/sandbox'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundleConfig } from '../oci/bundle.ts'
import { makeMountPoint, makeRootfs, sharedHostPaths } from '../oci/rootfs.ts'
import { type DriverUnderTest, drivers } from '../testing/drivers.ts'
import { extensionProgram } from '../testing/extension-program.ts'
import { hostThings } from '../testing/host-things.ts'
import { TestWorker, testDataDir } from '../testing/test-worker.ts'

const program = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8')
const walls = { 'app.py': program('walls.py') }
const marks = { 'app.py': program('marks.py') }
/** Pairs of leaving a mark and looking for it; 1,000 by hand. */
const pairs = Number(process.env.WEFT_WALL_PAIRS ?? 15)
/** A Python that has probes for it. */
const spec = { runtime: 'python3.11', handler: 'app.handler', memoryMb: 2_048, timeoutMs: 60_000 }

interface Findings {
  readonly attempts: number
  readonly found: Readonly<Record<string, string>>
}

describe.each(drivers)('walls of the $name driver', ({ name, prepare }) => {
  let data: ReturnType<typeof testDataDir>
  let host: Awaited<ReturnType<DriverUnderTest['prepare']>>
  let things: Awaited<ReturnType<typeof hostThings>>
  let w: TestWorker
  beforeAll(async () => {
    data = testDataDir()
    host = await prepare()
    things = await hostThings(data.path)
    w = await TestWorker.start(host.create(data.path), data.path)
  })
  afterAll(async () => {
    await w[Symbol.asyncDispose]()
    things.close()
    data.remove()
    await host[Symbol.asyncDispose]()
  })

  if (name === 'process') {
    test('there are none, as the driver says, and the suite sees it', async () => {
      // What would harm the host here stays untried.
      const skip = ['reboot', 'settimeofday', 'sethostname', 'swapon', 'acct', 'kexec_load', 'init_module', 'chroot']
      const harmful = ['pivot_root', 'mount', 'unshare', 'become_root', 'system_files', 'code_mount', 'control_groups']
      const floods = ['flood_of_bytes', 'flood_of_processes', 'flood_of_threads', 'device_nodes']
      const env = await w.environment(walls, spec)
      const { found } = (await env.call({ ...things.event, skip: [...skip, ...harmful, ...floods] })) as Findings
      expect(Object.keys(found)).toEqual(
        expect.arrayContaining([
          ...['privileges', 'filter_of_system_calls', 'ports_of_the_host', 'sockets_of_the_host', 'other_processes'],
          'secrets_of_the_host',
        ]),
      )
    })
    return
  }

  test('hold against every attempt, cold and warm', async () => {
    for (const ephemeralStorageMb of [512, 600]) {
      const env = await w.environment(walls, { ...spec, ephemeralStorageMb })
      const event = { ...things.event, tmpMb: ephemeralStorageMb }
      for (const _turn of ['cold', 'warm']) {
        expect(await env.call(event)).toEqual({ attempts: expect.any(Number), found: {} })
      }
    }
  })

  test('hold as well where the runtime runs beside the first process, for extensions', async () => {
    const layers = [w.layer({ 'extensions/watcher': extensionProgram })]
    const env = await w.environment(walls, { ...spec, layers })
    // The first process and the extension are the environment's own.
    const event = { ...things.event, skip: ['other_processes'] }
    for (const _turn of ['cold', 'warm'])
      expect(await env.call(event)).toEqual({ attempts: expect.any(Number), found: {} })
  })

  test('hold as well around a container image', async () => {
    const layers = [await buildLayer(pythonBase()), await buildLayer({ 'var/task/app.py': walls['app.py'] })]
    const image = { entryPoint: pythonConfig.Entrypoint, command: ['app.handler'], workingDirectory: '/var/task' }
    const env = await w.imageEnvironment(layers, image, { memoryMb: spec.memoryMb, timeoutMs: spec.timeoutMs })
    // The first process is the environment's own.
    const event = { ...things.event, skip: ['other_processes'] }
    for (const _turn of ['cold', 'warm'])
      expect(await env.call(event)).toEqual({ attempts: expect.any(Number), found: {} })
  })

  test(`${pairs} marks are looked for in vain: in another function, version and tenant, after a timeout and a crash`, async () => {
    const kinds = ['function', 'version', 'tenant', 'timeout', 'crash'] as const
    for (let pair = 0; pair < pairs; pair++) {
      const kind = kinds[pair % kinds.length] as (typeof kinds)[number]
      const first = await w.environment(marks, { ...spec, timeoutMs: kind === 'timeout' ? 5_000 : 30_000 })
      await first.call({ leave: `mark ${pair}`, end: kind })
      if (kind === 'timeout' || kind === 'crash') {
        expect([kind, await first.call({ keepsTmp: true, priority: getPriority() })]).toEqual([kind, []])
        w.send({ $case: 'stop', value: { epoch: 1n, sandboxId: first.sandboxId, reason: 'enough' } })
        continue
      }
      const other = {
        function: { functionName: 'g', sandboxKey: 'g' },
        version: { version: '2', sandboxKey: 'v' },
        tenant: { accountId: '111111111111', sandboxKey: 't' },
      }[kind]
      const second = await w.environment(marks, { ...spec, ...other })
      expect([kind, await second.call({ priority: getPriority() })]).toEqual([kind, []])
      for (const { sandboxId } of [first, second])
        w.send({ $case: 'stop', value: { epoch: 1n, sandboxId, reason: 'enough' } })
    }
  })
})

describe('a sandbox that was loosened on purpose', () => {
  const data = testDataDir()
  // The users of sandboxes walk through it.
  chmodSync(data.path, 0o711)
  afterAll(() => data.remove())
  type Config = ReturnType<typeof bundleConfig>

  /** Runs the attempts in a sandbox made as the driver makes it, but for what `loosen` changes. */
  async function findings(loosen: (config: Config) => object, event: object = {}): Promise<Findings['found']> {
    const id = `loose${process.pid}x${Math.trunc(performance.now())}`
    const bundle = join(data.path, id)
    const rootfs = join(bundle, 'rootfs')
    for (const folder of ['socket', 'tmp', 'code']) mkdirSync(join(bundle, folder), { recursive: true, mode: 0o777 })
    writeFileSync(join(bundle, 'code/app.py'), program('walls.py'))
    await makeRootfs(rootfs)
    for (const path of sharedHostPaths.filter((path) => path === '/usr')) await makeMountPoint(rootfs, path, true)
    const command = ['/usr/bin/python3', '-I', '-S', '/var/task/app.py', JSON.stringify({ skip: floods, ...event })]
    const config = bundleConfig({
      sandboxId: id,
      runtime: { id: 'walls', binds: [], command, environment: {}, framed: false },
      ...{ firstHostUid: 2 ** 24, rootfs, tmpDir: join(bundle, 'tmp'), socketDir: join(bundle, 'socket') },
      code: { taskDir: join(bundle, 'code') },
      cgroupPath: `/weft-walls/${id}`,
      memoryBytes: 512 * 2 ** 20,
      seccomp: seccompProfile(process.arch),
      openFilesHardLimit: 1_024,
      sharedHostPaths: ['/usr'],
    })
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(loosen(config)))
    const state = join(bundle, 'state')
    const child = spawn('runc', ['--root', state, 'run', '--bundle', bundle, id], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    child.stdout.on('data', (chunk) => (said += chunk))
    await once(child, 'close')
    rmSync(bundle, { recursive: true, force: true })
    return (JSON.parse(said) as Findings).found
  }
  /** What needs a disk of its own for /tmp, or would flood the machine where a limit is loose. */
  const floods = ['flood_of_bytes', 'number_of_inodes', 'flood_of_processes', 'flood_of_threads']

  test('made as the driver makes it nothing is found', async () => {
    expect(await findings((config) => config)).toEqual({})
  })

  test.each([
    [
      'without the filter',
      (c: Config) => ({ ...c, linux: { ...c.linux, seccomp: undefined } }),
      ['filter_of_system_calls', 'shmget'],
    ],
    [
      'with a way to gain privileges',
      (c: Config) => ({ ...c, process: { ...c.process, noNewPrivileges: false } }),
      ['privileges'],
    ],
    [
      'with a capability',
      (c: Config) => {
        const all = ['CAP_SYS_CHROOT']
        const capabilities = { bounding: all, effective: all, inheritable: all, permitted: all, ambient: all }
        return { ...c, process: { ...c.process, capabilities } }
      },
      ['privileges'],
    ],
    ['as root', (c: Config) => ({ ...c, process: { ...c.process, user: { uid: 0, gid: 0 } } }), ['privileges']],
    [
      'in the network of the host',
      (c: Config) => ({
        ...c,
        linux: { ...c.linux, namespaces: c.linux.namespaces.filter(({ type }) => type !== 'network') },
        // Nobody but the owner of a network may mount its sysfs.
        mounts: c.mounts.filter(({ destination }) => destination !== '/sys'),
      }),
      ['ports_of_the_host'],
    ],
    [
      'with a folder of the host',
      (c: Config) => ({
        ...c,
        mounts: [...c.mounts, { destination: '/home', type: 'bind', source: data.path, options: ['bind', 'rw'] }],
      }),
      ['secrets_of_the_host'],
    ],
    [
      'without a limit of open files',
      (c: Config) => ({ ...c, process: { ...c.process, rlimits: [] } }),
      ['flood_of_descriptors'],
    ],
  ] as const)('%s it is found', async (_, loosen, expected) => {
    const things = await hostThings(data.path)
    try {
      const event = { ...things.event, files: ['/home/secret', ...things.event.files] }
      expect(Object.keys(await findings(loosen, event))).toEqual(expect.arrayContaining([...expected]))
    } finally {
      things.close()
      rmSync(join(data.path, 'control.sock'), { force: true })
    }
  })
})
