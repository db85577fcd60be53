import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { lambdaModel } from './model/model.ts'
import { protoFieldName } from './proto-names.ts'

const { existingProto, generateProto } = (await import(
  new URL('../scripts/generate-proto.mjs', import.meta.url).href
)) as { existingProto(): string; generateProto(model: unknown, existing: string): string }

describe('lambda.proto', () => {
  it('is what the generator makes of the API model', () => {
    expect(generateProto(lambdaModel, existingProto())).toBe(existingProto())
  })

  it('keeps the numbers of fields when members come and go', () => {
    const model = JSON.parse(readFileSync(new URL('model/lambda.json', import.meta.url), 'utf8')) as {
      shapes: Record<string, { members: Record<string, unknown> }>
    }
    const members = model.shapes.DeleteAliasRequest?.members ?? {}
    const { Name, ...rest } = members
    Object.assign(model.shapes, { DeleteAliasRequest: { type: 'structure', members: { Extra: Name, ...rest } } })
    const changed = generateProto(model, existingProto())
    expect(changed).toContain(
      'message DeleteAliasRequest {\n  reserved 2;\n  optional string function_name = 1;\n  optional string extra = 3;\n}',
    )
    Object.assign(model.shapes, { DeleteAliasRequest: { type: 'structure', members: { Other: Name, ...rest } } })
    const again = generateProto(model, changed)
    expect(again).toContain('reserved 2, 3;')
    expect(again).toContain('optional string other = 4;')
  })
})

it.each([
  ['FunctionName', 'function_name'],
  ['KMSKeyArn', 'kms_key_arn'],
  ['S3Bucket', 's3_bucket'],
  ['UUID', 'uuid'],
  ['CodeSha256', 'code_sha256'],
  ['Enabled', 'enabled'],
])('%s is %s in Protobuf', (member, name) => {
  expect(protoFieldName(member)).toBe(name)
})
