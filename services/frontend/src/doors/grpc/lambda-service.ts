import { createFileRegistry, type FileRegistry, fromBinary } from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import type { MethodDefinition, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js'
import { lambdaModel, type OperationInputs, type OperationName, protoService } from '@weft/aws'
import type { Management } from '../../operations/api.ts'
import { callOperation } from '../../operations/call.ts'
import type { CallOperation } from '../../operations/refused.ts'
import { type CallDeps, mapOk, unary } from './calls.ts'
import { type Decoded, malformed } from './codec.ts'
import { ModelMessages } from './model-messages.ts'

type ManagementOperation = Exclude<OperationName, CallOperation>
type Members = Readonly<Record<string, unknown>>

export interface LambdaServiceParts {
  readonly definition: ServiceDefinition
  readonly handlers: UntypedServiceImplementation
}

/**
 * `weft.lambda.v1.LambdaService`: the management operations of the API model, read and written by the model. `descriptors`
 * is a FileDescriptorSet that has the service.
 */
export function lambdaService(descriptors: Uint8Array, management: Management, deps: CallDeps): LambdaServiceParts {
  const registry = registryOf(descriptors)
  const messages = new ModelMessages(registry)
  const definition: Record<string, MethodDefinition<Decoded<Members>, Members>> = {}
  const handlers: Record<string, ReturnType<typeof unary<Members, Members>>> = {}
  for (const name of operationsOf(registry)) {
    const { input, output } = lambdaModel.operations[name]
    definition[name] = {
      path: `/${protoService}/${name}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: notHere,
      requestDeserialize: (bytes) => {
        try {
          return messages.decode(input, bytes)
        } catch {
          return malformed
        }
      },
      responseSerialize: (value) => Buffer.from(messages.encode(output, value)),
      responseDeserialize: notHere,
    }
    handlers[name] = unary(name, deps, async (context, request: Members) => {
      const answered = await callOperation(management, name, context, request as OperationInputs[typeof name])
      return mapOk(answered, (value) => value as Members)
    })
  }
  return { definition, handlers }
}

export const registryOf = (descriptors: Uint8Array): FileRegistry =>
  createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors))

/** The operations that the service has methods for. */
export function operationsOf(registry: FileRegistry): readonly ManagementOperation[] {
  const service = registry.getService(protoService)
  if (!service) throw new Error(`no descriptor of service ${protoService}`)
  return service.methods.map((method) => method.name as ManagementOperation)
}

/** What a client would need. */
const notHere = (): never => {
  throw new Error('this is the server')
}
