import type { FunctionConfiguration } from '@weft/aws'
import type { FunctionMessage, FunctionsServiceServer } from '@weft/contracts/api/functions'
import type { Management } from '../../operations/api.ts'
import { type CallDeps, mapOk, unary } from './calls.ts'

export interface FunctionOperations {
  readonly management: Pick<
    Management,
    | 'CreateFunction'
    | 'GetFunction'
    | 'ListFunctions'
    | 'UpdateFunctionCode'
    | 'UpdateFunctionConfiguration'
    | 'DeleteFunction'
  >
}

/** Management of functions: the operations of the REST API under proto3 shapes, in which "" and 0 stand for absent. */
export function functionsService({ management }: FunctionOperations, deps: CallDeps): FunctionsServiceServer {
  return {
    createFunction: unary('CreateFunction', deps, async (context, request) => {
      const created = await management.CreateFunction(context, {
        FunctionName: request.functionName,
        Role: request.role,
        Code: { ZipFile: request.zipFile },
        Runtime: present(request.runtime),
        Handler: present(request.handler),
        Description: present(request.description),
        Timeout: present(request.timeoutSeconds),
        MemorySize: present(request.memorySizeMb),
        EphemeralStorage: storage(present(request.ephemeralStorageMb)),
        Environment: filled(request.environment) && { Variables: request.environment },
        Tags: filled(request.tags),
      })
      return mapOk(created, (configuration) => functionMessage(configuration, request.tags))
    }),
    getFunction: unary('GetFunction', deps, async (context, request) => {
      const input = { FunctionName: request.functionName, Qualifier: present(request.qualifier) }
      const found = await management.GetFunction(context, input)
      return mapOk(found, ({ Configuration, Tags }) => functionMessage(Configuration ?? {}, Tags))
    }),
    listFunctions: unary('ListFunctions', deps, async (context, request) => {
      const input = { MaxItems: present(request.maxItems), Marker: present(request.marker) }
      const listed = await management.ListFunctions(context, input)
      return mapOk(listed, ({ Functions, NextMarker }) => ({
        functions: (Functions ?? []).map((one) => functionMessage(one)),
        nextMarker: NextMarker ?? '',
      }))
    }),
    updateFunctionCode: unary('UpdateFunctionCode', deps, async (context, request) => {
      const updated = await management.UpdateFunctionCode(context, {
        FunctionName: request.functionName,
        ZipFile: request.zipFile,
        RevisionId: present(request.revisionId),
        DryRun: request.dryRun,
      })
      return mapOk(updated, (configuration) => functionMessage(configuration))
    }),
    updateFunctionConfiguration: unary('UpdateFunctionConfiguration', deps, async (context, request) => {
      const updated = await management.UpdateFunctionConfiguration(context, {
        FunctionName: request.functionName,
        Runtime: request.runtime,
        Role: request.role,
        Handler: request.handler,
        Description: request.description,
        Timeout: request.timeoutSeconds,
        MemorySize: request.memorySizeMb,
        EphemeralStorage: storage(request.ephemeralStorageMb),
        Environment: request.environment && { Variables: request.environment.variables },
        RevisionId: present(request.revisionId),
      })
      return mapOk(updated, (configuration) => functionMessage(configuration))
    }),
    deleteFunction: unary('DeleteFunction', deps, async (context, request) => {
      const input = { FunctionName: request.functionName, Qualifier: present(request.qualifier) }
      return mapOk(await management.DeleteFunction(context, input), () => ({}))
    }),
  }
}

const present = <T extends string | number>(value: T): T | undefined =>
  value === '' || value === 0 ? undefined : value

const filled = <T extends object>(map: T): T | undefined => (Object.keys(map).length === 0 ? undefined : map)

const storage = (sizeMb: number | undefined) => (sizeMb === undefined ? undefined : { Size: sizeMb })

const functionMessage = (c: FunctionConfiguration, tags: Readonly<Record<string, string>> = {}): FunctionMessage => ({
  functionName: c.FunctionName ?? '',
  functionArn: c.FunctionArn ?? '',
  runtime: c.Runtime ?? '',
  role: c.Role ?? '',
  handler: c.Handler ?? '',
  description: c.Description ?? '',
  timeoutSeconds: c.Timeout ?? 0,
  memorySizeMb: c.MemorySize ?? 0,
  ephemeralStorageMb: c.EphemeralStorage?.Size ?? 0,
  environment: { ...c.Environment?.Variables },
  codeSha256: c.CodeSha256 ?? '',
  codeSizeBytes: BigInt(c.CodeSize ?? 0),
  version: c.Version ?? '',
  revisionId: c.RevisionId ?? '',
  state: c.State ?? '',
  lastUpdateStatus: c.LastUpdateStatus ?? '',
  lastModified: c.LastModified === undefined ? undefined : new Date(c.LastModified),
  tags: { ...tags },
})
