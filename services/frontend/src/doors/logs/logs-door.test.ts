import { accountId, type FunctionRecord, type FunctionVersion, functionName, type LogBatch } from '@weft/contracts'
import type { StoredMessage, StreamReader } from '@weft/nats'
import { MemoryCollection } from '@weft/registry/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { doorRequest, sessionPrincipal, testAuthorizer } from '../testing.ts'
import { logsDoor } from './logs-door.ts'

const account = '000000000000'
const start = Date.UTC(2026, 0, 15, 12)
const streamName = '2026/01/15/[$LATEST]aaaa'

/** The log stream as a list. */
class FakeLogs implements StreamReader {
  messages: StoredMessage[] = []

  put(fn: string, batch: Partial<LogBatch>, storedAtMs: number, of = account, extra = ''): void {
    const whole = {
      accountId: of,
      functionName: fn,
      logGroup: `/aws/lambda/${fn}`,
      logStream: streamName,
      requestId: 'r',
      lines: [],
      ...batch,
    }
    const data = Buffer.from(`${JSON.stringify(whole)}\n${extra}`)
    this.messages.push({
      sequence: this.messages.length + 1,
      storedAtMs,
      subject: `weft.log.${of}.${fn}`,
      data,
      pending: 0,
    })
  }
  async state() {
    return { createdAt: '', firstSequence: 1, lastSequence: this.messages.length }
  }
  async subjects(filter: string) {
    const prefix = filter.replace('*', '')
    return new Map(this.messages.filter((m) => m.subject.startsWith(prefix)).map((m) => [m.subject, 1]))
  }
  async *scan({ filter, from }: Parameters<StreamReader['scan']>[0]) {
    for (const m of this.messages) {
      const late = 'sequence' in from ? m.sequence >= from.sequence : m.storedAtMs >= from.timeMs
      if (late && filter.includes(m.subject)) yield m
    }
  }
  follow(): AsyncIterable<StoredMessage> {
    throw new Error('not used')
  }
}

let logs: FakeLogs
let door: ReturnType<typeof logsDoor>
const record = (name: string) =>
  ({
    functionName: functionName(name),
    accountId: accountId(account),
    latest: { logGroup: `/aws/lambda/${name}` },
  }) as FunctionRecord

const call = async (operation: string, input: unknown, as = account) => {
  const response = await door.handle(
    doorRequest({
      method: 'POST',
      headers: { 'x-amz-target': `Logs_20140328.${operation}` },
      body: Buffer.from(typeof input === 'string' ? input : JSON.stringify(input)),
      accountId: as,
    }),
  )
  return { status: response.status, body: JSON.parse(String(response.body)) }
}

const line = (n: number, message = `line ${n}`) => ({ atMs: start + n, message })

let publishedWith: readonly FunctionVersion[] = []

beforeEach(() => {
  publishedWith = []
  logs = new FakeLogs()
  door = logsDoor({
    logs,
    region: 'us-east-1',
    authorizer: testAuthorizer(),
    catalogue: {
      functions: (of) => (of === account ? [record('hello'), record('quiet')] : []),
      versions: (_of, name) => (name === 'hello' ? publishedWith : []),
      function: () => undefined,
      version: () => undefined,
      alias: () => undefined,
    },
    triggers: new MemoryCollection(),
    clock: { now: () => start },
  })
  logs.put('hello', { lines: [line(1), line(2, 'ERROR two')] }, start + 10)
  logs.put('gone', { lines: [line(3)] }, start + 10)
  logs.put('hello', { lines: [line(4)], logStream: '2026/01/15/[1]bbbb' }, start + 10)
  logs.put('hello', { lines: [line(5, 'theirs')] }, start + 10, '111111111111')
  logs.put('hello', { lines: [line(6)] }, start + 20)
})

const messages = (body: { events: { message: string }[] }) => body.events.map((e) => e.message)
const group = { logGroupName: '/aws/lambda/hello' }

