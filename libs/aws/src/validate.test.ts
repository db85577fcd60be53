import { describe, expect, it } from 'vitest'
import type { OperationInputs, OperationName } from './model/types.ts'
import { validateInput } from './validate.ts'

const message = <O extends OperationName>(operation: O, input: unknown): string | undefined =>
  validateInput(operation, input as OperationInputs[O])?.message

const good = { FunctionName: 'f', Role: 'arn:aws:iam::123456789012:role/r', Code: {} }

describe('validateInput, in the words of AWS', () => {
  it('passes a good input', () => {
    expect(message('CreateFunction', { ...good, Timeout: 900, MemorySize: 10240, Runtime: 'any' })).toBeUndefined()
  })

  it('counts the violations', () => {
    expect(message('CreateFunction', { FunctionName: 'f' })).toBe(
      "2 validation errors detected: Value null at 'role' failed to satisfy constraint: Member must not be null; " +
        "Value null at 'code' failed to satisfy constraint: Member must not be null",
    )
  })

  it.each([
    [
      'Timeout',
      901,
      "Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900",
    ],
    [
      'Timeout',
      0,
      "Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1",
    ],
    [
      'MemorySize',
      127,
      "Value '127' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128",
    ],
    [
      'Handler',
      'a b',
      "Value 'a b' at 'handler' failed to satisfy constraint: Member must satisfy regular expression pattern: [^\\s]+",
    ],
    [
      'Handler',
      'a\n',
      "Value 'a\n' at 'handler' failed to satisfy constraint: Member must satisfy regular expression pattern: [^\\s]+",
    ],
    [
      'EphemeralStorage',
      { Size: 1 },
      "Value '1' at 'ephemeralStorage.size' failed to satisfy constraint: Member must have value greater than or equal to 512",
    ],
    [
      'Architectures',
      ['mips'],
      "Value '[mips]' at 'architectures' failed to satisfy constraint: Member must satisfy enum value set: [x86_64, arm64]",
    ],
    [
      'Environment',
      { Variables: { '1': 'secret' } },
      "Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]",
    ],
  ])('refuses %s %j', (member, value, text) => {
    expect(message('CreateFunction', { ...good, [member]: value })).toBe(`1 validation error detected: ${text}`)
  })

  it('gives length before pattern', () => {
    const name = `${'x'.repeat(200)} `
    expect(message('GetFunction', { FunctionName: name })).toMatch(
      /^1 validation error detected: Value 'x+ ' at 'functionName' .*regular expression pattern/,
    )
    expect(message('CreateFunction', { ...good, FunctionName: name })).toMatch(
      /^2 validation errors detected: .*length less than or equal to 140; .*regular expression pattern/,
    )
  })

  it('shows doubles with their point', () => {
    expect(
      message('CreateAlias', {
        FunctionName: 'f',
        Name: 'a',
        FunctionVersion: '1',
        RoutingConfig: { AdditionalVersionWeights: { '2': 2 } },
      }),
    ).toBe(
      "1 validation error detected: Value '{2=2.0}' at 'routingConfig.additionalVersionWeights' failed to satisfy " +
        'constraint: Map value must satisfy constraint: [Member must have value less than or equal to 1.0, ' +
        'Member must have value greater than or equal to 0.0, Member must not be null]',
    )
  })

  it('names nulls inside lists', () => {
    expect(message('CreateFunction', { ...good, Layers: [null] })).toMatch(
      /^1 validation error detected: Value '\[null\]' at 'layers' .*Member must not be null\]$/,
    )
  })
})
