import { type HttpApiMapping, type HttpDomain, httpApiKeys, isDomainName } from '@weft/contracts'
import { type ApiAnswer, type ApiCall, type ApiOperations, newId, page } from './calls.ts'
import { changeDomain } from './change.ts'
import { badRequest, conflict, given, Members, notFound } from './members.ts'
import { readTags } from './rules.ts'

/** Custom domain names, and which APIs they lead to. TLS is a matter of what stands in front of the fabric. */
export const domainOperations: ApiOperations = (call) => {
  const [family, domain, more, id, ...rest] = call.path
  const { method } = call.request
  if (family !== 'domainnames' || rest.length > 0) return undefined
  if (domain === undefined)
    return method === 'POST' ? createDomain(call) : method === 'GET' ? listDomains(call) : undefined
  if (more === undefined) {
    if (method === 'GET')
      return Promise.resolve(readDomain(call, domain, (found) => ({ status: 200, body: show(found) })))
    return method === 'DELETE' ? deleteDomain(call, domain) : undefined
  }
  return more === 'apimappings' ? mappingOperations(call, domain, id) : undefined
}

function mappingOperations(call: ApiCall, domain: string, id: string | undefined): Promise<ApiAnswer> | undefined {
  const { method } = call.request
  if (id === undefined) {
    if (method === 'POST') return putMapping(call, domain, undefined)
    if (method !== 'GET') return undefined
    return Promise.resolve(readDomain(call, domain, ({ mappings }) => page(Object.values(mappings), call.query)))
  }
  switch (method) {
    case 'GET':
      return Promise.resolve(
        readDomain(call, domain, ({ mappings }) => {
          const mapping = Object.hasOwn(mappings, id) ? mappings[id] : undefined
          return mapping ? { status: 200, body: mapping } : { problem: notFound('API mapping', id) }
        }),
      )
    case 'PATCH':
      return putMapping(call, domain, id)
    case 'DELETE':
      return changeDomain(call, domain, (found) => {
        if (!Object.hasOwn(found.mappings, id)) return { problem: notFound('API mapping', id) }
        const mappings = Object.fromEntries(Object.entries(found.mappings).filter(([one]) => one !== id))
        return { entry: { ...found, mappings }, answer: { status: 204 } }
      })
    default:
      return undefined
  }
}

async function createDomain(call: ApiCall): Promise<ApiAnswer> {
  const { deps, request, body } = call
  const { accountId } = request.principal
  const read = Members.read(body, (members): HttpDomain => {
    const domainName = members.required('domainName', 512).toLowerCase()
    if (!isDomainName(domainName)) return members.refuse(`Invalid domain name: ${domainName}`)
    members.only('routingMode', 'API_MAPPING_ONLY')
    // What of it speaks of certificates is for whatever ends TLS.
    members.take('domainNameConfigurations')
    const createdDate = new Date(deps.clock.now()).toISOString()
    return { accountId, domainName, createdDate, tags: readTags(members) ?? {}, mappings: {} }
  })
  if ('problem' in read) return read
  const { domainName } = read.value
  const taken = { problem: conflict('The domain name you provided already exists.') }
  if (deps.directory.index.domain(domainName)) return taken
  const stored = await deps.directory.store.create(httpApiKeys.domain(accountId, domainName), read.value)
  return stored.ok ? { status: 201, body: show(read.value) } : taken
}

const listDomains = async ({ deps, request, query }: ApiCall): Promise<ApiAnswer> =>
  page(deps.directory.index.domains(request.principal.accountId).map(show), query)

function readDomain({ deps, request }: ApiCall, name: string, answer: (domain: HttpDomain) => ApiAnswer): ApiAnswer {
  const domain = deps.directory.index.domain(name)
  return domain && domain.accountId === request.principal.accountId
    ? answer(domain)
    : { problem: notFound('domain name', name) }
}

const deleteDomain = (call: ApiCall, name: string): Promise<ApiAnswer> =>
  changeDomain(call, name, ({ mappings }) =>
    Object.keys(mappings).length > 0
      ? { problem: badRequest('The domain name has API mappings; delete them first.') }
      : { entry: undefined, answer: { status: 204 } },
  )

function putMapping(call: ApiCall, domain: string, id: string | undefined): Promise<ApiAnswer> {
  const apiMappingId = id ?? newId(7)
  return changeDomain(call, domain, (found) => {
    const before = id !== undefined && Object.hasOwn(found.mappings, id) ? found.mappings[id] : undefined
    if (id !== undefined && !before) return { problem: notFound('API mapping', id) }
    const read = Members.read(call.body, (members): HttpApiMapping => {
      const mapping = {
        ...{ apiMappingId, apiId: '', stage: '', apiMappingKey: '', ...before },
        ...given({
          apiId: members.text('apiId', 64),
          stage: members.text('stage', 128),
          apiMappingKey: members.text('apiMappingKey', 300),
        }),
      }
      if (!/^([A-Za-z0-9$._-]+(\/[A-Za-z0-9$._-]+)*)?$/.test(mapping.apiMappingKey))
        return members.refuse('Invalid API mapping key.')
      const api = call.deps.directory.index.api(mapping.apiId)
      if (api?.accountId !== found.accountId) return members.refuse(`Invalid API identifier specified ${mapping.apiId}`)
      if (!Object.hasOwn(api.stages, mapping.stage)) return members.refuse(`Invalid stage identifier specified`)
      return mapping
    })
    if ('problem' in read) return read
    const mapping = read.value
    const twin = Object.values(found.mappings).some(
      (one) => one.apiMappingKey === mapping.apiMappingKey && one.apiMappingId !== apiMappingId,
    )
    if (twin) return { problem: conflict('ApiMapping key already exists for this domain name') }
    const entry = { ...found, mappings: { ...found.mappings, [apiMappingId]: mapping } }
    return { entry, answer: { status: id === undefined ? 201 : 200, body: mapping } }
  })
}

const show = ({ domainName, tags }: HttpDomain): object => ({
  apiMappingSelectionExpression: '$request.basepath',
  domainName,
  domainNameConfigurations: [
    { apiGatewayDomainName: domainName, domainNameStatus: 'AVAILABLE', endpointType: 'REGIONAL' },
  ],
  tags,
})