describe('DescribeLogGroups', () => {
  it('names the groups of functions, silent and deleted ones too, and pages', async () => {
    const all = await call('DescribeLogGroups', {})
    const names = all.body.logGroups.map((g: { logGroupName: string }) => g.logGroupName)
    expect(names).toEqual(['/aws/lambda/gone', '/aws/lambda/hello', '/aws/lambda/quiet'])
    const first = await call('DescribeLogGroups', { limit: 2 })
    const rest = await call('DescribeLogGroups', { limit: 2, nextToken: first.body.nextToken })
    expect(rest.body.logGroups).toHaveLength(1)
    expect(rest.body.nextToken).toBeUndefined()
  })
})

it('refuses whom no policy lets read, about the group and stream that are asked for', async () => {
  const refused = async (operation: string, input: object) => {
    const headers = { 'x-amz-target': `Logs_20140328.${operation}` }
    const body = Buffer.from(JSON.stringify(input))
    const principal = sessionPrincipal(account, 'r')
    const response = await door.handle(doorRequest({ method: 'POST', headers, body, principal }))
    return { status: response.status, body: JSON.parse(String(response.body)) }
  }
  const prefix = `arn:aws:logs:us-east-1:${account}:log-group:/aws/lambda/hello:log-stream:`
  const answer = await refused('FilterLogEvents', group)
  expect(answer.status).toBe(400)
  expect(answer.body).toEqual({
    __type: 'AccessDeniedException',
    message: `User: arn:aws:sts::${account}:assumed-role/r/f is not authorized to perform: logs:FilterLogEvents on resource: ${prefix} because no identity-based policy allows the logs:FilterLogEvents action`,
  })
  const stream = await refused('GetLogEvents', { ...group, logStreamName: 's' })
  expect(stream.body.message).toContain(`logs:GetLogEvents on resource: ${prefix}s because`)
})

it('a version keeps the group that it was published with', async () => {
  publishedWith = [{ ...record('hello').latest, version: '1', logGroup: '/former' }]
  logs.put('hello', { lines: [line(7)], logGroup: '/former', logStream: '2026/01/15/[1]cccc' }, start + 20)
  expect(messages((await call('FilterLogEvents', { logGroupName: '/former' })).body)).toEqual(['line 7'])
  expect(messages((await call('FilterLogEvents', group)).body)).not.toContain('line 7')
})

describe('FilterLogEvents', () => {
  it('gives the lines of the caller alone, in order of time', async () => {
    const { body } = await call('FilterLogEvents', group)
    expect(messages(body)).toEqual(['line 1', 'ERROR two', 'line 4', 'line 6'])
    expect(messages((await call('FilterLogEvents', group, '111111111111')).body)).toEqual(['theirs'])
  })

  it('filters by time, stream and pattern', async () => {
    expect(
      messages((await call('FilterLogEvents', { ...group, startTime: start + 2, endTime: start + 4 })).body),
    ).toEqual(['ERROR two', 'line 4'])
    expect(messages((await call('FilterLogEvents', { ...group, filterPattern: 'ERROR' })).body)).toEqual(['ERROR two'])
    expect(messages((await call('FilterLogEvents', { ...group, logStreamNamePrefix: '2026/01/15/[1]' })).body)).toEqual(
      ['line 4'],
    )
  })

  it('pages without loss or repetition', async () => {
    const seen: string[] = []
    let nextToken: string | undefined
    do {
      const { body } = await call('FilterLogEvents', { ...group, limit: 1, ...(nextToken && { nextToken }) })
      seen.push(...messages(body))
      nextToken = body.nextToken
    } while (nextToken)
    expect(seen).toEqual(['line 1', 'ERROR two', 'line 4', 'line 6'])
  })

  it('refuses a token of another question, of another account, and garbage', async () => {
    const { body } = await call('FilterLogEvents', { ...group, limit: 1 })
    for (const [input, as] of [
      [{ ...group, nextToken: body.nextToken, startTime: 1 }, account],
      [{ ...group, nextToken: body.nextToken }, '111111111111'],
      [{ ...group, nextToken: 'forged' }, account],
    ] as const)
      expect((await call('FilterLogEvents', input, as)).body.__type).toBe('InvalidParameterException')
  })

  it('keeps whatever a function prints, and survives messages that are no batches', async () => {
    const odd = 'END RequestId: x\r\n\u0000\u001b[31m</script>\ufffd\ud800'
    logs.put('hello', { lines: [line(7, odd)] }, start + 30, account, 'null\n{"lines":1}\nnot json\n')
    expect(messages((await call('FilterLogEvents', { ...group, startTime: start + 7 })).body)).toEqual([odd])
  })
})

