import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { lambdaModel, shapeOf } from '@weft/aws'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { servedOperations } from '../../operations/api.ts'
import { operationsOf, registryOf } from './lambda-service.ts'
import { ModelMessages } from './model-messages.ts'

const registry = registryOf(readFileSync(fileURLToPath(import.meta.resolve('@weft/contracts/descriptors'))))
const messages = new ModelMessages(registry)

/** Any value of a shape, without lists and maps that are empty, which Protobuf does not tell from absent ones. */
function anyOf(name: string, depth = 0): fc.Arbitrary<unknown> {
  const shape = shapeOf(name)
  switch (shape.type) {
    case 'string':
      return fc.string({ unit: 'grapheme', maxLength: 8 })
    case 'integer':
      return fc.maxSafeInteger()
    case 'double':
      return fc.double({ noNaN: true, noDefaultInfinity: true })
    case 'boolean':
      return fc.boolean()
    case 'timestamp':
      return fc.integer({ min: 0, max: 2 ** 31 })
    case 'blob':
      return fc.uint8Array({ maxLength: 16 })
    case 'list':
      return fc.array(anyOf(shape.value as string, depth), { minLength: 1, maxLength: 3 })
    case 'map':
      return fc.dictionary(
        fc.string({ minLength: 1, maxLength: 4 }).filter((key) => key !== '__proto__'),
        anyOf(shape.value as string, depth),
        { minKeys: 1, maxKeys: 3 },
      )
    case 'structure': {
      const members = Object.entries(shape.members ?? {})
      if (depth > 4) return fc.constant({})
      return fc.record(
        Object.fromEntries(members.map(([member, { shape: target }]) => [member, anyOf(target, depth + 1)])),
        { requiredKeys: [] },
      )
    }
    default:
      throw new Error(`no values of ${shape.type}`)
  }
}

describe('messages of the Lambda API', () => {
  const operations = operationsOf(registry)

  it('there are for every operation that is served', () => {
    expect(servedOperations.filter((name) => !operations.includes(name))).toEqual([])
  })

  it.each(operations)('%s is read as it was written', (operation) => {
    const { input, output } = lambdaModel.operations[operation]
    for (const shape of [input, output])
      fc.assert(
        fc.property(anyOf(shape), (value) => {
          const members = value as Readonly<Record<string, unknown>>
          expect(messages.decode(shape, messages.encode(shape, members))).toEqual(members)
        }),
        { numRuns: 10 },
      )
  })

  it('empties what is named to be emptied, and nothing else', () => {
    const shape = 'UpdateFunctionConfigurationRequest'
    const absent = messages.encode(shape, { FunctionName: 'f', Layers: [] })
    expect(messages.decode(shape, absent)).toEqual({ FunctionName: 'f' })
    const field = registry.getMessage(`weft.lambda.v1.${shape}`)?.fields.find((one) => one.name === 'cleared')
    expect(field?.number).toBe(1000)
    // Field 1000, "layers" and "timeout".
    const cleared = Buffer.concat([
      absent,
      ...['layers', 'timeout'].map((name) => Buffer.from([0xc2, 0x3e, name.length, ...Buffer.from(name)])),
    ])
    expect(messages.decode(shape, cleared)).toEqual({ FunctionName: 'f', Layers: [] })
  })

  it('refuses bytes that are no message', () => {
    expect(() => messages.decode('CreateAliasRequest', Buffer.from([0xff, 0xff, 0xff]))).toThrow()
  })
})
