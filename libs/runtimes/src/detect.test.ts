import { expect, test } from 'vitest'
import { detectRuntimes } from './detect.ts'

const hostWith = (programs: Record<string, string>, javaHomes: readonly (readonly [string, string])[] = []) => ({
  version: (program: string) => programs[program],
  javaHomes: () => javaHomes,
  javaClient: (): string | undefined => '/cache/java.jar',
  exists: (path: string) => path in programs,
})

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

test('Ruby is offered under the name of its release', () => {
  const found = detectRuntimes(hostWith({ '/usr/bin/ruby3.3': 'ruby 3.3.8 (2025-04-09 revision b200bad6cd)' }), '')
  expect(found.filter(({ language }) => language === 'ruby')).toEqual([
    { id: 'ruby3.3', language: 'ruby', binary: '/usr/bin/ruby3.3', version: '3.3.8' },
  ])
})

test('Java is offered in every release that our client runs on, with the folders that it needs', () => {
  const jdks = [
    ['/usr/lib/jvm/java-11-openjdk-amd64', '11.0.2'],
    ['/usr/lib/jvm/java-17-openjdk-amd64', '17.0.15'],
    ['/opt/jdk-21', '21.0.1'],
    ['/usr/lib/jvm/other-21', '21.0.9'],
  ] as const
  const host = hostWith({ '/etc/java-17-openjdk': '', '/opt/jdk-21': '' }, jdks)
  const java = { language: 'java', client: '/cache/java.jar' }
  expect(detectRuntimes(host, '').filter(({ language }) => language === 'java')).toEqual([
    {
      ...{ ...java, id: 'java17', version: '17.0.15', needs: ['/etc/java-17-openjdk'] },
      binary: '/usr/lib/jvm/java-17-openjdk-amd64/bin/java',
    },
    { ...java, id: 'java21', version: '21.0.1', needs: ['/opt/jdk-21'], binary: '/opt/jdk-21/bin/java' },
  ])
  const withoutCompiler = { ...host, javaClient: () => undefined }
  expect(detectRuntimes(withoutCompiler, '').filter(({ language }) => language === 'java')).toEqual([])
})
