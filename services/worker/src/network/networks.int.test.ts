import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testDataDir } from '../testing/test-worker.ts'

const program = fileURLToPath(new URL('../testing/network-process.ts', import.meta.url))
interface Seen {
  readonly seen: Readonly<Record<string, string>>
  readonly names: readonly string[]
  readonly own: string | null
  readonly resolv: string
}
const reached = ({ seen }: Seen): readonly string[] =>
  Object.entries(seen).flatMap(([where, what]) => (/Error$|timeout$/i.test(what) ? [] : [where]))

describe.each(['oci', 'docker'])('networks of functions over the %s driver', (driver) => {
  const data = testDataDir()
  let found: Record<'out' | 'web' | 'none' | 'db' | 'without', Seen> & {
    readonly controlPort: number
    readonly neighbour: string
    readonly unknown: string
    readonly ids: readonly string[]
    readonly left: string
  }

  beforeAll(async () => {
    // Its own network stands for the host's, so that the machine's is left alone.
    const child = spawn('unshare', ['--net', process.execPath, program, data.path, driver], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    child.stdout.on('data', (chunk) => (said += chunk))
    const [code] = await once(child, 'close')
    expect(code).toBe(0)
    found = JSON.parse(said)
  })
  afterAll(() => data.remove())

  test('a function without networks has loopback alone', () => {
    expect(found.without.names).toEqual(['lo'])
    expect(reached(found.without)).toEqual([])
  })

  test('egress only: the Internet, under the address of the host, and nothing private, of the host or of others', () => {
    expect(found.out.names).toEqual(['lo', 'eth0'])
    expect(reached(found.out)).toEqual(['203.0.113.10:80', '203.0.113.10:443'])
    expect(found.out.seen['203.0.113.10:80']).toBe('203.0.113.1')
    expect(found.out.seen[`10.213.0.1:${found.controlPort}`]).toBeDefined()
    expect(found.out.seen[`${found.neighbour}:7000`]).toBeDefined()
    expect(found.out.resolv).toBe('nameserver 203.0.113.53\n')
  })

  test('security groups allow what they list', () => {
    expect(reached(found.web)).toEqual(['203.0.113.10:443'])
    expect(reached(found.none)).toEqual([])
  })

  test('a subnet leads to the private ranges that it is declared to lead to', () => {
    expect(reached(found.db)).toEqual(['203.0.113.10:80', '203.0.113.10:443', '192.168.77.10:5432'])
  })

  test('an unknown network is refused, the known ones are told, and nothing is left of them', () => {
    expect(found.unknown).toBe('this worker has no network subnet-other')
    expect(found.ids).toEqual(['subnet-out', 'subnet-db', 'sg-all', 'sg-web', 'sg-none'])
    expect(found.left).not.toMatch(/weft|wf[0-9a-f]{8}b/)
  })
})