describe('GetLogEvents', () => {
  const stream = { ...group, logStreamName: streamName }

  it('reads from the tail or the head and walks both ways', async () => {
    expect(messages((await call('GetLogEvents', { ...stream, limit: 2 })).body)).toEqual(['ERROR two', 'line 6'])
    const head = await call('GetLogEvents', { ...stream, limit: 2, startFromHead: true })
    expect(messages(head.body)).toEqual(['line 1', 'ERROR two'])
    const next = await call('GetLogEvents', { ...stream, nextToken: head.body.nextForwardToken })
    expect(messages(next.body)).toEqual(['line 6'])
    const end = await call('GetLogEvents', { ...stream, nextToken: next.body.nextForwardToken })
    expect(messages(end.body)).toEqual([])
    // The end shows by the token staying the same.
    expect(end.body.nextForwardToken).toBe(next.body.nextForwardToken)
    const back = await call('GetLogEvents', { ...stream, nextToken: next.body.nextBackwardToken })
    expect(messages(back.body)).toEqual(['line 1', 'ERROR two'])
  })

  it('does not know other streams', async () => {
    const { body } = await call('GetLogEvents', { ...group, logStreamName: '2026/01/15/[$LATEST]none' })
    expect(body.__type).toBe('ResourceNotFoundException')
  })
})

it('describes streams with their first and last line', async () => {
  const { body } = await call('DescribeLogStreams', { ...group, orderBy: 'LastEventTime', descending: true })
  expect(body.logStreams).toMatchObject([
    { logStreamName: streamName, firstEventTimestamp: start + 1, lastEventTimestamp: start + 6 },
    { logStreamName: '2026/01/15/[1]bbbb' },
  ])
})

describe('bad input', () => {
  it.each([
    ['FilterLogEvents', { logGroupName: '/aws/lambda/none' }, 'ResourceNotFoundException'],
    [
      'FilterLogEvents',
      { logGroupIdentifier: 'arn:aws:logs:us-east-1:111111111111:log-group:/aws/lambda/hello' },
      'ResourceNotFoundException',
    ],
    ['FilterLogEvents', {}, 'InvalidParameterException'],
    ['FilterLogEvents', { ...group, logGroupName: 5 }, 'SerializationException'],
    ['FilterLogEvents', { ...group, startTime: 'x' }, 'SerializationException'],
    ['FilterLogEvents', { ...group, limit: 1e9 }, 'InvalidParameterException'],
    ['FilterLogEvents', { ...group, limit: 0 }, 'InvalidParameterException'],
    ['FilterLogEvents', { ...group, filterPattern: '{ $.x = 1 }' }, 'InvalidParameterException'],
    ['FilterLogEvents', '{"logGroupName":"/aws/lambda/hello","startTime":1e400}', 'SerializationException'],
    ['FilterLogEvents', '[]', 'SerializationException'],
    ['FilterLogEvents', '{', 'SerializationException'],
    ['constructor', {}, 'UnknownOperationException'],
    ['PutLogEvents', {}, 'UnknownOperationException'],
    ['GetLogEvents', group, 'InvalidParameterException'],
    ['DescribeLogStreams', { ...group, orderBy: 'x' }, 'InvalidParameterException'],
  ])('%s %j', async (operation, input, type) => {
    const { status, body } = await call(operation, input)
    expect([status, body.__type]).toEqual([400, type])
  })

  it('takes an ARN of the own account', async () => {
    const arn = `arn:aws:logs:us-east-1:${account}:log-group:/aws/lambda/hello:*`
    expect((await call('FilterLogEvents', { logGroupIdentifier: arn })).status).toBe(200)
  })
})
