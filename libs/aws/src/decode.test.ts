import { describe, expect, it } from 'vitest'
import { decodeRequest } from './decode.ts'

const none = { labels: {}, query: [], headers: {}, body: Buffer.alloc(0) }
const create = (body: string | Buffer) => decodeRequest('CreateFunction', { ...none, body: Buffer.from(body) })
const good = { FunctionName: 'f', Role: 'arn:aws:iam::123456789012:role/r', Code: { ZipFile: 'UEs=' } }

describe('decodeRequest', () => {
  it('reads bytes, drops what the model does not know and takes null for absent', () => {
    const read = create(JSON.stringify({ ...good, Timeout: null, Nope: 1, Environment: { Variables: { AB: 'x' } } }))
    expect(read).toEqual({
      ok: true,
      value: { ...good, Code: { ZipFile: Buffer.from('PK') }, Environment: { Variables: { AB: 'x' } } },
    })
  })

  it('binds labels, query and headers', () => {
    const read = decodeRequest('Invoke', {
      labels: { FunctionName: 'f' },
      query: [{ name: 'Qualifier', value: '1' }],
      headers: { 'x-amz-invocation-type': 'Event', 'x-amz-log-type': 'None' },
      body: Buffer.from('{}'),
    })
    expect(read).toEqual({
      ok: true,
      value: {
        FunctionName: 'f',
        Qualifier: '1',
        InvocationType: 'Event',
        LogType: 'None',
        Payload: Buffer.from('{}'),
      },
    })
  })

  it.each([
    ['null', 'The request body must be a JSON object.'],
    ['[]', 'The request body must be a JSON object.'],
    ['"x"', 'The request body must be a JSON object.'],
    ['{"a":NaN}', 'The request body is not a JSON document.'],
    ['{"a":1,}', 'The request body is not a JSON document.'],
    ['\ufeff{}', 'The request body is not a JSON document.'],
    ['{}{}', 'The request body is not a JSON document.'],
    [Buffer.from('{}', 'utf16le'), 'The request body is not a JSON document.'],
    [Buffer.from([0x7b, 0xff, 0x7d]), 'The request body is not UTF-8.'],
    ['{"Timeout":"3"}', 'STRING_VALUE can not be converted to an Integer (member Timeout)'],
    ['{"Timeout":3.5}', 'NUMBER_VALUE can not be converted to an Integer (member Timeout)'],
    ['{"Timeout":1e400}', 'NUMBER_VALUE can not be converted to an Integer (member Timeout)'],
    ['{"Timeout":9007199254740993}', 'NUMBER_VALUE can not be converted to an Integer (member Timeout)'],
    ['{"FunctionName":1}', 'NUMBER_VALUE can not be converted to a String (member FunctionName)'],
    ['{"FunctionName":"\\ud800"}', 'Lone surrogate (member FunctionName)'],
    ['{"Publish":"true"}', 'STRING_VALUE can not be converted to a Boolean (member Publish)'],
    ['{"Code":"x"}', 'Unexpected field type (member Code)'],
    ['{"Code":{"ZipFile":"UE s="}}', 'Invalid base64 (member Code.ZipFile)'],
    ['{"Code":{"ZipFile":"UE_="}}', 'Invalid base64 (member Code.ZipFile)'],
    ['{"Code":{"ZipFile":"UEs"}}', 'Invalid base64 (member Code.ZipFile)'],
    ['{"Layers":"x"}', 'Expected list or null (member Layers)'],
    ['{"Tags":[]}', 'Expected map or null (member Tags)'],
    [`${'['.repeat(100_000)}`, 'The request body is not a JSON document.'],
  ])('refuses %j', (body, message) => {
    expect(create(body)).toEqual({ ok: false, error: { code: 'SerializationException', message } })
  })

  it('survives a depth of 100,000 in a member it does not know', () => {
    const deep = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`
    expect(create(`{"Deep":${deep}}`)).toMatchObject({ ok: false, error: { code: 'ValidationException' } })
  })

  it('keeps __proto__ a key like any other', () => {
    const read = create(`{"__proto__":{"Role":"x"},"Tags":{"__proto__":"v"},${JSON.stringify(good).slice(1)}`)
    expect(read.ok && Object.keys(read.value.Tags ?? {})).toEqual(['__proto__'])
    expect(({} as Record<string, unknown>).v).toBeUndefined()
  })

  it('refuses a repeated query parameter and a number that is none', () => {
    const list = (...values: string[]) =>
      decodeRequest('ListFunctions', { ...none, query: values.map((value) => ({ name: 'MaxItems', value })) })
    expect(list('1', '2')).toMatchObject({ ok: false, error: { code: 'SerializationException' } })
    expect(list('1e9')).toMatchObject({ ok: false, error: { code: 'SerializationException' } })
    expect(list('0')).toMatchObject({ ok: false, error: { code: 'ValidationException' } })
    expect(list('10')).toEqual({ ok: true, value: { MaxItems: 10 } })
  })
})
