import { expect, test } from 'vitest'
import { detectRuntimes } from './detect.ts'

const hostWith = (programs: Record<string, string>) => ({ version: (program: string) => programs[program] })

test('a host without Node versions of its own offers the one Weft runs on, its Pythons and custom runtimes', () => {
  const found = detectRuntimes(
    hostWith({
      '/weft/node': 'v24.21.0',
      '/usr/bin/python3.11': 'Python 3.11.2',
      '/usr/bin/python3.13': 'Python 3.13.5',
    }),
    '/weft/node',
  )
  expect(found.map(({ id, binary, version }) => [id, binary, version])).toEqual([
    ['nodejs24.x', '/weft/node', '24.21.0'],
    ['provided.al2', '', ''],
    ['provided.al2023', '', ''],
    ['python3.11', '/usr/bin/python3.11', '3.11.2'],
    ['python3.13', '/usr/bin/python3.13', '3.13.5'],
  ])
})

test("the host's own Node serves its major only where nothing better does", () => {
  const found = detectRuntimes(
    hostWith({ '/weft/node': 'v24.21.0', '/usr/bin/node': 'v22.1.0', '/usr/local/bin/node': 'v18.0.0' }),
    '/weft/node',
  )
  expect(found.filter((runtime) => runtime.language === 'nodejs').map(({ id, version }) => [id, version])).toEqual([
    ['nodejs22.x', '22.1.0'],
    ['nodejs24.x', '24.21.0'],
  ])
})
