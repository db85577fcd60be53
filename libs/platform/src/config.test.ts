import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { readConfig, secretSetting, setting, settings } from './config.ts'

const fields = {
  httpPort: setting('WEFT_HTTP_PORT', settings.port.default(9000)),
  stopMs: setting('WEFT_STOP_MS', settings.milliseconds(1, 60_000)),
  secret: secretSetting('WEFT_CLUSTER_SECRET', z.string().min(16, 'must have 16 characters or more')),
  servers: setting('WEFT_NATS', settings.list.optional()),
}

describe('readConfig', () => {
  it('gives a typed, frozen object with defaults', () => {
    const read = readConfig(fields, { WEFT_STOP_MS: '500', WEFT_CLUSTER_SECRET: 'x'.repeat(16), WEFT_NATS: 'a, b,' })
    expect(read).toEqual({
      ok: true,
      value: { httpPort: 9000, stopMs: 500, secret: 'x'.repeat(16), servers: ['a', 'b'] },
    })
    expect(read.ok && Object.isFrozen(read.value)).toBe(true)
  })

  it('names variable, value and rule of every problem, and never a secret', () => {
    const read = readConfig(fields, { WEFT_HTTP_PORT: '70000', WEFT_STOP_MS: '', WEFT_CLUSTER_SECRET: 'hunter2' })
    expect(read).toEqual({
      ok: false,
      error: [
        'WEFT_HTTP_PORT is "70000": must be from 0 to 65535',
        'WEFT_STOP_MS is not set: a value is required',
        'WEFT_CLUSTER_SECRET has a value (not shown): must have 16 characters or more',
      ],
    })
  })

  it.each(['-1', '1e3', '0x10', ' 5', '5.5', '', 'NaN', '99999999999999999999'])('refuses the number %j', (text) => {
    expect(readConfig({ n: setting('N', settings.integer(0, 10)) }, { N: text }).ok).toBe(false)
  })

  it('takes a secret out of a message that quotes it', () => {
    const quoting = z.string().refine(() => false, { error: (issue) => `${String(issue.input)} is not a seed` })
    const read = readConfig({ seed: secretSetting('SEED', quoting) }, { SEED: 'SUABC' })
    expect(read).toEqual({ ok: false, error: ['SEED has a value (not shown): … is not a seed'] })
  })

  it('compares settings with one another', () => {
    const read = readConfig(
      { a: setting('A', settings.port), b: setting('B', settings.port) },
      { A: '1', B: '1' },
      (c) => (c.a === c.b ? ['A and B must differ'] : []),
    )
    expect(read).toEqual({ ok: false, error: ['A and B must differ'] })
  })
})
