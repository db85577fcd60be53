import { startNatsServer } from '@weft/kit'
import { openLink } from '@weft/nats'
import { silentLogger } from '@weft/platform'
import { expect, it } from 'vitest'
import type { PackageRecord } from './packages/package-record.ts'
import { packageStream, publishPackages } from './stream.ts'

const packages = (count: number): PackageRecord[] =>
  Array.from({ length: count }, (_, n) => ({ kind: 'npm', name: `package-${n}`, version: '1.0.0', bytes: n }))

it('puts every package on the stream once, however often it runs', async () => {
  await using server = await startNatsServer()
  await using link = await openLink({ servers: [server.url], name: 'test', log: silentLogger })

  expect(await publishPackages(link, packages(300))).toEqual({ published: 300, known: 0, total: 300 })
  expect(await publishPackages(link, packages(302))).toEqual({ published: 2, known: 300, total: 302 })
  // Two at once: what the other has stored in the meantime is no failure.
  await Promise.all([publishPackages(link, packages(400)), publishPackages(link, packages(400))])

  const { state } = await link.jsm.streams.info(packageStream)
  expect(state.messages).toBe(400)
})
