import { readFileSync } from 'node:fs'
import { awsErrors } from '@weft/contracts'
import { expect, it } from 'vitest'
import { lambdaModel, operationNames, shapeOf } from './model.ts'

const here = new URL('./', import.meta.url)
const generator = (await import(new URL('../../scripts/generate-model.mjs', here).href)) as {
  generateModel(facts: unknown): unknown
}

it('is what the generator makes of the SDK that is installed', () => {
  const facts: unknown = JSON.parse(readFileSync(new URL('facts.json', here), 'utf8'))
  expect(generator.generateModel(facts)).toEqual(lambdaModel)
})

it('knows all 88 operations, and every shape they refer to', () => {
  expect(operationNames).toHaveLength(88)
  const referenced = Object.values(lambdaModel.shapes).flatMap((shape) => [
    ...Object.values(shape.members ?? {}).map((member) => member.shape),
    ...(shape.key ? [shape.key] : []),
    ...(shape.value ? [shape.value] : []),
  ])
  expect(referenced.filter((name) => !lambdaModel.shapes[name])).toEqual([])
})

it('agrees with the error table', () => {
  const rows = Object.entries(awsErrors).filter(([code]) => lambdaModel.errors[code])
  expect(rows.length).toBeGreaterThan(10)
  for (const [code, row] of rows) {
    expect({ code, status: row.http, message: row.messageKey }).toEqual({ code, ...lambdaModel.errors[code] })
  }
})

it('has only patterns that compile, and no bytes inside the JSON of an output', () => {
  for (const shape of Object.values(lambdaModel.shapes))
    if (shape.pattern) expect(() => new RegExp(`^(?:${shape.pattern})$`, 'u')).not.toThrow()
  const holdsBytes = (name: string, seen: Set<string>): boolean => {
    if (seen.has(name)) return false
    seen.add(name)
    const shape = shapeOf(name)
    if (shape.type === 'blob') return true
    const inner = Object.values(shape.members ?? {}).filter((member) => member.in === undefined)
    return [...inner.map((m) => m.shape), ...(shape.value ? [shape.value] : [])].some((n) => holdsBytes(n, seen))
  }
  const outputs = operationNames.map((name) => lambdaModel.operations[name].output)
  expect(outputs.filter((name) => holdsBytes(name, new Set()))).toEqual([])
})
