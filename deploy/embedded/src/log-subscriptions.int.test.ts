import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { startFabric, type TestFabric } from '@weft/kit'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { awsCli } from './testing/aws-cli.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

const dir = mkdtempSync(join(tmpdir(), 'weft-log-subscriptions-'))
const account = '000000000000'
const group = '/aws/lambda/shop'
const sink = `arn:aws:lambda:us-east-1:${account}:function:sink`
let fabric: TestFabric
let cli: ReturnType<typeof awsCli>

beforeAll(async () => {
  fabric = await startFabric({ args: ['--durability', 'default'] })
  cli = awsCli(fabric, dir)
  await cli.createTellers('shop', 'sink')
})
afterAll(async () => {
  await fabric?.[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true, force: true })
})

interface Message {
  readonly logEvents: readonly { readonly id: string; readonly message: string }[]
}

test('a filter calls its function with the lines of a log group that match, by the leave of its policy', async () => {
  const put = ['logs', 'put-subscription-filter', '--log-group-name', group, '--filter-name', 'wrong']
  const how = ['--filter-pattern', '"got" -fine', '--destination-arn', sink]
  expect(await cli.refused(...put, ...how)).toContain('Make sure you have given CloudWatch Logs permission')
  await cli.permit('sink', 'logs.amazonaws.com', `arn:aws:logs:us-east-1:${account}:log-group:${group}:*`)
  // A frontend looks at policies as it knows them.
  await expect.poll(() => cli.refused(...put, ...how), { timeout: 60_000 }).toBe('done')
  expect(await cli.aws('logs', 'describe-subscription-filters', '--log-group-name', group)).toMatchObject({
    subscriptionFilters: [{ filterName: 'wrong', filterPattern: '"got" -fine', destinationArn: sink }],
  })
  const told = async (): Promise<Message[]> =>
    (await cli.told('sink')).map((event) => {
      const { awslogs } = event as { readonly awslogs: { readonly data: string } }
      return JSON.parse(gunzipSync(Buffer.from(awslogs.data, 'base64')).toString())
    })
  const invoke = (payload: string) =>
    cli.aws(
      ...['lambda', 'invoke', '--function-name', 'shop', '--cli-binary-format', 'raw-in-base64-out'],
      ...['--payload', JSON.stringify(payload), join(dir, 'out')],
    )
  // A filter counts from some seconds after it was put.
  const first = async (): Promise<number> => {
    await invoke('fine')
    await invoke('broken')
    return (await told()).length
  }
  await expect.poll(first, { timeout: 120_000 }).toBeGreaterThan(0)
  const [message] = await told()
  expect(message).toMatchObject({
    ...{ messageType: 'DATA_MESSAGE', owner: account, logGroup: group, subscriptionFilters: ['wrong'] },
    logStream: expect.stringMatching(/^\d{4}\/\d\d\/\d\d\/\[\$LATEST\]/),
  })
  const lines = (await told()).flatMap(({ logEvents }) => logEvents)
  for (const line of lines) expect(line.message).toContain('got "broken"')
  const known = await cli.aws('logs', 'filter-log-events', '--log-group-name', group, '--filter-pattern', 'broken')
  const ids = known.events.map(({ eventId }: { readonly eventId: string }) => eventId)
  expect(ids).toEqual(expect.arrayContaining(lines.map(({ id }) => id)))

  await cli.aws('logs', 'delete-subscription-filter', '--log-group-name', group, '--filter-name', 'wrong')
  const shown = await cli.aws('logs', 'describe-subscription-filters', '--log-group-name', group)
  expect(shown).toEqual({ subscriptionFilters: [] })
})
