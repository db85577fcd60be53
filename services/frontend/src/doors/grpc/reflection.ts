import {
  clone,
  create,
  createFileRegistry,
  type DescFile,
  type DescService,
  type FileRegistry,
  fromBinary,
  toBinary,
} from '@bufbuild/protobuf'
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import {
  type ServerDuplexStream,
  type ServiceDefinition,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionService,
} from '@weft/contracts/api/reflection'

const v1 = 'grpc.reflection.v1'
const v1alpha = 'grpc.reflection.v1alpha'

/** Answers requests of the reflection protocol from descriptors. Pure. */
export type Reflector = (request: ServerReflectionRequest) => ServerReflectionResponse

/**
 * Describes the named services and what they refer to, and nothing else of the set: internal interfaces in the same
 * set stay hidden. Throws when a service is not described.
 */
export function createReflector(set: Uint8Array, services: readonly string[]): Reflector {
  const files = [...fromBinary(FileDescriptorSetSchema, set).file]
  const reflection = files.find((file) => file.package === v1)
  if (reflection) files.push(renamePackage(reflection, v1, v1alpha))
  const all = createFileRegistry(create(FileDescriptorSetSchema, { file: files }))
  const served = services.map((name) => {
    const service = all.getService(name)
    if (!service) throw new Error(`no descriptor of service ${name}`)
    return service
  })
  const reachable = withImports(served.map((service) => service.file))
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: reachable.map((file) => file.proto) }))
  return (request) => ({
    validHost: request.host,
    originalRequest: request,
    messageResponse: answer(registry, served, request),
  })
}

function answer(
  registry: FileRegistry,
  served: readonly DescService[],
  { messageRequest }: ServerReflectionRequest,
): NonNullable<ServerReflectionResponse['messageResponse']> {
  switch (messageRequest?.$case) {
    case 'listServices':
      return { $case: 'listServicesResponse', value: { service: served.map((s) => ({ name: s.typeName })) } }
    case 'fileByFilename':
      return filesFrom(registry.getFile(messageRequest.value), `file ${messageRequest.value}`)
    case 'fileContainingSymbol':
      return filesFrom(fileOf(registry, messageRequest.value), `symbol ${messageRequest.value}`)
    case 'fileContainingExtension':
      return notFound(`extension of ${messageRequest.value.containingType}`)
    case 'allExtensionNumbersOfType': {
      // proto3 has no extensions, so a known type has none.
      const known = registry.getMessage(messageRequest.value)
      if (!known) return notFound(`type ${messageRequest.value}`)
      return {
        $case: 'allExtensionNumbersResponse',
        value: { baseTypeName: known.typeName, extensionNumber: [] },
      }
    }
    case undefined:
      return failure(status.INVALID_ARGUMENT, 'the request asks for nothing')
  }
}

/** A symbol is a type, or a method, field or value inside one. */
function fileOf(registry: FileRegistry, symbol: string): DescFile | undefined {
  return (registry.get(symbol) ?? registry.get(symbol.slice(0, Math.max(0, symbol.lastIndexOf('.')))))?.file
}

function filesFrom(file: DescFile | undefined, asked: string) {
  if (!file) return notFound(asked)
  return {
    $case: 'fileDescriptorResponse' as const,
    value: {
      fileDescriptorProto: withImports([file]).map((one) =>
        Buffer.from(toBinary(FileDescriptorProtoSchema, one.proto)),
      ),
    },
  }
}

/** The files and, transitively, what they import; each once and after its imports. */
function withImports(files: readonly DescFile[]): DescFile[] {
  const found = new Map<string, DescFile>()
  const visit = (one: DescFile): void => {
    if (found.has(one.name)) return
    for (const dependency of one.dependencies) visit(dependency)
    found.set(one.name, one)
  }
  for (const file of files) visit(file)
  return [...found.values()]
}

const failure = (errorCode: number, errorMessage: string) => ({
  $case: 'errorResponse' as const,
  value: { errorCode, errorMessage },
})

const notFound = (asked: string) => failure(status.NOT_FOUND, `${asked.slice(0, 200)} not found`)

/** The two versions of the protocol differ in the package's name alone. */
function renamePackage(file: FileDescriptorProto, from: string, to: string): FileDescriptorProto {
  const copy = clone(FileDescriptorProtoSchema, file)
  const renamed = (type: string): string =>
    type.startsWith(`.${from}.`) ? `.${to}.${type.slice(from.length + 2)}` : type
  copy.package = to
  copy.name = copy.name.replace(from.replaceAll('.', '/'), to.replaceAll('.', '/'))
  for (const message of copy.messageType) for (const field of message.field) field.typeName = renamed(field.typeName)
  for (const service of copy.service) {
    for (const method of service.method) {
      method.inputType = renamed(method.inputType)
      method.outputType = renamed(method.outputType)
    }
  }
  return copy
}

/** Names of the reflection services themselves, to be listed with the others. */
export const reflectionServices = [`${v1}.ServerReflection`, `${v1alpha}.ServerReflection`] as const

/** Both versions as services to add to a server. */
export function reflectionHandlers(reflect: Reflector): [ServiceDefinition, UntypedServiceImplementation][] {
  const serverReflectionInfo = (call: ServerDuplexStream<ServerReflectionRequest, ServerReflectionResponse>): void => {
    call.on('data', (request: ServerReflectionRequest) => call.write(reflect(request)))
    call.on('end', () => call.end())
    // Broken connections end the call; there is nothing to undo.
    call.on('error', () => undefined)
  }
  const method = ServerReflectionService.serverReflectionInfo
  const older = { serverReflectionInfo: { ...method, path: method.path.replace(v1, v1alpha) } }
  return [
    [ServerReflectionService, { serverReflectionInfo }],
    [older as ServiceDefinition, { serverReflectionInfo }],
  ]
}
