import { type AwsError, awsError, err, ok, type Result } from '@weft/contracts'
import { silentLogger } from '@weft/platform'
import { describe, expect, it } from 'vitest'
import type { CallContext, InvokeInput, InvokeOutput } from '../operations/context.ts'
import { natsInvokeDoor } from './nats-invoke.ts'

const answered: InvokeOutput = { kind: 'answered', payload: Buffer.from('{"a":1}'), executedVersion: '$LATEST' }

const harness = (result: Result<InvokeOutput, AwsError> | Error = ok(answered)) => {
  const calls: { context: CallContext; input: InvokeInput }[] = []
  const door = natsInvokeDoor({
    log: silentLogger,
    maxMessageBytes: () => 1_000_000,
    invoke: async (context, input) => {
      calls.push({ context, input })
      if (result instanceof Error) throw result
      return result
    },
  })
  const send = (subject: string, headers: Record<string, string> = {}, payload = '{}') => {
    const lower = Object.fromEntries(Object.entries(headers).map(([k, v]) => [k.toLowerCase(), v]))
    const header = (name: string) => lower[name.toLowerCase()]
    return door({ subject, payload: Buffer.from(payload), header, headers: () => lower, wantsReply: true })
  }
  return { calls, send }
}

const subject = 'weft.invoke.000000000000.hello'

describe('the NATS invoke door', () => {
  it('calls as the account of the subject, with the headers of the REST door', async () => {
    const { calls, send } = harness()
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    await send(`${subject}.prod`, {
      'x-amz-log-type': 'Tail',
      'X-Amz-Client-Context': 'e30=',
      'X-Amzn-Trace-Id': 'Root=1-2-3',
      traceparent,
    })
    expect(calls[0]?.context.principal.accountId).toBe('000000000000')
    expect(calls[0]?.input).toEqual({
      functionName: 'hello',
      qualifier: 'prod',
      payload: Buffer.from('{}'),
      invocationType: 'RequestResponse',
      logTail: true,
      clientContext: 'e30=',
      traceHeader: 'Root=1-2-3',
      traceparent,
    })
  })

  it('answers with payload, version, function error and log', async () => {
    const { send, calls } = harness(ok({ ...answered, functionError: 'Unhandled', logTail: 'START\n' }))
    const reply = await send(subject)
    expect(Buffer.from(reply.payload).toString()).toBe('{"a":1}')
    expect(reply.headers).toEqual({
      'Weft-Request-Id': calls[0]?.context.requestId,
      'X-Amz-Executed-Version': '$LATEST',
      'Weft-Function-Error': 'Unhandled',
      'X-Amz-Log-Result': Buffer.from('START\n').toString('base64'),
    })
  })

  it.each([
    ['Event', ok({ kind: 'accepted' } as const)],
    ['DryRun', ok({ kind: 'dry-run' } as const)],
  ])('answers %s without a payload', async (type, result) => {
    const { calls, send } = harness(result)
    const reply = await send(subject, { 'X-Amz-Invocation-Type': type })
    expect(calls[0]?.input.invocationType).toBe(type)
    expect(reply.payload).toHaveLength(0)
    expect(reply.headers['Nats-Service-Error']).toBeUndefined()
  })

  it('tells a refusal as NATS services do', async () => {
    const { send } = harness(
      err(
        awsError('TooManyRequestsException', 'Rate Exceeded.', {
          reason: 'CallerRateLimitExceeded',
          retryAfterSeconds: 1,
        }),
      ),
    )
    const reply = await send(subject)
    expect(reply.headers).toMatchObject({
      'Nats-Service-Error': 'Rate Exceeded.',
      'Nats-Service-Error-Code': '429',
      'Weft-Error-Type': 'TooManyRequestsException',
      'Weft-Error-Reason': 'CallerRateLimitExceeded',
      'Retry-After': '1',
    })
    expect(JSON.parse(Buffer.from(reply.payload).toString())).toEqual({
      Type: 'User',
      message: 'Rate Exceeded.',
      Reason: 'CallerRateLimitExceeded',
    })
  })

  it('hides the cause of an internal error', async () => {
    const reply = await harness(new Error('secret detail')).send(subject)
    expect(reply.headers['Nats-Service-Error-Code']).toBe('500')
    expect(Buffer.from(reply.payload).toString()).not.toContain('secret')
  })

  it.each([
    'weft.invoke.000000000000.a*',
    'weft.invoke.000000000000.$JS',
    'weft.invoke.000000000000.',
    `weft.invoke.000000000000.${'x'.repeat(65)}`,
    'weft.invoke.000000000000.\u202ehello',
    'weft.invoke.000000000000.h\u0435llo',
    'weft.invoke.0.hello',
    'weft.invoke.000000000000.hello.-1!',
    'weft.invoke.000000000000.hello.prod.more',
  ])('refuses the subject %j', async (bad) => {
    const { calls, send } = harness()
    expect((await send(bad)).headers['Nats-Service-Error-Code']).toBe('400')
    expect(calls).toEqual([])
  })

  it.each(['__proto__', 'constructor', 'CON'])('takes the function name %s as a name and no more', async (name) => {
    const { calls, send } = harness()
    await send(`weft.invoke.000000000000.${name}`)
    expect(calls[0]?.input.functionName).toBe(name)
  })

  it.each([
    ['X-Amz-Invocation-Type', 'requestresponse'],
    ['X-Amz-Invocation-Type', `Event\r\nWeft-Request-Id: x${'y'.repeat(2_000)}`],
    ['X-Amz-Log-Type', 'x'],
  ])('refuses %s: %j', async (name, value) => {
    const reply = await harness().send(subject, { [name]: value })
    expect(reply.headers['Weft-Error-Type']).toBe('ValidationException')
    expect(reply.headers['Nats-Service-Error']).not.toMatch(/[\r\n]/)
  })

  it('ignores headers of the inside', async () => {
    const { calls, send } = harness()
    const inside = { 'Weft-Request-Id': 'r', 'Weft-Attempt': '9', 'Nats-Msg-Id': 'x', 'Nats-Rollup': 'all' }
    const reply = await send(subject, inside)
    expect(calls[0]?.context.requestId).not.toBe('r')
    expect(Object.keys(calls[0]?.input ?? {})).toEqual(['functionName', 'payload', 'invocationType', 'logTail'])
    expect(reply.headers['Weft-Request-Id']).toBe(calls[0]?.context.requestId)
  })

  it('refuses an answer that does not fit into a message', async () => {
    const { send } = harness(ok({ ...answered, payload: new Uint8Array(999_000) }))
    const reply = await send(subject)
    expect(reply.headers['Nats-Service-Error-Code']).toBe('413')
    expect(reply.payload.byteLength).toBeLessThan(1_000)
  })
})
