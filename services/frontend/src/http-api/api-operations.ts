import { type HttpApi, httpApiKeys } from '@weft/contracts'
import { type ApiAnswer, type ApiCall, type ApiOperations, newId, page } from './calls.ts'
import { changeApi, readingApi } from './change.ts'
import { conflict, given, Members } from './members.ts'
import { newIntegration, newRoute, newStage, readApi, readIntegration, readRoute, readTags } from './rules.ts'

/** CreateApi, GetApis, GetApi, UpdateApi, DeleteApi, DeleteCorsConfiguration. */
export const apiOperations: ApiOperations = (call) => {
  const [family, apiId, more, ...rest] = call.path
  const { method } = call.request
  if (family !== 'apis' || rest.length > 0) return undefined
  if (apiId === undefined) return method === 'POST' ? createApi(call) : method === 'GET' ? listApis(call) : undefined
  if (more === 'cors' && method === 'DELETE') return deleteCors(call, apiId)
  if (more !== undefined) return undefined
  switch (method) {
    case 'GET':
      return readingApi(call, apiId, (api) => ({ status: 200, body: showApi(call, api) }))
    case 'PATCH':
      return updateApi(call, apiId)
    case 'DELETE':
      return changeApi(call, apiId, () => ({ entry: undefined, answer: { status: 204 } }))
    default:
      return undefined
  }
}

async function createApi(call: ApiCall): Promise<ApiAnswer> {
  const { deps, request, body } = call
  const { accountId } = request.principal
  const date = new Date(deps.clock.now()).toISOString()
  const read = Members.read(body, (members): HttpApi => {
    members.required('protocolType', 16)
    const shared = readApi(members)
    const empty: HttpApi = {
      ...{ accountId, apiId: newId(10), name: members.required('name', 128), createdDate: date },
      ...given(shared),
      disableExecuteApiEndpoint: shared.disableExecuteApiEndpoint ?? false,
      tags: readTags(members) ?? {},
      ...{ routes: {}, integrations: {}, authorizers: {}, stages: {}, deployments: {} },
    }
    return quickCreate(members, empty, date)
  })
  if ('problem' in read) return read
  const api = read.value
  const stored = await deps.directory.store.create(httpApiKeys.api(accountId, api.apiId), api)
  if (!stored.ok) return { problem: conflict('Unable to complete operation at this time. Please try again.') }
  return { status: 201, body: showApi(call, api) }
}

/** With a target an API is born with an integration, a route to it and a stage that deploys by itself. */
function quickCreate(members: Members, api: HttpApi, date: string): HttpApi {
  const target = members.text('target', 2_048)
  const routeKey = members.text('routeKey', 512)
  members.only('credentialsArn')
  if (target === undefined) return routeKey === undefined ? api : members.refuse('routeKey needs a target.')
  const stamp = { id: newId(7), date }
  const part = <T>(json: object, readPart: (inner: Members) => T): T => {
    const read = Members.read({ ...json }, readPart)
    return 'problem' in read ? members.refuse(read.problem.message) : read.value
  }
  const integration = {
    ...part({ integrationUri: target, payloadFormatVersion: '2.0' }, (inner) =>
      readIntegration(inner, newIntegration(stamp)),
    ),
    apiGatewayManaged: true,
  }
  const integrations = { [integration.integrationId]: integration }
  const route = {
    ...part({ routeKey: routeKey ?? '$default', target: `integrations/${integration.integrationId}` }, (inner) =>
      readRoute(inner, { ...api, integrations }, newRoute({ id: newId(7), date })),
    ),
    apiGatewayManaged: true,
  }
  const stage = { ...newStage('$default', { date }), autoDeploy: true, apiGatewayManaged: true }
  return { ...api, integrations, routes: { [route.routeId]: route }, stages: { $default: stage } }
}

const listApis = async (call: ApiCall): Promise<ApiAnswer> =>
  page(
    call.deps.directory.index.apis(call.request.principal.accountId).map((api) => showApi(call, api)),
    call.query,
  )

function updateApi(call: ApiCall, apiId: string): Promise<ApiAnswer> {
  return changeApi(call, apiId, (api) => {
    const read = Members.read(call.body, (members) => ({
      ...api,
      ...given({ name: members.text('name', 128), ...readApi(members) }),
    }))
    if ('problem' in read) return read
    return { entry: read.value, answer: { status: 200, body: showApi(call, read.value) } }
  })
}

const deleteCors = (call: ApiCall, apiId: string): Promise<ApiAnswer> =>
  changeApi(call, apiId, ({ corsConfiguration: _gone, ...entry }) => ({ entry, answer: { status: 204 } }))

const showApi = ({ deps }: ApiCall, api: HttpApi): object => ({
  apiEndpoint: deps.endpoint(api.apiId),
  apiId: api.apiId,
  apiKeySelectionExpression: '$request.header.x-api-key',
  createdDate: api.createdDate,
  disableExecuteApiEndpoint: api.disableExecuteApiEndpoint,
  name: api.name,
  protocolType: 'HTTP',
  routeSelectionExpression: '$request.method $request.path',
  tags: api.tags,
  ...given({ description: api.description, version: api.version, corsConfiguration: api.corsConfiguration }),
})
