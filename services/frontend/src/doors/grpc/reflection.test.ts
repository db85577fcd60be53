import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { create, createFileRegistry, fromBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { describe, expect, it } from 'vitest'
import { createReflector, reflectionServices } from './reflection.ts'

const set = readFileSync(fileURLToPath(import.meta.resolve('@weft/contracts/descriptors')))
const reflect = createReflector(set, ['weft.v1.InvokeService', 'weft.lambda.v1.LambdaService', ...reflectionServices])

const ask = ($case: string, value: unknown) =>
  reflect({ host: 'h', messageRequest: { $case, value } as never }).messageResponse

const filesOf = (response: ReturnType<typeof ask>) => {
  if (response?.$case !== 'fileDescriptorResponse') throw new Error(`got ${response?.$case}`)
  return response.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes))
}

describe('reflection', () => {
  it('lists the public services alone', () => {
    expect(ask('listServices', '')).toEqual({
      $case: 'listServicesResponse',
      value: {
        service: [
          { name: 'weft.v1.InvokeService' },
          { name: 'weft.lambda.v1.LambdaService' },
          { name: 'grpc.reflection.v1.ServerReflection' },
          { name: 'grpc.reflection.v1alpha.ServerReflection' },
        ],
      },
    })
  })

  it.each([
    'weft.lambda.v1.LambdaService',
    'weft.lambda.v1.LambdaService.GetFunction',
    'weft.lambda.v1.GetFunctionRequest.function_name',
  ])('gives the file of %s with all it imports', (symbol) => {
    const files = filesOf(ask('fileContainingSymbol', symbol))
    expect(files.map((f) => f.name)).toEqual(['google/protobuf/timestamp.proto', 'weft/lambda/v1/lambda.proto'])
    // A client can build its registry from the answer alone.
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: files }))
    expect(registry.getService('weft.lambda.v1.LambdaService')?.methods.length).toBeGreaterThan(60)
  })

  it('describes the older version of itself', () => {
    const [file] = filesOf(ask('fileContainingSymbol', 'grpc.reflection.v1alpha.ServerReflection'))
    expect(file?.service[0]?.method[0]?.inputType).toBe('.grpc.reflection.v1alpha.ServerReflectionRequest')
    expect(file?.name).toBe('grpc/reflection/v1alpha/reflection.proto')
  })

  it.each([
    ['fileByFilename', 'weft/internal/v1/worker.proto'],
    ['fileContainingSymbol', 'weft.internal.v1.WorkerService'],
    ['fileContainingSymbol', ''],
    ['fileContainingSymbol', '__proto__'],
    ['allExtensionNumbersOfType', 'x'.repeat(10_000)],
    ['fileContainingExtension', { containingType: 'weft.lambda.v1.GetFunctionRequest', extensionNumber: 1 }],
  ])('does not find %s %j', ($case, value) => {
    expect(ask($case, value)).toMatchObject({ $case: 'errorResponse', value: { errorCode: 5 } })
  })

  it('refuses to start without a descriptor', () => {
    expect(() => createReflector(set, ['weft.v1.Missing'])).toThrow('no descriptor of service weft.v1.Missing')
  })
})
