import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, expect, test } from 'vitest'

const program = `
import { edgeFields, fileSetting, runService, setting, settings } from '@weft/platform'
await runService({
  service: 'sample',
  fields: { colour: setting('COLOUR', settings.text), secret: fileSetting('SECRET_FILE') },
  async start(config, { opened }) {
    if (config.colour === 'none') throw new Error('there is no such colour')
    opened.defer(() => console.log('closed'))
    return {
      service: {
        name: 'sample',
        problems: () => (config.colour === 'red' ? ['red is wrong'] : []),
        [Symbol.asyncDispose]: async () => console.log('service stopped'),
      },
      details: () => ({ colour: config.colour }),
      metrics: () => 'one 1\\n',
    }
  },
})
`

let child: ChildProcessWithoutNullStreams
let output = ''
afterEach(() => {
  child.kill('SIGKILL')
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

function start(env: Record<string, string>): Promise<[number | null, NodeJS.Signals | null]> {
  output = ''
  child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: import.meta.dirname,
    env: { ...process.env, WEFT_HOST: '127.0.0.1', SECRET_FILE: '/dev/null', ...env },
  })
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  return once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
}

const get = (port: number, path: string) => fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined)

test('a service answers for itself, and ends cleanly when it is told to', async () => {
  const port = await freePort()
  const ended = start({ COLOUR: 'blue', WEFT_HEALTH_PORT: `${port}`, WEFT_INSTANCE_ID: 'one' })
  await expect.poll(async () => (await get(port, '/readyz'))?.status, { timeout: 60_000 }).toBe(200)
  const report = await (await get(port, '/healthz'))?.json()
  expect(report).toMatchObject({ service: 'sample', status: 'ok', details: { colour: 'blue', instanceId: 'one' } })
  expect(await (await get(port, '/metrics'))?.text()).toBe('one 1\n')
  child.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
  expect(output).toMatch(/service stopped\n[\s\S]*closed\n/)
})

test('a problem makes it unready and is told', async () => {
  const port = await freePort()
  const ended = start({ COLOUR: 'red', WEFT_HEALTH_PORT: `${port}` })
  const problems = async () => ((await (await get(port, '/readyz'))?.json()) as { problems?: unknown })?.problems
  await expect.poll(problems, { timeout: 60_000 }).toEqual(['red is wrong'])
  expect((await get(port, '/readyz'))?.status).toBe(503)
  child.kill('SIGINT')
  expect(await ended).toEqual([0, null])
})

test('a wrong configuration is told in one line for each setting', async () => {
  const ended = start({ WEFT_HEALTH_PORT: 'x', SECRET_FILE: '/nowhere' })
  expect(await ended).toEqual([1, null])
  expect(output).toContain('sample: COLOUR is not set: a value is required')
  expect(output).toContain('sample: WEFT_HEALTH_PORT is "x": must be a whole number')
  expect(output).toContain('sample: SECRET_FILE is "/nowhere": cannot be read (ENOENT)')
})

test('a start that fails ends with 1 and says why', async () => {
  const ended = start({ COLOUR: 'none', WEFT_HEALTH_PORT: '0' })
  expect(await ended).toEqual([1, null])
  expect(output).toContain('there is no such colour')
})
