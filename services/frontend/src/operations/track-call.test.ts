import {
  type AwsError,
  accountId,
  awsError,
  err,
  functionName,
  ok,
  type ResolvedFunction,
  type Result,
} from '@weft/contracts'
import { keepSeconds } from '@weft/delivery'
import { MemoryBook } from '@weft/delivery/testing'
import { silentLogger, systemClock } from '@weft/platform'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Principal } from '../doors/door.ts'
import type { CallContext, InvokeInput, InvokeOutput } from './context.ts'
import { checkTracking, trackCall } from './track-call.ts'

const account = accountId('123456789012')
const record = { accountId: account, functionName: functionName('f') }
const target = { record, version: { timeoutMs: 3_000 } } as ResolvedFunction
const principal: Principal = { accountId: account, arn: `arn:aws:iam::${account}:root`, keyId: 'AKID' }
const bytes = (text: string) => new TextEncoder().encode(text)

let book: MemoryBook
let runs: string[]
let now: number
beforeEach(() => {
  book = new MemoryBook()
  runs = []
  now = 1_000_000
})
const clock = { ...systemClock, now: () => now, schedule: (ms: number, fn: () => void) => systemClock.schedule(ms, fn) }

type Run = (context: CallContext) => Promise<Result<InvokeOutput, AwsError>>
const answered: Run = async ({ requestId }) => {
  runs.push(requestId)
  return ok({ kind: 'answered', payload: bytes(`"run ${runs.length}"`), executedVersion: '$LATEST' })
}
let count = 0
const call = (change: {
  readonly key?: string
  readonly payload?: string
  readonly type?: InvokeInput['invocationType']
  readonly run?: Run
}) =>
  trackCall(
    { book, clock, log: silentLogger },
    {
      context: { principal, requestId: `00000000-0000-4000-8000-${`${++count}`.padStart(12, '0')}` },
      target,
      payload: bytes(change.payload ?? '{}'),
      input: { invocationType: change.type ?? 'RequestResponse' },
      tracking: { ...(change.key !== undefined && { key: change.key }) },
      run: change.run ?? answered,
    },
  )
const textOf = (result: Result<InvokeOutput, AwsError>): string =>
  result.ok && result.value.kind === 'answered' ? new TextDecoder().decode(result.value.payload) : ''

describe('calls under an idempotency key', () => {
  it('run once and give one answer, also for callers at the same time', async () => {
    let finish = (): void => {}
    const slow: Run = async (context) => {
      await new Promise<void>((resolve) => {
        finish = resolve
      })
      return answered(context)
    }
    const first = call({ key: 'k', run: slow })
    const second = call({ key: 'k' })
    await expect.poll(() => book.entries.size).toBe(1)
    finish()
    const answers = await Promise.all([first, second, call({ key: 'k' })])
    expect(answers.map(textOf)).toEqual(['"run 1"', '"run 1"', '"run 1"'])
    expect(new Set(answers.map((one) => one.ok && 'requestId' in one.value && one.value.requestId)).size).toBe(1)
    expect(textOf(await call({ key: 'other' }))).toBe('"run 2"')
  })

  it('keep a function error, and begin anew after the window', async () => {
    const failing: Run = async (context) => {
      const output = await answered(context)
      return output.ok && output.value.kind === 'answered'
        ? ok({ ...output.value, functionError: 'Unhandled' as const })
        : output
    }
    expect(await call({ key: 'k', run: failing })).toMatchObject({ value: { functionError: 'Unhandled' } })
    expect(await call({ key: 'k' })).toMatchObject({ value: { functionError: 'Unhandled' } })
    now += keepSeconds.default * 1_000
    expect(textOf(await call({ key: 'k' }))).toBe('"run 2"')
  })

  it('leave nothing when they came to no answer', async () => {
    const throttled: Run = async () => err(awsError('TooManyRequestsException', 'Rate Exceeded.'))
    expect(await call({ key: 'k', run: throttled })).toMatchObject({ error: { code: 'TooManyRequestsException' } })
    expect(textOf(await call({ key: 'k' }))).toBe('"run 1"')
  })

  it('are taken over from a caller that died', async () => {
    void call({ key: 'k', run: () => new Promise(() => {}) })
    await expect.poll(() => book.entries.size).toBe(1)
    now += 3_000 + 60_000
    expect(textOf(await call({ key: 'k' }))).toBe('"run 1"')
  })

  it('refuse another payload', async () => {
    await call({ key: 'k', payload: '1' })
    expect(await call({ key: 'k', payload: '2' })).toMatchObject({ error: { code: 'InvalidParameterValueException' } })
  })

  it('of events are accepted under one request id, again as long as nobody has run them', async () => {
    const accept: Run = async ({ requestId }) => {
      runs.push(requestId)
      return ok({ kind: 'accepted' })
    }
    const first = await call({ key: 'k', type: 'Event', run: accept })
    const second = await call({ key: 'k', type: 'Event', run: accept })
    expect(second).toEqual(first)
    // The store takes one id once; a first caller may have died before it got there.
    expect(new Set(runs).size).toBe(1)
    const [entry] = book.entries.values()
    if (entry) await book.write(entry, { ...entry.invocation, state: 'running' })
    expect(await call({ key: 'k', type: 'Event', run: accept })).toEqual(first)
    expect(runs).toHaveLength(2)
  })
})

it('a result without a key is kept under the id of its call', async () => {
  const output = await call({})
  const [entry] = book.entries.values()
  expect(output.ok && 'requestId' in output.value && output.value.requestId).toBe(entry?.invocation.requestId)
  expect(entry).toMatchObject({ invocation: { state: 'ended', condition: 'Success' }, answer: bytes('"run 1"') })
})

it.each([
  [{ key: '' }],
  [{ key: 'a b' }],
  [{ key: 'x'.repeat(257) }],
  [{ keepSeconds: 119 }],
  [{ keepSeconds: Number.NaN }],
])('refuses %j', (tracking) => {
  expect(checkTracking(tracking)?.code).toBe('InvalidParameterValueException')
})
